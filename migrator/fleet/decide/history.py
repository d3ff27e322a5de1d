"""What happened to a fleet: its record folded into runs and their waves."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from migrator.fleet.model.files.records import FleetRecord
from migrator.fleet.model.fleet import Command
from migrator.fleet.model.outcome import STATUSES, ClusterResult
from migrator.fleet.model.report import RunSeen, WaveSeen


@dataclass
class _Run:
    """A run as far as it was read."""

    id: str
    command: Command
    started: str
    ended: str = ""
    exit_code: int | None = None
    stopped: str = ""
    attempts: int = 1
    waves: dict[str, "_Wave"] = field(default_factory=dict)

    def wave(self, name: str, at: str) -> "_Wave":
        return self.waves.setdefault(name, _Wave(name, at))

    def take(self, record: FleetRecord) -> None:
        """One more record of the run, in the order in which they were written."""
        if record.event == "run-ended":
            self.ended, self.exit_code, self.stopped = record.at, record.exit_code, record.why
            return
        # A run that is continued has no second beginning in the record.
        if self.ended:
            self.attempts += 1
            self.ended, self.exit_code, self.stopped = "", None, ""
        if record.event == "wave-started":
            self.wave(record.wave, record.at).ended = ""
        elif record.event == "wave-ended":
            self.wave(record.wave, record.at).ended = record.at
        elif record.event == "cluster" and record.result is not None:
            self.wave(record.result.wave, record.at).results[record.result.arn] = record.result


@dataclass
class _Wave:
    name: str
    started: str
    ended: str = ""
    results: dict[str, ClusterResult] = field(default_factory=dict)


def runs_of(records: Iterable[FleetRecord]) -> tuple[RunSeen, ...]:
    """All runs, the latest last. Of a cluster that was tried several times in a run, the last try
    counts.
    """
    runs: dict[str, _Run] = {}
    for record in records:
        run = runs.get(record.run)
        if run is None:
            run = runs[record.run] = _Run(record.run, record.command, record.at)
        run.take(record)
    return tuple(map(_seen, runs.values()))


def _seen(run: _Run) -> RunSeen:
    """A run as reports show it; a run that did not end has no exit code."""
    return RunSeen(
        id=run.id,
        command=run.command,
        started=run.started,
        ended=run.ended,
        exit_code=run.exit_code,
        stopped=run.stopped,
        attempts=run.attempts,
        waves=tuple(map(_wave_seen, run.waves.values())),
    )


def _wave_seen(wave: _Wave) -> WaveSeen:
    """A wave with its counts by status; results are those of clusters that are not done."""
    counts = Counter(result.status for result in wave.results.values())
    return WaveSeen(
        name=wave.name,
        started=wave.started,
        ended=wave.ended,
        counts={status: counts[status] for status in STATUSES if counts[status]},
        results=tuple(result for _, result in sorted(wave.results.items()) if not result.done),
    )
