"""Independent calls side by side, in a bounded pool of threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
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
