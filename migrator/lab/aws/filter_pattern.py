"""CloudWatch Logs filter patterns (CloudWatch Logs user guide, "Filter pattern syntax").

Terms (all must occur; ``?term`` any of them; ``-term`` none; quotes for phrases), JSON conditions
(``{ ($.verb = "get") && ($.user.username = "arn:*") }`` with ``= != < > <= >= IS NULL, EXISTS, NOT
EXISTS``). What is not understood is refused, never taken to match everything.
"""

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from itertools import chain
from operator import ge, gt, le, lt
from typing import Any

from migrator.lab.aws.errors import AwsError

Predicate = Callable[[str], bool]
Condition = Callable[[Any], bool]
_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')
_TOKEN = re.compile(
    r'\s*(?:(?P<op>&&|\|\||\(|\)|!=|<=|>=|=|<|>)|(?P<path>\$(?:\.[\w@/-]+|\.?\[(?:\d+|\*|"[^"]*"|\'[^\']*\')\])+)'
    r'|"(?P<text>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]*)%|(?P<word>[\w.*:/@+-]+))'
)
_STEP = re.compile(r"\.?\[(?:(\d+)|(\*)|[\"']([^\"']*)[\"'])\]|\.([\w@/-]+)")
_END = ("end", "")
_MISSING = object()
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": lt,
    ">": gt,
    "<=": le,
    ">=": ge,
}


def compile_pattern(pattern: str) -> Predicate:
    """A predicate on messages; an empty pattern matches all.

    Raises InvalidParameterException for what is not understood, space-delimited patterns (``[a,
    b]``) among it.
    """
    text = pattern.strip()
    if not text:
        return lambda message: True
    if text.startswith("{") and text.endswith("}"):
        condition = _Parser(text[1:-1]).condition()
        return lambda message: _json_matches(condition, message)
    if text.startswith("["):
        raise _refused(pattern)
    return _terms(text)


def _refused(what: str) -> AwsError:
    return AwsError("InvalidParameterException", f"Invalid filter pattern: {what[:200]}")


def _terms(text: str) -> Predicate:
    """A predicate by terms, which occur anywhere in the message, with regard to case.

    Every plain term must occur, one of those with ``?`` must, and none with ``-`` may.
    """
    found: dict[str, list[str]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise _refused(text)
        sign, quoted, word = match.groups()
        term = word
        if quoted is not None:
            term = re.sub(r"\\(.)", r"\1", quoted)
        found[sign].append(term)
        at = match.end()
    every, some, none = found.values()

    def matches(message: str) -> bool:
        if any(term in message for term in none):
            return False
        if some and not any(term in message for term in some):
            return False
        return all(term in message for term in every)

    return matches


def _json_matches(condition: Condition, message: str) -> bool:
    """Whether a message is JSON and meets the condition; another message never does."""
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        return False
    return condition(document)


class _Parser:
    """Recursive descent over a JSON pattern: ``or`` of ``and`` of comparisons."""

    def __init__(self, text: str) -> None:
        self._text = text
        # The last token is one that no rule takes, so that looking ahead is always possible.
        self._tokens = [*self._split(text), _END]
        self._at = 0

    def _split(self, text: str) -> Iterator[tuple[str, str]]:
        """(kind, text) of each token: ``op``, ``path``, ``text``, ``regex`` or ``word``. Quotes and
        percent signs are not part of the text.
        """
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise _refused(text)
            yield match.lastgroup, match[match.lastgroup]
            at = match.end()

    def condition(self) -> Condition:
        """The whole pattern. Raises InvalidParameterException where something is left over."""
        found = self._either()
        if self._tokens[self._at] != _END:
            raise _refused(self._text)
        return found

    def _next(self) -> tuple[str, str]:
        """Take a token; the end can be taken again and again."""
        token = self._tokens[self._at]
        if token != _END:
            self._at += 1
        return token

    def _either(self) -> Condition:
        """``A || B || …``; ``&&`` binds more closely."""
        parts = [self._both()]
        while self._tokens[self._at] == ("op", "||"):
            self._next()
            parts.append(self._both())
        return lambda document: any(part(document) for part in parts)

    def _both(self) -> Condition:
        """``A && B && …``."""
        parts = [self._one()]
        while self._tokens[self._at] == ("op", "&&"):
            self._next()
            parts.append(self._one())
        return lambda document: all(part(document) for part in parts)

    def _one(self) -> Condition:
        """A comparison, or a pattern in parentheses."""
        kind, value = self._next()
        if (kind, value) == ("op", "("):
            inner = self._either()
            if self._next() != ("op", ")"):
                raise _refused(self._text)
            return inner
        if kind != "path":
            raise _refused(self._text)
        return self._comparison(value)

    def _comparison(self, path: str) -> Condition:
        """A test of the values at a path: an operator and a value, or words such as ``NOT EXISTS``.

        It holds when one of several values passes, as with ``[*]``; a path that leads to nothing
        has none.
        """
        kind, operator = self._next()
        if kind == "word":
            words = [operator.upper()]
            while self._tokens[self._at][0] == "word":
                words.append(self._next()[1].upper())
            return self._existence(path, " ".join(words))
        if kind != "op" or operator in ("(", ")", "&&", "||"):
            raise _refused(self._text)
        kind, wanted = self._next()
        test = _comparer(operator, kind, wanted)
        if test is None:
            raise _refused(self._text)
        return lambda document: any(map(test, _select(document, path)))

    def _existence(self, path: str, words: str) -> Condition:
        """A test whether something is at a path and what it is. A path that leads to nothing is
        tested too.
        """
        tests: dict[str, Condition] = {
            "EXISTS": lambda value: value is not _MISSING,
            "NOT EXISTS": lambda value: value is _MISSING,
            "IS NULL": lambda value: value is None,
            "IS TRUE": lambda value: value is True,
            "IS FALSE": lambda value: value is False,
        }
        if words not in tests:
            raise _refused(self._text)
        test = tests[words]
        return lambda document: any(map(test, _select(document, path) or [_MISSING]))


def _comparer(operator: str, kind: str, wanted: str) -> Condition | None:
    """A test of one value; None when the comparison is not understood.

    ``kind`` and ``wanted`` are the token behind the operator. Orders compare numbers alone.
    """
    number = None
    if kind == "word":
        number = _number(wanted)
    compare = _ORDERS.get(operator)
    if compare is not None:
        return None if number is None else _ordered(compare, number)
    equal = _equal(kind, wanted, number)
    if equal is None or operator == "=":
        return equal
    if operator == "!=":
        return lambda value: not equal(value)
    return None


def _ordered(compare: Callable[[float, float], bool], limit: float) -> Condition:
    """A test against a number; a text that looks like one is none in JSON."""

    def test(value: object) -> bool:
        # True and False are integers to Python.
        if isinstance(value, bool):
            return False
        if not isinstance(value, int | float):
            return False
        return compare(float(value), limit)

    return test


def _equal(kind: str, wanted: str, number: float | None) -> Condition | None:
    """A test for equality: with a regular expression, a number, or a text in which ``*`` is a
    wildcard.

    A word that looks like a number equals the number and the text of it. None for another kind of
    token.
    """
    if kind == "regex":
        return _text_test(re.compile(wanted).search)
    if number is not None:
        return lambda value: not isinstance(value, bool) and value in (number, wanted)
    if kind in ("text", "word"):
        text = re.sub(r"\\(.)", r"\1", wanted)
        # Of the characters that fnmatch reads, only ``*`` has a meaning in a pattern.
        return _text_test(re.compile(translate(text.replace("[", "[[]").replace("?", "[?]"))).match)
    return None


def _text_test(match: Callable[[str], re.Match[str] | None]) -> Condition:
    """A test of texts by a match; what is no text never passes."""
    return lambda value: isinstance(value, str) and match(value) is not None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _select(document: object, path: str) -> list[Any]:
    """The values at a path; none when it is not there.

    A path is a ``$`` with steps: ``.name`` and ``["name"]`` in maps, ``[0]`` and ``[*]`` in lists.
    """
    values: list[Any] = [document]
    for index, star, quoted, name in _STEP.findall(path):
        if index:
            lists = [value for value in values if isinstance(value, list)]
            values = [value[int(index)] for value in lists if int(index) < len(value)]
        elif star:
            lists = [value for value in values if isinstance(value, list)]
            values = list(chain.from_iterable(lists))
        else:
            key = quoted or name
            maps = [value for value in values if isinstance(value, dict)]
            values = [value[key] for value in maps if key in value]
    return values
