"""Jobs of a fleet on workers of dask: placed by us, started once, and given up with a reason rather
than waited for.

dask would move a job whose worker died to another one and begin it again. Each job is therefore
bound to one process (:mod:`migrator.fleet.adapters.dask_worker` holds to that, whatever the
scheduler does), and is lost when that process ends.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from migrator.errors import Failed
from migrator.fleet.adapters.dask_cluster import connected, embedded
from migrator.fleet.adapters.dask_pool import DaskPool
from migrator.fleet.adapters.dask_run import DaskOptions, DaskRun
from migrator.fleet.model.job import Job, JobEnd
from migrator.ports import Events

OWN_WORKERS = 2


class FleetDask:
    """:class:`migrator.fleet.ports.JobRunner` on dask. Nothing is started before it is needed."""

    def __init__(self, options: DaskOptions, events: Events) -> None:
        self._options = options
        self._events = events
        self._held = ExitStack()
        self._pool: DaskPool | None = None

    def close(self) -> None:
        """Let go of the scheduler; our own processes end."""
        self._pool = None
        self._held.close()

    @property
    def processes(self) -> int:
        """How many processes share the rates. Raises as :meth:`open` does."""
        return self.open().most or 1

    def open(self) -> DaskPool:
        """Connect, or start processes, and wait for workers. Raises ``executor-missing``,
        ``scheduler-unreachable``, ``scheduler-version``, ``no-workers``, ``workers-unfit``, and
        what :meth:`Scheduler.check` raises.
        """
        if self._pool is not None:
            return self._pool
        options, wanted = self._options, self._options.workers
        if options.scheduler is not None:
            client = self._held.enter_context(connected(options.scheduler))
        else:
            wanted = wanted or OWN_WORKERS
            client = self._held.enter_context(
                embedded(wanted, max(1, -(-options.overall // wanted)))
            )
        pool = DaskPool(
            client, own=options.scheduler is None, shared=options.shared, events=self._events
        )
        pool.most = wanted
        until = time.monotonic() + options.wait
        self._wait_for_workers(pool, wanted or 1, until)
        pool.most = wanted or len(pool)
        if not len(pool):
            raise _no_workers(pool, options.wait)
        self._pool = pool
        return pool

    def _wait_for_workers(
        self,
        pool: DaskPool,
        wanted: int,
        until: float,
    ) -> None:
        """Wait until enough workers are accepted, all were refused, or the time is up. It is said
        once, unless the workers are processes of this command.
        """
        announced = self._options.scheduler is None  # workers of this process need no message
        while True:
            _look(pool)
            if time.monotonic() >= until or _complete(pool, wanted):
                return
            if not announced and not pool.settled:
                announced = True
                self._events.say(
                    "info",
                    f"waiting for workers of dask, up to {self._options.wait:g} s",
                    event="worker",
                )
            time.sleep(0.1)

    def run(
        self,
        jobs: Sequence[Job],
        *,
        limit: Callable[[], int],
        interrupted: Callable[[], None],
        in_order: bool = True,
    ) -> Iterator[JobEnd]:
        """Ends as they come. No job begins while ``limit()`` jobs are under way; at 0 those are
        waited for, and the rest is not started. The first Ctrl-C calls ``interrupted``; a second
        one is raised. A job without an available worker within the wait is unplaced; one whose
        worker has ended is lost.
        """
        if not jobs:
            return
        run = DaskRun(self.open(), jobs, self._options, in_order=in_order)
        stops = 0
        while True:
            try:
                ends = run.go_on(limit())
            except KeyboardInterrupt:
                stops += 1
                if stops > 1:
                    raise
                interrupted()
                run.wind_down()
                continue
            if ends is None:
                return
            yield from ends


def _look(pool: DaskPool) -> None:
    """Read the workers from the scheduler. Raises ``scheduler-unreachable``."""
    try:
        pool.look()
    except OSError as error:
        raise Failed(
            "scheduler-unreachable", "dask's scheduler stopped answering.", why=str(error)
        ) from error


def _complete(pool: DaskPool, wanted: int) -> bool:
    """Whether waiting longer changes nothing: enough workers are accepted, or all were refused."""
    if not pool.settled:
        return False
    all_refused = bool(pool.unfit) and not len(pool)
    return all_refused or len(pool) >= wanted


def _no_workers(pool: DaskPool, wait: float) -> Failed:
    """The error where no worker can be used: ``workers-unfit`` with the reason of one, or
    ``no-workers`` where none came within ``wait`` seconds.
    """
    if pool.unfit:
        address, why = min(pool.unfit.items())
        return Failed(
            "workers-unfit",
            f"{len(pool.unfit)} workers of dask are connected, and no one can do the work.",
            why=f"{address}: {why}",
            remedy="Start the workers from the environment, or the image, that this command runs "
            "in, and give both "
            "the same state (--state-dir s3://…).",
        )
    return Failed(
        "no-workers",
        f"No worker of dask came within {wait:g} seconds.",
        why="The scheduler answers, and has no worker that does.",
        remedy="Start workers (dask worker tls://HOST:PORT --resources 'vpc:prod=8'), or wait "
        "longer: --worker-wait.",
    )
