"""CloudWatch Logs Insights queries over a cluster's log: a pipe of commands, each from records to
records.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import Any, TypeAlias

from migrator.lab.aws.insights_language import (
    Evaluate,
    Record,
    Tokens,
    flatten,
    malformed,
    number,
    parse_condition,
    parse_value,
    timestamp_text,
)
from migrator.lab.worlds.log_store import LogLine

Command: TypeAlias = Callable[[Iterable[Record]], Iterable[Record]]
DEFAULT_LIMIT, MAX_LIMIT = 1000, 10_000
_PIECE = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`|/(?:[^/\\\n]|\\.)+/|[^|]|\|", re.S
)


class Query:
    """A parsed query. ``run`` gives rows of (field, value) texts, in the order of the fields asked
    for.
    """

    def __init__(self, text: str, limit: int | None = None) -> None:
        self._commands: list[Command] = []
        self._fields: list[str] = ["@timestamp", "@message"]
        self._grouped = False
        self._sorted = False
        self._limit = min(limit or DEFAULT_LIMIT, MAX_LIMIT)
        lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        for part in _split(lines):
            if part.strip():
                self._add(part.strip())

    def run(self, lines: Iterable[LogLine]) -> list[list[tuple[str, str]]]:
        """Run over log events, oldest first."""
        records: Iterable[Record] = (_record(line) for line in lines)
        for command in self._commands:
            records = command(records)
        if not (self._sorted or self._grouped):  # newest first is Insights' own order
            records = sorted(records, key=lambda record: str(record["@timestamp"]), reverse=True)
        rows = []
        for record in islice(records, self._limit):
            row = [
                (name, str(record[name])) for name in self._fields if record.get(name) is not None
            ]
            rows.append(row if self._grouped else [*row, ("@ptr", str(record["@ptr"]))])
        return rows

    def _add(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        commands = {
            "fields": self._add_fields,
            "display": self._add_fields,
            "filter": self._add_filter,
            "parse": self._add_parse,
            "stats": self._add_stats,
            "sort": self._add_sort,
            "limit": self._add_limit,
        }
        if name.lower() not in commands:
            raise malformed(text)
        commands[name.lower()](rest)

    def _add_fields(self, text: str) -> None:
        tokens, names, computed = Tokens(text), list[str](), list[tuple[str, Evaluate]]()
        while True:
            start = tokens.at
            value = parse_value(tokens)
            name = tokens.found[start][1].strip("`")
            if tokens.word("as"):
                name = tokens.take()[1].strip("`")
                computed.append((name, value))
            elif tokens.at - start > 1:
                raise malformed(text)
            names.append(name)
            if not tokens.op(","):
                break
        if not tokens.over:
            raise malformed(text)
        self._fields = names

        def compute(records: Iterable[Record]) -> Iterator[Record]:
            for record in records:
                for name, value in computed:
                    record[name] = value(record)
                yield record

        if computed:
            self._commands.append(compute)

    def _add_filter(self, text: str) -> None:
        tokens = Tokens(text)
        condition = parse_condition(tokens)
        if not tokens.over:
            raise malformed(text)
        self._commands.append(lambda records: (record for record in records if condition(record)))

    def _add_parse(self, text: str) -> None:
        """``parse @message "a=* b=*" as x, y`` or ``parse @message /(?<x>…)/``."""
        tokens = Tokens(text)
        value = parse_value(tokens)
        kind, pattern = tokens.take()
        names: list[str] = []
        if kind == "regex":
            source = re.sub(r"\(\?<(?![=!])", "(?P<", pattern[1:-1])
        elif kind in ("double", "single"):
            literal = re.sub(r"\\(.)", r"\1", pattern)
            source = "(.*?)".join(re.escape(piece) for piece in literal.split("*"))
            source += "$" if literal.endswith("*") else ""
        else:
            raise malformed(text)
        if tokens.word("as"):
            names.append(tokens.take()[1])
            while tokens.op(","):
                names.append(tokens.take()[1])
        try:
            compiled = re.compile(source, re.S)
        except re.error:
            raise malformed(text) from None
        if (
            not tokens.over
            or (names and compiled.groups != len(names))
            or (not names and not compiled.groupindex)
        ):
            raise malformed(text)

        def parse(records: Iterable[Record]) -> Iterator[Record]:
            for record in records:
                match = compiled.search(str(value(record) or ""))
                if match:
                    record.update(
                        zip(names, match.groups(), strict=True) if names else match.groupdict()
                    )
                yield record

        self._commands.append(parse)

    def _add_stats(self, text: str) -> None:
        tokens = Tokens(text)
        columns: list[tuple[str, Aggregate]] = []
        keys: list[tuple[str, Evaluate]] = []
        while not tokens.over:
            columns.append(_aggregate(tokens))
            if not tokens.op(","):
                break
        if tokens.word("by"):
            while True:
                start = tokens.at
                value = parse_value(tokens)
                name = _source(tokens.found[start : tokens.at])
                if tokens.word("as"):
                    name = tokens.take()[1]
                keys.append((name, value))
                if not tokens.op(","):
                    break
        if not tokens.over or not columns:
            raise malformed(text)
        self._fields = [name for name, _ in keys] + [name for name, _ in columns]
        self._grouped = True

        def group(records: Iterable[Record]) -> Iterator[Record]:
            groups: dict[tuple[Any, ...], list[Any]] = {}
            for record in records:
                key = tuple(value(record) for _, value in keys)
                states = groups.setdefault(key, [None] * len(columns))
                for index, (_, aggregate) in enumerate(columns):
                    states[index] = aggregate(states[index], record)
            for key, states in groups.items():
                shown = {
                    name: _final(state) for (name, _), state in zip(columns, states, strict=True)
                }
                yield {**dict(zip((name for name, _ in keys), key, strict=True)), **shown}

        self._commands.append(group)

    def _add_sort(self, text: str) -> None:
        tokens = Tokens(text)
        value = parse_value(tokens)
        reverse = tokens.word("desc")
        if not reverse:
            tokens.word("asc")
        if not tokens.over:
            raise malformed(text)
        self._sorted = True

        def key(record: Record) -> tuple[float, str]:
            found = value(record)
            as_number = number(found)
            return (as_number if as_number is not None else float("inf"), str(found))

        self._commands.append(lambda records: sorted(records, key=key, reverse=reverse))

    def _add_limit(self, text: str) -> None:
        if not text.strip().isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
            raise malformed(f"limit {text}")
        self._limit = int(text)


Aggregate: TypeAlias = Callable[[Any, Record], Any]


def _split(text: str) -> list[str]:
    """The commands of a pipe; a bar inside quotes or a regular expression belongs to its
    command.
    """
    commands = [""]
    for piece in _PIECE.findall(text):
        if piece == "|":
            commands.append("")
        else:
            commands[-1] += piece
    return commands


def _aggregate(tokens: Tokens) -> tuple[str, Aggregate]:
    """One column of ``stats``, as a step from its state over a record to its next state."""
    start = tokens.at
    name = tokens.take()[1].lower()
    tokens.need("(")
    value: Evaluate = (lambda record: True) if tokens.op("*") else parse_value(tokens)
    tokens.need(")")
    shown = _source(tokens.found[start : tokens.at])
    if tokens.word("as"):
        shown = tokens.take()[1].strip("`")
    return shown, _step(name, value, tokens.text)


def _step(name: str, value: Evaluate, text: str) -> Aggregate:
    def smaller(state: Any, record: Record) -> Any:  # noqa: ANN401
        found = value(record)
        return state if found is None or (state is not None and state <= found) else found

    def larger(state: Any, record: Record) -> Any:  # noqa: ANN401
        found = value(record)
        return state if found is None or (state is not None and state >= found) else found

    def collect(state: Any, record: Record) -> Any:  # noqa: ANN401
        found = value(record)
        return (state or set()) | ({found} if found is not None else set())

    def total(state: Any, record: Record) -> Any:  # noqa: ANN401
        return (state or 0) + (number(value(record)) or 0)

    steps: dict[str, Aggregate] = {
        "count": lambda state, record: (state or 0) + (value(record) is not None),
        "count_distinct": collect,
        "min": smaller,
        "max": larger,
        "sum": total,
        "earliest": lambda state, record: state if state is not None else value(record),
        "latest": lambda state, record: found if (found := value(record)) is not None else state,
    }
    if name not in steps:
        raise malformed(text)
    return steps[name]


def _final(state: Any) -> Any:  # noqa: ANN401
    if isinstance(state, set):
        return len(state)
    return int(state) if isinstance(state, float) and state.is_integer() else state


def _source(tokens: list[tuple[str, str]]) -> str:
    return "".join(text for _, text in tokens).strip("`")


def _record(line: LogLine) -> Record:
    moment = datetime.fromtimestamp(line.timestamp / 1000, tz=timezone.utc)
    record: Record = {}
    if line.message.startswith("{"):
        try:
            flatten(json.loads(line.message), "", record)
        except (ValueError, RecursionError):
            record.clear()
    record["@timestamp"] = timestamp_text(moment)
    record["@message"] = line.message
    record["@logStream"] = line.stream
    record["@ptr"] = f"ptr{line.id:020d}"
    return record
