"""Independent calls side by side, in a bounded pool of threads."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """A :class:`migrator.ports.TaskRunner` on threads.

    Each ``map`` has a pool of its own of at most ``workers`` threads, so that a call that maps again cannot wait
    for itself; one item, or one worker, runs in the caller's thread.
    """

    def __init__(self, workers: int = 8) -> None:
        self._workers = max(1, workers)

    def map(self, call: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Results in the order of the items; the first error, in that order, is raised after all have ended.

        An interruption is raised at once: items that have not begun never do, and those that have go on meanwhile.
        """
        if len(items) <= 1 or self._workers == 1:
            return _in_turn(call, items)
        pool = ThreadPoolExecutor(min(self._workers, len(items)), thread_name_prefix="migrate")
        try:
            futures = [pool.submit(call, item) for item in items]
            wait(futures)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return [future.result() for future in futures]


class SharedThreads:
    """A :class:`migrator.ports.TaskRunner` for many jobs in one process, which share ``calls`` calls at once.

    A job that is alone makes up to ``each`` calls side by side; sixteen jobs of sixteen calls make one each, in their
    own threads. More would not end sooner: it would be hundreds of threads in turn, and bursts that are throttled.
    """

    def __init__(self, calls: int = 16, each: int = 8) -> None:
        self._calls, self._each = calls, each
        self._lock = threading.Lock()
        self._jobs = 0

    @contextmanager
    def job(self) -> Iterator[None]:
        """One job more, until it ends."""
        with self._lock:
            self._jobs += 1
        try:
            yield
        finally:
            with self._lock:
                self._jobs -= 1

    @property
    def now(self) -> int:
        """How many calls a job may make side by side, as things are."""
        return max(1, min(self._each, self._calls // max(1, self._jobs)))

    def map(self, call: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """As :meth:`Threads.map`."""
        return Threads(self.now).map(call, items)


def _in_turn(call: Callable[[T], R], items: Sequence[T]) -> list[R]:
    results: list[R] = []
    first: Exception | None = None
    for item in items:
        try:
            results.append(call(item))
        except Exception as error:
            first = first or error
    if first is not None:
        raise first
    return results
