"""Some jobs on a pool of workers, from the first to the last: handed out, watched, given up.

A job is bound to one process and lost with it; one without an available worker is given up after a
stated wait; and when the scheduler is unreachable nothing is waited for any more.
"""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from migrator.fleet.adapters import dask_worker
from migrator.fleet.adapters.dask_pool import GONE, Bell, DaskPool, PoolWorker, text_of
from migrator.fleet.adapters.dask_scheduler import Scheduler
from migrator.fleet.adapters.threads import Waiting
from migrator.fleet.model.job import Job, JobEnd

_LOOK_SECONDS = 1.0  # how often it is looked who is there


@dataclass(frozen=True, slots=True)
class DaskOptions:
    """``scheduler`` None: ``workers`` processes of our own, else at most so many are used (None:
    all that are there).

    ``overall`` and ``per_account`` bound how many jobs are under way. ``wait``: seconds for workers
    to appear. ``shared``: a file of the state and what is in it; a worker that does not find it
    would write to another disk. ``wind_down``: a function by its import path, called once on each
    busy worker with a job's arguments at Ctrl-C.
    """

    overall: int
    per_account: int
    scheduler: Scheduler | None = None
    workers: int | None = None
    wait: float = 60.0
    shared: tuple[str, str] | None = None
    wind_down: str | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    job: Job
    worker: PoolWorker
    future: Any


class DaskRun:
    """Some jobs on a pool of workers, from the first to the last."""

    def __init__(
        self,
        pool: DaskPool,
        jobs: Sequence[Job],
        options: DaskOptions,
        *,
        in_order: bool,
    ) -> None:
        self._pool = pool
        self._options = options
        self._bell = Bell()
        self._waiting = Waiting(jobs, options.per_account, in_order=in_order)
        self._begun: dict[str, _Begun] = {}
        self._alone: dict[str | None, float] = {}  # since when a placement has no worker
        self._looked = -_LOOK_SECONDS  # immediately: much may have changed since the last run
        self._silent: float | None = None  # since when the scheduler has not answered

    def go_on(self, allowed: int) -> list[JobEnd] | None:
        """Begin what may begin, wait a moment, and return what has ended; None: there is nothing
        more to wait for.

        ``allowed`` is how many jobs may be under way now. The workers are looked at every second.
        """
        allowed = min(self._options.overall, allowed)
        while len(self._begun) < allowed and self._reachable:
            job = self._waiting.take(self._fits)
            if job is None:
                break
            self._begin(job)
        none_waits = next(iter(self._waiting), None) is None
        if not self._begun and (allowed <= 0 or none_waits):
            return None
        ends = []
        attempt = self._bell.wait(_LOOK_SECONDS)
        if attempt is not None:
            ends = self._ended(attempt)
        if attempt is None or time.monotonic() - self._looked >= _LOOK_SECONDS:
            ends += self._look()
        return ends

    def wind_down(self) -> None:
        """Tell the workers that what takes long may end early."""
        busy = {begun.worker.address: begun for begun in self._begun.values()}
        for begun in busy.values():
            if self._options.wind_down is not None:
                self._pool.tell(begun.worker, self._options.wind_down, begun.job.arguments)

    @property
    def _reachable(self) -> bool:
        return self._silent is None and self._pool.client.status == "running"

    def _fits(self, job: Job) -> bool:
        return self._pool.free(job.placement) is not None

    def _begin(self, job: Job) -> None:
        """Hand a job to a free worker. The key names the work in dask's dashboard; the bell rings
        when it has ended.
        """
        worker = self._pool.free(job.placement)
        if worker is None:  # pragma: no cover - the job was chosen because there is one
            return
        attempt = uuid.uuid4().hex
        order = {
            "process": worker.process,
            "attempt": attempt,
            "task": job.task,
            "arguments": job.arguments,
        }
        key = f"{job.task.partition(':')[2]}-{job.arn.rpartition('/')[2]}-{attempt}"
        needs = None
        if job.placement and not worker.anything:
            needs = {job.placement: 1}
        future = self._pool.submit(
            dask_worker.do, order, key=key, workers=[worker.address], resources=needs
        )
        worker.used[job.placement] += 1
        self._begun[attempt] = _Begun(job, worker, future)
        future.add_done_callback(lambda _: self._bell.ring(attempt))

    def _ended(self, attempt: str) -> list[JobEnd]:
        """The end of a job: its answer, or why there is none. A job that was given up already has
        none here.
        """
        begun = self._begun.get(attempt)
        if begun is None:
            return []
        text, why = text_of(begun.future)
        if text is None:
            # Its worker may be lost, too: look before another job is given to it.
            self._looked = -_LOOK_SECONDS
            return [self._end(attempt, lost=why)]
        found = json.loads(text)
        return [self._end(attempt, answer=found.get("answer"), lost=found.get("lost", ""))]

    def _end(self, attempt: str, **how: Any) -> JobEnd:
        """Free what the job held, its worker and its account's place."""
        begun = self._begun.pop(attempt)
        begun.worker.used[begun.job.placement] -= 1
        self._waiting.give_back(begun.job)
        return JobEnd(begun.job.arn, **how)

    def _look(self) -> list[JobEnd]:
        """Update the workers, and give up jobs that cannot end."""
        self._looked = now = time.monotonic()
        try:
            self._pool.look()
            self._silent = None
        except OSError:
            self._silent = self._silent or now
        lost = [key for key, each in self._begun.items() if not self._pool.there(each.worker)]
        ends = [self._let_go(attempt) for attempt in lost]
        if self._silent is not None:
            return ends + self._without_scheduler(now)
        return ends + self._unplaced(now)

    def _let_go(self, attempt: str) -> JobEnd:
        """The process has ended; the job is cancelled in dask so that dask does not start it
        elsewhere.
        """
        begun = self._begun[attempt]
        begun.future.cancel()
        return self._end(attempt, lost=f"{GONE} ({begun.worker.address})")

    def _unplaced(self, now: float) -> list[JobEnd]:
        """Jobs that have had no available worker for the whole stated wait."""
        wanted = {job.placement for job in self._waiting}
        missing = {each for each in wanted if not any(worker.has(each) for worker in self._pool)}
        self._alone = {placement: self._alone.get(placement, now) for placement in missing}
        hopeless = {
            placement
            for placement, since in self._alone.items()
            if now - since >= self._options.wait
        }
        given_up = self._waiting.give_up(lambda job: job.placement in hopeless)
        return [JobEnd(job.arn, unplaced=self._nobody_for(job.placement)) for job in given_up]

    def _nobody_for(self, placement: str | None) -> str:
        """Why a job was given up for want of a worker: what it needs, how long was waited, and why
        workers that are there do not count.
        """
        told = [f"no worker has the resource {placement}" if placement else "no worker is left"]
        told.append(f"{self._options.wait:g} s were waited")
        if self._pool.too_many:
            told.append(
                f"{self._pool.too_many} more are there, and the rates of AWS calls are divided by "
                f"{len(self._pool)}"
            )
        told += sorted(self._pool.unfit.values())[:3]
        return "; ".join(told)

    def _without_scheduler(self, now: float) -> list[JobEnd]:
        """The end of a started job is unknown once the scheduler is permanently unreachable."""
        waited = now - (self._silent or now)
        if self._pool.client.status != "closed" and waited < self._options.wait:
            return []
        why = "dask's scheduler does not answer any more"
        ends = [self._end(attempt, lost=why) for attempt in [*self._begun]]
        given_up = self._waiting.give_up(lambda _: True)
        return ends + [JobEnd(job.arn, unplaced=why) for job in given_up]
