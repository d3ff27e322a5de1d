"""CloudWatch Logs Insights over a cluster's log: the queries that ``migrate`` sends.

Source: CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax". The lab reads
``filter``, ``fields``, ``parse`` with a regular expression, and one ``stats`` at the end, each in
the forms below, and the query that tries the permission (``PROBE``). Every other query is a
MalformedQueryException: the lab ignores no part of a query.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any, TypeAlias

from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.log_store import LogLine

Record: TypeAlias = dict[str, Any]
Records: TypeAlias = Iterable[Record]
Command: TypeAlias = Callable[[Records], Records]
Test: TypeAlias = Callable[[Record], bool]
Aggregate: TypeAlias = Callable[[Any, Record], Any]
DEFAULT_LIMIT, MAX_LIMIT = 1000, 10_000
PROBE = "fields @timestamp | limit 1"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIELD = r"(?:`[^`]+`|@?[A-Za-z_][\w.@-]*)"
_REGEX = r"/(?:[^/\\\n]|\\.)+/"
_PIECE = re.compile(rf'"(?:[^"\\]|\\.)*"|`[^`]*`|{_REGEX}|.', re.DOTALL)
_TERM = re.compile(
    rf"(?P<like>{_FIELD})\s+like\s+(?P<regex>{_REGEX})"
    rf'|(?P<equal>{_FIELD})\s*=\s*"(?P<text>[^"\\]*)"'
    rf"|ispresent\(\s*(?P<present>{_FIELD})\s*\)"
    r"|toMillis\(@timestamp\)\s*(?P<operator>>=|<)\s*(?P<milliseconds>\d+)"
)
_COLUMN = re.compile(
    rf"(?:ispresent\(\s*(?P<present>{_FIELD})\s*\)|(?P<field>{_FIELD}))\s+as\s+(?P<name>\w+)"
)
_PARSE = re.compile(rf"(?P<field>{_FIELD})\s+(?P<regex>{_REGEX})")
_AGGREGATE = re.compile(
    rf"(?:(?P<count>count)\(\*\)|(?P<extreme>min|max)\((?P<field>{_FIELD})\))\s+as\s+(?P<name>\w+)"
)
_KEY = re.compile(rf"(?P<field>{_FIELD})")
_AND = re.compile(r"\s+and\s+")
_BY = re.compile(r"\s+by\s+")
_COMMA = re.compile(r"\s*,\s*")


def malformed(query: str) -> AwsError:
    """MalformedQueryException."""
    return AwsError(
        "MalformedQueryException", f"The lab does not understand this query: {query.strip()[:300]}"
    )


class Query:
    """A parsed query. ``run`` gives rows of (field, value) texts, in the order of the fields asked
    for.
    """

    def __init__(self, text: str, limit: int | None = None) -> None:
        self._limit = min(limit or DEFAULT_LIMIT, MAX_LIMIT)
        self._commands: list[Command] = []
        if text == PROBE:
            self._fields = ["@timestamp", "@ptr"]
            self._commands.append(_newest)
            return
        *before, last = _commands(text)
        self._fields, group = _stats(last)
        self._commands += [*map(_command, before), group]

    def run(self, lines: Iterable[LogLine]) -> list[list[tuple[str, str]]]:
        """Rows of the log events, which come oldest first; a field that a record lacks is not in
        its row.
        """
        records: Records = (_record(line) for line in lines)
        for command in self._commands:
            records = command(records)
        return [
            [(name, str(record[name])) for name in self._fields if record.get(name) is not None]
            for record in islice(records, self._limit)
        ]


def _commands(text: str) -> list[str]:
    """The commands of a pipe. A bar inside quotes or a regular expression belongs to its
    command.
    """
    commands = [""]
    for piece in _PIECE.findall(text):
        if piece == "|":
            commands.append("")
        else:
            commands[-1] += piece
    return [command.strip() for command in commands]


def _command(text: str) -> Command:
    """One command of a pipe but the last. Raises MalformedQueryException for one that the lab does
    not read.
    """
    name, _, rest = text.partition(" ")
    if name == "filter":
        return _filter(rest.strip())
    if name == "fields":
        return _fields(rest.strip())
    if name == "parse":
        return _parse(rest.strip())
    raise malformed(text)


def _newest(records: Records) -> Records:
    """The newest record: Insights sorts by @timestamp, newest first, where a query names no
    order.
    """
    newest = max(records, key=lambda record: str(record["@timestamp"]), default=None)
    if newest is None:
        return []
    return [newest]


def _items(text: str, item: re.Pattern[str], between: re.Pattern[str]) -> list[re.Match[str]]:
    """``text`` as items with ``between`` between them, to its last character. Raises
    MalformedQueryException where anything else is left: nothing of a query may be ignored.
    """
    found: list[re.Match[str]] = []
    at = 0
    while True:
        match = item.match(text, at)
        if match is None:
            raise malformed(text)
        found.append(match)
        if match.end() == len(text):
            return found
        separator = between.match(text, match.end())
        if separator is None:
            raise malformed(text)
        at = separator.end()


def _filter(text: str) -> Command:
    """``filter TERM and TERM …``: records that pass every test."""
    tests = [_test(term) for term in _items(text, _TERM, _AND)]
    return lambda records: (record for record in records if all(test(record) for test in tests))


def _test(term: re.Match[str]) -> Test:
    """A test of one term: ``FIELD like /…/``, ``FIELD = "…"``, ``ispresent(FIELD)`` or
    ``toMillis(@timestamp) < N``. A field that a record lacks passes none.
    """
    if term["like"]:
        search = _compiled(term["regex"]).search
        return _on_field(term["like"], lambda value: search(value) is not None)
    if term["equal"]:
        text = term["text"]
        return _on_field(term["equal"], lambda value: value == text)
    if term["present"]:
        return _on_field(term["present"], lambda value: True)
    milliseconds = int(term["milliseconds"])
    if term["operator"] == "<":
        return lambda record: _milliseconds(record) < milliseconds
    return lambda record: _milliseconds(record) >= milliseconds


def _on_field(field: str, passes: Callable[[str], bool]) -> Test:
    """A test of a field as a text."""
    name = _name(field)

    def test(record: Record) -> bool:
        value = record.get(name)
        if value is None:
            return False
        return passes(str(value))

    return test


def _fields(text: str) -> Command:
    """``fields FIELD as NAME, ispresent(FIELD) as NAME, …``: the named values become fields."""
    columns = _items(text, _COLUMN, _COMMA)

    def compute(records: Records) -> Iterator[Record]:
        for record in records:
            for column in columns:
                record[column["name"]] = _value(column, record)
            yield record

    return compute


def _value(column: re.Match[str], record: Record) -> Any:  # noqa: ANN401
    """What a column of ``fields`` has in a record; None for a field that the record lacks."""
    if column["present"]:
        return record.get(_name(column["present"])) is not None
    return record.get(_name(column["field"]))


def _parse(text: str) -> Command:
    """``parse FIELD /(?<name>…)/``: the named groups become fields."""
    match = _PARSE.fullmatch(text)
    if match is None:
        raise malformed(text)
    field, pattern = _name(match["field"]), _compiled(match["regex"])
    if not pattern.groupindex:
        raise malformed(text)

    def parse(records: Records) -> Iterator[Record]:
        for record in records:
            found = pattern.search(str(record.get(field) or ""))
            if found:
                record.update(found.groupdict())
            yield record

    return parse


def _stats(text: str) -> tuple[list[str], Command]:
    """``stats AGGREGATE as NAME, … by FIELD, …``: names of the columns, and the command.

    The groups come in the order of their first record. Raises MalformedQueryException without
    ``by``.
    """
    if not text.startswith("stats "):
        raise malformed(text)
    parts = _BY.split(text.removeprefix("stats ").strip())
    if len(parts) != 2:
        raise malformed(text)
    columns = _items(parts[0], _AGGREGATE, _COMMA)
    keys = [_name(key["field"]) for key in _items(parts[1], _KEY, _COMMA)]
    names = [column["name"] for column in columns]
    aggregates = [_aggregate(column) for column in columns]

    def group(records: Records) -> Iterator[Record]:
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for record in records:
            key = tuple(map(record.get, keys))
            states = groups.setdefault(key, [None] * len(aggregates))
            for index, aggregate in enumerate(aggregates):
                states[index] = aggregate(states[index], record)
        for key, states in groups.items():
            yield {**dict(zip(keys, key, strict=True)), **dict(zip(names, states, strict=True))}

    return [*keys, *names], group


def _aggregate(column: re.Match[str]) -> Aggregate:
    """One column of ``stats``: from its state and a record to its next state; the first state is
    None.

    ``count(*)`` counts records, ``min`` and ``max`` pass over those without the field.
    """
    if column["count"]:
        return lambda state, _: (state or 0) + 1
    name = _name(column["field"])
    choose = min if column["extreme"] == "min" else max

    def extreme(state: Any, record: Record) -> Any:  # noqa: ANN401
        found = record.get(name)
        if found is None:
            return state
        return found if state is None else choose(state, found)

    return extreme


def _compiled(regex: str) -> re.Pattern[str]:
    """A regular expression between its slashes. Raises MalformedQueryException for one that Python
    cannot read.

    Insights writes a named group as ``(?<name>…)``, Python as ``(?P<name>…)``; ``(?<=`` and
    ``(?<!`` are the same in both.
    """
    source = re.sub(r"\(\?<(?![=!])", "(?P<", regex[1:-1])
    try:
        return re.compile(source, re.DOTALL)
    except re.error:
        raise malformed(regex) from None


def _name(field: str) -> str:
    """A field without the backquotes that names with special characters need."""
    return field.strip("`")


def _milliseconds(record: Record) -> int:
    """When a record was written, in milliseconds since 1970 (function ``toMillis``)."""
    moment = datetime.strptime(record["@timestamp"], "%Y-%m-%d %H:%M:%S.%f")
    return (moment.replace(tzinfo=timezone.utc) - _EPOCH) // timedelta(milliseconds=1)


def _record(line: LogLine) -> Record:
    """A log event as Insights sees it: the fields that it discovers in JSON, and its own ones
    with ``@`` (CloudWatch Logs user guide, "Supported logs and discovered fields"). A message that
    is no JSON object has no others.
    """
    record: Record = {}
    if line.message.startswith("{"):
        try:
            _flatten(json.loads(line.message), "", record)
        except (ValueError, RecursionError):
            record.clear()
    moment = datetime.fromtimestamp(line.timestamp / 1000, tz=timezone.utc)
    record["@timestamp"] = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
    record["@message"] = line.message
    record["@logStream"] = line.stream
    record["@ptr"] = f"ptr{line.id:020d}"
    return record


def _flatten(value: Any, prefix: str, into: Record) -> None:  # noqa: ANN401
    """JSON fields as Insights discovers them: ``user.username``, ``user.groups.0``. Null is no
    value.
    """
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, Mapping):
        for key, item in value.items():
            _flatten(item, f"{prefix}.{key}" if prefix else str(key), into)
    elif isinstance(value, bool):
        into[prefix] = str(value).lower()
    elif value is not None:
        into[prefix] = value
