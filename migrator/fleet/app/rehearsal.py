"""One cluster's rehearsal in a fleet: on a thread, or on a worker.

It may run on a worker, unlike a cut-over: it is undone, and where the worker dies the Job in
the cluster undoes it. It holds a thread for as long as it lasts, and is busy for a moment each
quarter of a minute.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from migrator.app.rehearse import Clocks, RehearseRequest, rehearse
from migrator.errors import Interrupted
from migrator.fleet.app.part import Part
from migrator.fleet.app.worker import CALLS, Worker
from migrator.model.outcome import RehearseOutcome
from migrator.ports import Clock, TaskRunner


def own_tasks() -> TaskRunner:
    """The calls of one rehearsal, which wait for no other cluster's."""
    from migrator.adapters.tasks_threads import Threads

    return Threads(CALLS)


def rehearse_one(request: RehearseRequest, part: Part, worker: Worker) -> RehearseOutcome:
    """Rehearse. What a dead process left is put back first, and then it is rehearsed all the
    same.
    """
    with _clocks(worker) as clocks:
        outcome = rehearse(request, part.operator, part.connection, clocks)
        if outcome.exit_code == Interrupted.exit_code and not worker.winding_down.is_set():
            outcome = rehearse(request, part.operator, part.connection, clocks)
    return outcome


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
    """A clock that looks before and after each pause whether the operator wants to stop."""

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
