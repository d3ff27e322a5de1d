"""Jobs of a fleet on threads of this process: a bounded number concurrently in all, and in one
account.

Each job works on one cluster and makes concurrent calls inside itself; threads are enough, because
all of it is waiting for AWS. A job that fails is an answer, so that it cannot take another one's
along.
"""

import importlib
import queue
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.fleet.model.job import Job, JobEnd


def run_task(task: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Call a task by its import path. This is what runs on workers of any kind."""
    module, _, name = task.partition(":")
    answer: Mapping[str, Any] = getattr(importlib.import_module(module), name)(arguments)
    return answer


class FleetThreads:
    """:class:`migrator.ports.JobRunner` on at most ``overall`` threads, ``per_account`` of them in
    one account.
    """

    def __init__(self, overall: int, per_account: int) -> None:
        self._overall = overall
        self._per_account = per_account

    @property
    def processes(self) -> int:
        """How many processes share the rates."""
        return 1

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
        one is raised.
        """
        waiting = Waiting(jobs, self._per_account, in_order=in_order)
        ended: queue.SimpleQueue[tuple[Job, Future[Mapping[str, Any]]]] = queue.SimpleQueue()
        running = 0
        stops = 0
        with ThreadPoolExecutor(self._overall, thread_name_prefix="fleet") as pool:
            while True:
                try:
                    while (
                        running < min(self._overall, limit())
                        and (job := waiting.take()) is not None
                    ):
                        future = pool.submit(run_task, job.task, job.arguments)
                        future.add_done_callback(lambda done, job=job: ended.put((job, done)))  # type: ignore[misc]
                        running += 1
                    if not running:
                        return
                    job, future = ended.get()
                except KeyboardInterrupt:
                    stops += 1
                    if stops > 1:
                        raise
                    interrupted()
                    continue
                running -= 1
                waiting.give_back(job)
                yield _end_of(job, future)


class Waiting:
    """Jobs that were not started. An account at its limit lets the others go first.

    Where no order was chosen, the next is of the account that has most jobs left for each slot it
    would then have: the accounts end together instead of one after the other, and are asked evenly.
    AWS throttles by account, and botocore then holds back every cluster of the one that was.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        per_account: int,
        *,
        in_order: bool = True,
    ) -> None:
        self._per_account = per_account
        self._in_order = in_order
        self._busy: Counter[str] = Counter()
        self._queues: dict[str, deque[tuple[int, Job]]] = {}
        for number, job in enumerate(jobs):
            self._queues.setdefault(job.account, deque()).append((number, job))

    def __iter__(self) -> Iterator[Job]:
        """All that wait, account by account."""
        return (job for waiting in self._queues.values() for _, job in waiting)

    def take(self, fits: Callable[[Job], bool] = lambda _: True) -> Job | None:
        """The next job that fits and whose account has room; None where there is none.

        Of each account only its first job that fits is compared, so that its jobs stay in order.
        """
        with_room = (
            queue
            for account, queue in self._queues.items()
            if self._busy[account] < self._per_account
        )
        first = (next((item for item in queue if fits(item[1])), None) for queue in with_room)
        item = min((each for each in first if each is not None), key=self._turn, default=None)
        if item is None:
            return None
        self._queues[item[1].account].remove(item)
        self._busy[item[1].account] += 1
        return item[1]

    def _turn(self, item: tuple[int, Job]) -> tuple[float, int]:
        """A sort key: in order, or first of the account that has most jobs left for each that is
        under way, so that no large account is worked on alone at the end.
        """
        number, job = item
        if self._in_order:
            return 0.0, number
        left, busy = len(self._queues[job.account]), self._busy[job.account]
        return -left / (busy + 1), number

    def give_up(self, hopeless: Callable[[Job], bool]) -> list[Job]:
        """Take out all jobs that are hopeless; returns them."""
        found = [job for job in self if hopeless(job)]
        for account, waiting in self._queues.items():
            self._queues[account] = deque(item for item in waiting if not hopeless(item[1]))
        return found

    def give_back(self, job: Job) -> None:
        """A job of the account has ended."""
        self._busy[job.account] -= 1


def _end_of(job: Job, future: "Future[Mapping[str, Any]]") -> JobEnd:
    error = future.exception()
    if error is not None:
        return JobEnd(job.arn, lost=foreign(f"{type(error).__name__}: {error}"))
    return JobEnd(job.arn, future.result())
