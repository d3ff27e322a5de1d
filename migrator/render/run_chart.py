"""The timeline of each run as a chart: one lane per principal, from its entry being made to its
access being proven.

Numbers here are places in percent of the run's length, so that the code that draws needs no
arithmetic.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from migrator.model.journal import Record
from migrator.model.moments import moment_of_text
from migrator.model.plan import Plan
from migrator.model.step import Step

Tone: TypeAlias = Literal["change", "proof", "undo"]
Shape: TypeAlias = Literal["proven", "adopted", "open", "refused", "undone", "done"]
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 4  # labels stay apart on a phone
_THINNEST = 0.35  # percent: a bar that can still be seen
_ENDS: Mapping[str, Shape] = {
    "adopted": "adopted",
    "deferred": "open",
    "refused": "refused",
    "undone": "undone",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that took time, or waited."""

    start: float
    width: float
    tone: Tone
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that came to an end, by shape and words, never by colour alone."""

    at: float
    shape: Shape
    words: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One principal (None: the cluster) in one run. ``words`` tell all of it."""

    principal_arn: str | None
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``exit_code`` is None where it never came to its end. ``ticks``: place in percent
    and label.
    """

    command: str
    run_id: str
    caller: str
    started: str
    took: str
    exit_code: int | None
    ticks: tuple[tuple[float, str], ...]
    lanes: tuple[Lane, ...]


def run_charts(plan: Plan, journal: Sequence[Record]) -> tuple[Run, ...]:
    """The runs in the journal, oldest first."""
    steps = {step.id: step for step in plan.steps}
    return tuple(_run(records, steps) for records in _by_run(journal))


def _by_run(journal: Sequence[Record]) -> list[list[Record]]:
    """The records of each run, from its start to the next one's."""
    runs: list[list[Record]] = []
    for record in journal:
        # The beginning of a journal may be lost.
        if record.event == "run-started" or not runs:
            runs.append([])
        runs[-1].append(record)
    return runs


def _run(records: Sequence[Record], steps: Mapping[str, Step]) -> Run:
    """One run as a chart. A journal whose beginning is lost starts without command and caller."""
    first, last = records[0], records[-1]
    # A clock may have been set back on the way: the first record need not have the first time.
    moments = [moment(record.at) for record in records]
    begin, end = min(moments), max(moments)
    axis = axis_of(begin, end)
    ended = None
    if last.event == "run-ended":
        ended = last.effect.get("exit")
    return Run(
        command=str(first.effect.get("command", "a run")),
        run_id=str(first.effect.get("run", "")),
        caller=str(first.effect.get("caller", "")),
        started=first.at,
        took=duration(end - begin),
        exit_code=ended if isinstance(ended, int) else None,
        ticks=axis.ticks(),
        lanes=tuple(_lanes(records, steps, axis)),
    )


@dataclass(frozen=True, slots=True)
class Axis:
    """A time line: moments as places on it, in percent of its length."""

    begin: datetime
    length: timedelta

    def place(self, at: str) -> float:
        """Percent of the run's length, from 0 to 100 also for a time outside it."""
        part = (moment(at) - self.begin) / self.length
        inside = min(max(part, 0.0), 1.0)
        return round(inside * 100, 2)

    def since(self, at: str) -> str:
        """``+3 min 5 s``: how long after the beginning."""
        return f"+{duration(moment(at) - self.begin)}"

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Place in percent and label of a few marks."""
        seconds = self.length.total_seconds()
        step = next((each for each in _TICKS if seconds / each <= _MOST_TICKS), _TICKS[-1])
        count = min(int(seconds // step), 4 * _MOST_TICKS)
        ticks: list[tuple[float, str]] = [(0.0, "0")]
        for n in range(1, count + 1):
            percent = round(step * n / seconds * 100, 2)
            ticks.append((percent, f"+{duration(timedelta(seconds=step * n))}"))
        return tuple(ticks)


def axis_of(begin: datetime, end: datetime) -> Axis:
    """From one moment to another; never without a length."""
    return Axis(begin, max(end - begin, timedelta(milliseconds=1)))


def _lanes(records: Iterable[Record], steps: Mapping[str, Step], axis: Axis) -> Iterable[Lane]:
    """The cluster's lane first, then principals in the order in which their turns came."""
    found: dict[str | None, list[Record]] = {None: []}
    for record in records:
        if record.step is None:
            continue
        arn = None
        # A step that the plan does not have is one of a command about the cluster.
        step = steps.get(record.step)
        if step is not None:
            arn = step.principal_arn
        found.setdefault(arn, []).append(record)
    for arn, mine in found.items():
        if mine:
            yield _lane(arn, mine, steps, axis)


def _lane(
    arn: str | None,
    records: Sequence[Record],
    steps: Mapping[str, Step],
    axis: Axis,
) -> Lane:
    """The bars and marks of one principal. A bar is a step that took time; a mark is an end that is
    not simply done, or that came without a beginning.
    """
    bars: list[Bar] = []
    marks: list[Mark] = []
    words: list[str] = []
    begun: dict[str, Record] = {}
    before: Record | None = None
    for record in records:
        step_id = record.step or ""
        if record.event in ("intended", "undoing"):
            begun[step_id] = record
        elif record.event == "sent":
            begun.setdefault(step_id, record)
        else:
            kind = _kind_of(step_id, steps)
            ending = _ending(kind, record)
            text = f"{kind} {ending} {axis.since(record.at)}"
            since = begun.pop(step_id, None)
            # A proof without an intention in the journal took the time since the record before it.
            if since is None and kind == "prove":
                since = before
            if since is not None:
                bars.append(_bar(axis, since, record, _tone(kind, ending), text))
            if since is None or ending != "done":
                marks.append(Mark(axis.place(record.at), ending, text))
            words.append(text)
        before = record
    for step_id, record in begun.items():
        text = (
            f"{_kind_of(step_id, steps)} started {axis.since(record.at)}, its end was not recorded"
        )
        marks.append(Mark(axis.place(record.at), "open", text))
        words.append(text)
    return Lane(arn, tuple(bars), tuple(marks), "; ".join(words))


def _kind_of(step_id: str, steps: Mapping[str, Step]) -> str:
    """The kind of a step; the id itself for one that the plan does not have."""
    step = steps.get(step_id)
    if step is None:
        return step_id
    return step.effect.kind


def _tone(kind: str, ending: Shape) -> Tone:
    """The tone of a bar: whether it led forward, back, or only read."""
    if ending in ("undone", "refused"):
        return "undo"
    if kind == "prove":
        return "proof"
    return "change"


def _ending(kind: str, record: Record) -> Shape:
    """The mark for the record that ended a step."""
    if kind == "prove" and record.event in ("done", "adopted"):
        return "proven"
    return _ENDS.get(record.event, "done")


def _bar(
    axis: Axis,
    start: Record,
    end: Record,
    tone: Tone,
    words: str,
) -> Bar:
    """From the intention to the end, wide enough to be seen and inside the chart."""
    left, right = axis.place(start.at), axis.place(end.at)
    width = max(round(right - left, 2), _THINNEST)
    took = max(moment(end.at) - moment(start.at), timedelta())
    return Bar(min(left, 100 - width), width, tone, f"{words}, took {duration(took)}")


def moment(at: str) -> datetime:
    """A time as journals and records write it. Python 3.10 reads no ``Z``."""
    return moment_of_text(at)


def duration(length: timedelta) -> str:
    """``0.2 s``, ``21 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    seconds = length.total_seconds()
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    for size, name, smaller, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole < size:
            continue
        rest = whole % size // smaller
        if not rest:
            return f"{whole // size} {name}"
        return f"{whole // size} {name} {rest} {small}"
    return f"{whole} s"
