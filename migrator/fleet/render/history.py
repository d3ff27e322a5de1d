"""The runs of a fleet as charts: one lane a wave, on the time line of its run. Places are percent
of its length.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from migrator.fleet.model.report import RunSeen, WaveSeen
from migrator.fleet.model.short_texts import short_cluster
from migrator.render.run_chart import Axis, axis_of, duration, moment

_THINNEST = 0.4  # percent: a bar that can still be seen
_NAMED = 12


@dataclass(frozen=True, slots=True)
class WaveLine:
    """A wave as a lane: from ``start``, ``width`` long, of which the last ``open_width`` are for
    the share of its clusters that are not done.
    """

    name: str
    start: float
    width: float
    open_start: float
    open_width: float
    counts: tuple[tuple[str, int], ...]
    words: str
    open: tuple[tuple[str, str, str], ...]
    more: int


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run with its waves."""

    run: RunSeen
    took: str
    ticks: tuple[tuple[float, str], ...]
    waves: tuple[WaveLine, ...]


def run_lines(runs: Iterable[RunSeen]) -> tuple[RunLine, ...]:
    """The latest run first."""
    return tuple(map(_line, sorted(runs, key=lambda run: moment(run.started), reverse=True)))


def _line(run: RunSeen) -> RunLine:
    """A run on an axis from its beginning to the last moment that is known of it."""
    moments = [moment(at) for at in (run.started, run.ended, *_moments(run.waves)) if at]
    axis = axis_of(min(moments), max(moments))
    return RunLine(
        run, duration(axis.length), axis.ticks(), tuple(_wave(wave, axis) for wave in run.waves)
    )


def _moments(waves: Iterable[WaveSeen]) -> Iterable[str]:
    for wave in waves:
        yield from (wave.started, wave.ended, *(result.at for result in wave.results))


def _wave(wave: WaveSeen, axis: Axis) -> WaveLine:
    """A wave as a lane. One that did not end reaches to the end of the axis, and every bar is wide
    enough to be seen.
    """
    start, end, ended = axis.place(wave.started), 100.0, "did not end"
    if wave.ended:
        end, ended = axis.place(wave.ended), f"took {_took(wave)}"
    width = max(round(end - start, 2), _THINNEST)
    start = min(start, 100 - width)
    counts = tuple(wave.counts.items())
    tried = sum(wave.counts.values())
    open_width = 0.0
    if tried:
        open_width = round(width * (tried - wave.counts.get("done", 0)) / tried, 2)
    told = ", ".join(f"{count} {status}" for status, count in counts) or "nothing was tried"
    open_ones = tuple(
        (short_cluster(each.arn), each.status, each.message or each.code) for each in wave.results
    )
    return WaveLine(
        name=wave.name,
        start=start,
        width=width,
        open_start=round(start + width - open_width, 2),
        open_width=open_width,
        counts=counts,
        words=f"began {axis.since(wave.started)}, {ended}: {told}",
        open=open_ones[:_NAMED],
        more=max(len(open_ones) - _NAMED, 0),
    )


def _took(wave: WaveSeen) -> str:
    began, ended = moment(wave.started), moment(wave.ended)
    # An axis has a least length: a wave within a second took that.
    return duration(max(ended - began, axis_of(ended, ended).length))
