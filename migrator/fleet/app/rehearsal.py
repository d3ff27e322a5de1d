"""One cluster's rehearsal in a fleet: on a thread, or on a worker.

It may run on a worker, unlike a cut-over: it is taken back, and where the worker dies the Job in
the cluster takes it back. It holds a thread for as long as it lasts, and is busy for a moment each
quarter of a minute.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from migrator.app.rehearse import Clocks
from migrator.fleet.app.part import Arguments, ended, part_of
from migrator.fleet.app.worker import CALLS, Worker
from migrator.fleet.model.fleet import FleetCluster
from migrator.fleet.model.outcome import ClusterResult
from migrator.model.outcome import RehearseOutcome
from migrator.ports import Clock


def rehearse_one(worker: Worker, cluster: FleetCluster, arguments: Arguments) -> ClusterResult:
    """Blank aws-auth for ``seconds``, watch, put it back. What a dead process left is put back
    first, and then it is rehearsed all the same.
    """
    from migrator.adapters.tasks_threads import Threads
    from migrator.app.rehearse import RehearseRequest, rehearse

    # with threads of its own: a login that waits for another cluster's call may be one that comes
    # too late
    connection = worker.connect(cluster, arguments.get("described"), tasks=Threads(CALLS))
    part = part_of(worker, cluster, arguments, connection=connection)
    mode = part.connection.mode
    if mode is not None and mode.read()[0] == "API":
        return _nothing_left(cluster, part.digest)
    request = RehearseRequest(
        plan=part.plan,
        digest=part.digest,
        answers=part.answers,
        length=timedelta(seconds=int(arguments["seconds"])),
        image=str(arguments["image"]),
    )
    with _clocks(worker) as clocks:
        outcome = rehearse(request, part.operator, part.connection, clocks)
        if outcome.exit_code == 7 and not worker.winding_down.is_set():
            outcome = rehearse(request, part.operator, part.connection, clocks)
    return _rehearsed(cluster, part.digest, outcome)


def _rehearsed(cluster: FleetCluster, digest: str, outcome: RehearseOutcome) -> ClusterResult:
    return ended(
        cluster,
        "rehearse",
        digest,
        (outcome.exit_code, outcome.error),
        message=f"The rehearsal did not pass; aws-auth is {outcome.aws_auth}."
        if outcome.exit_code
        else "",
        why=outcome.why,
        detail={
            "seconds": outcome.seconds,
            "evidence": outcome.evidence,
            "awsAuth": outcome.aws_auth,
        },
    )


def _nothing_left(cluster: FleetCluster, digest: str) -> ClusterResult:
    detail = {"seconds": 0, "evidence": False, "awsAuth": "not asked any more: API mode"}
    return ended(cluster, "rehearse", digest, (0, None), message="", why="", detail=detail)


@contextmanager
def _clocks(worker: Worker) -> Iterator[Clocks]:
    """The clock of a rehearsal, and the one for waiting on what takes its own time; both notice
    Ctrl-C.
    """
    from migrator.adapters.clock import VARIABLE, open_clock, open_waiting_clock

    waiting = open_waiting_clock(os.environ)
    stop = _Told(worker.winding_down)
    if VARIABLE not in os.environ:
        yield Clocks(_Stoppable(open_clock(os.environ), stop), _Stoppable(waiting, stop))
        return
    with worker.lab_time.part() as shared:
        yield Clocks(_Stoppable(shared, stop), _Stoppable(waiting, stop))


@dataclass
class _Told:
    """Tells one rehearsal once that it is to end: afterwards it has to put back what it blanked,
    undisturbed.
    """

    event: Event
    told: bool = field(default=False)

    def look(self) -> None:
        """Raises ``KeyboardInterrupt``, as Ctrl-C does in a rehearsal that has the process to
        itself.
        """
        if self.event.is_set() and not self.told:
            self.told = True
            raise KeyboardInterrupt


@dataclass(frozen=True)
class _Stoppable:
    """A clock that looks before and after each pause whether somebody wants to stop."""

    clock: Clock
    stop: _Told

    def now(self) -> datetime:
        """Now, in UTC."""
        return self.clock.now()

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        self.stop.look()
        self.clock.sleep(duration)
        self.stop.look()
