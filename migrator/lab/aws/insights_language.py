"""The part of CloudWatch Logs Insights' language that the lab understands: expressions over one log
event.

Source: CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax". What is not
understood is a MalformedQueryException, never ignored.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias

from migrator.lab.aws.errors import AwsError

Record: TypeAlias = dict[str, Any]
Value: TypeAlias = Any  # of a JSON field
Evaluate: TypeAlias = Callable[[Record], Any]
Test: TypeAlias = Callable[[Any], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<regex>/(?:[^/\\]|\\.)+/)|(?P<quoted>`[^`]+`)|\"(?P<double>(?:[^\"\\]|\\.)*)\"|'(?P<single>(?:[^'\\]|\\.)*)'"
    r"|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|(?P<op>!=|<=|>=|=~|[=<>(),*\[\]])|(?P<word>[@\w][\w.@-]*))"
)
_BIN = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def malformed(query: str) -> AwsError:
    """MalformedQueryException."""
    return AwsError(
        "MalformedQueryException", f"The lab does not understand this query: {query.strip()[:300]}"
    )


class Tokens:
    """Tokens of one command: (kind, text)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise malformed(text)
            self.found.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self.at = 0

    def peek(self) -> tuple[str, str]:
        """The next token, not taken."""
        return self.found[self.at] if self.at < len(self.found) else ("end", "")

    def take(self) -> tuple[str, str]:
        """The next token."""
        token = self.peek()
        self.at += 1
        return token

    def word(self, *wanted: str) -> bool:
        """Take the next token if it is one of these words."""
        kind, text = self.peek()
        if kind == "word" and text.lower() in wanted:
            self.at += 1
            return True
        return False

    def op(self, wanted: str) -> bool:
        """Take the next token if it is this operator."""
        if self.peek() == ("op", wanted):
            self.at += 1
            return True
        return False

    def need(self, wanted: str) -> None:
        """Take this operator. Raises when something else comes."""
        if not self.op(wanted):
            raise malformed(self.text)

    @property
    def over(self) -> bool:
        """Whether everything is taken."""
        return self.at >= len(self.found)


def parse_condition(tokens: Tokens) -> Evaluate:
    """``or`` of ``and`` of ``not`` of comparisons."""
    parts = [_conjunction(tokens)]
    while tokens.word("or"):
        parts.append(_conjunction(tokens))
    return parts[0] if len(parts) == 1 else lambda record: any(part(record) for part in parts)


def _conjunction(tokens: Tokens) -> Evaluate:
    parts = [_negation(tokens)]
    while tokens.word("and"):
        parts.append(_negation(tokens))
    return parts[0] if len(parts) == 1 else lambda record: all(part(record) for part in parts)


def _negation(tokens: Tokens) -> Evaluate:
    if tokens.word("not"):
        inner = _negation(tokens)
        return lambda record: not inner(record)
    if tokens.op("("):
        inner = parse_condition(tokens)
        tokens.need(")")
        return inner
    return _comparison(tokens)


def _comparison(tokens: Tokens) -> Evaluate:
    left = parse_value(tokens)
    negated = tokens.word("not")
    if tokens.word("like") or tokens.op("=~"):
        test = _likeness(tokens)
    elif tokens.word("in"):
        wanted = _list(tokens)
        test = _membership(wanted)
    else:
        kind, operator = tokens.peek()
        if negated:
            raise malformed(tokens.text)
        if kind != "op" or operator not in ("=", "!=", "<", ">", "<=", ">="):
            return lambda record: left(record) is True  # a function such as ispresent(field)
        tokens.take()
        return _ordered(operator, left, parse_value(tokens))
    if negated:
        return lambda record: not test(left(record))
    return lambda record: test(left(record))


def _membership(wanted: set[str]) -> Test:
    return lambda value: value is not None and str(value) in wanted


def _likeness(tokens: Tokens) -> Test:
    kind, text = tokens.take()
    if kind == "regex":
        try:
            pattern = re.compile(text[1:-1])
        except re.error:
            raise malformed(tokens.text) from None
    elif kind in ("double", "single"):
        pattern = re.compile(re.escape(_unescape(text)))
    else:
        raise malformed(tokens.text)
    return lambda value: value is not None and pattern.search(str(value)) is not None


def _list(tokens: Tokens) -> set[str]:
    tokens.need("[")
    wanted: set[str] = set()
    while not tokens.op("]"):
        kind, text = tokens.take()
        if kind not in ("double", "single", "number"):
            raise malformed(tokens.text)
        wanted.add(_unescape(text))
        tokens.op(",")
    return wanted


def _ordered(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    def compare(record: Record) -> bool:
        one, other = left(record), right(record)
        if operator == "!=":
            return str(one) != str(other) if one is not None else True
        if one is None or other is None:
            return False
        first, second = number(one), number(other)
        if operator == "=":
            return str(one) == str(other) or (first is not None and first == second)
        if first is None or second is None:
            return False
        return {
            "<": first < second,
            ">": first > second,
            "<=": first <= second,
            ">=": first >= second,
        }[operator]

    return compare


def parse_value(tokens: Tokens) -> Evaluate:
    """A field, a literal, or one of the functions ispresent, strcontains, tolower, toMillis,
    coalesce, bin.
    """
    kind, text = tokens.take()
    if kind in ("double", "single"):
        literal = _unescape(text)
        return lambda record: literal
    if kind == "number":
        return lambda record: text
    if kind == "quoted":
        return lambda record: record.get(text[1:-1])
    if kind != "word":
        raise malformed(tokens.text)
    if tokens.op("("):
        return _function(text.lower(), tokens)
    return lambda record: record.get(text)


def _function(name: str, tokens: Tokens) -> Evaluate:
    if name == "bin":
        return _bin(tokens)
    arguments = [parse_value(tokens)]
    while tokens.op(","):
        arguments.append(parse_value(tokens))
    tokens.need(")")
    if name == "ispresent" and len(arguments) == 1:
        return lambda record: arguments[0](record) is not None
    if name == "tomillis" and len(arguments) == 1:
        return lambda record: _milliseconds(arguments[0](record))
    if name == "tolower" and len(arguments) == 1:
        return lambda record: str(arguments[0](record) or "").lower()
    if name == "strcontains" and len(arguments) == 2:
        return lambda record: str(arguments[1](record)) in str(arguments[0](record) or "")
    if name == "coalesce":
        return lambda record: next(
            (found for part in arguments if (found := part(record)) is not None), None
        )
    raise malformed(tokens.text)


def _bin(tokens: Tokens) -> Evaluate:
    match = _BIN.fullmatch(tokens.take()[1])
    tokens.need(")")
    if match is None:
        raise malformed(tokens.text)
    step = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    zero = datetime(1970, 1, 1, tzinfo=timezone.utc)

    def floor(record: Record) -> str:
        moment = datetime.strptime(record["@timestamp"], "%Y-%m-%d %H:%M:%S.%f").replace(
            tzinfo=timezone.utc
        )
        return timestamp_text(zero + step * ((moment - zero) // step))

    return floor


def _milliseconds(text: Value) -> int | None:
    """A timestamp field as milliseconds since 1970."""
    try:
        moment = datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def timestamp_text(moment: datetime) -> str:
    """``2026-11-22 07:00:00.000``, as Insights shows times."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def number(value: Value) -> float | None:
    """A value as a number, None where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def flatten(value: Value, prefix: str, into: Record) -> None:
    """JSON fields as Insights discovers them: ``user.username``, ``user.groups.0``."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            flatten(item, f"{prefix}.{key}" if prefix else str(key), into)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            flatten(item, f"{prefix}.{index}" if prefix else str(index), into)
    elif value is not None:
        into[prefix] = (
            value
            if isinstance(value, str)
            else str(value).lower()
            if isinstance(value, bool)
            else value
        )
