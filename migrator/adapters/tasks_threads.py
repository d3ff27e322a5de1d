"""Independent calls, run concurrently in a bounded pool of threads."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """A :class:`migrator.ports.TaskRunner` on threads.

    Each ``map`` has a separate pool of at most ``workers`` threads, so that a call that maps again
    cannot wait for itself; one item, or one worker, runs in the caller's thread.
    """

    def __init__(self, workers: int = 8) -> None:
        self._workers = max(1, workers)

    def map(self, call: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Results in the order of the items; the first error, in that order, is raised after every
        item has ended.

        An interruption is raised immediately: items that have not started never do, and those that
        have continue meanwhile.
        """
        if len(items) <= 1 or self._workers == 1:
            part = _Part(call, items)
            while part.waiting:
                part.do_next()
            return part.results()
        pool = ThreadPoolExecutor(min(self._workers, len(items)), thread_name_prefix="migrate")
        try:
            futures = [pool.submit(call, item) for item in items]
            wait(futures)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return [future.result() for future in futures]


class SharedThreads:
    """A :class:`migrator.ports.TaskRunner` for many jobs in one process, which share ``calls``
    concurrent calls.

    A job that is alone makes up to ``each`` concurrent calls. Sixteen jobs make one each, in their
    own threads; what one of them leaves of its share while it computes, or waits, another takes.
    More calls than that would not end sooner: it would be hundreds of threads in turn, and bursts
    that are throttled.
    """

    def __init__(self, calls: int = 16, each: int = 8) -> None:
        self._each = each
        self._free = calls
        self._lock = threading.Lock()
        self._counted = threading.local()
        self._pool = ThreadPoolExecutor(calls, thread_name_prefix="migrate")

    def map(self, call: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """As :meth:`Threads.map`."""
        part = _Part(call, items)
        helpers: list[Future[None]] = []
        try:
            with self._share():
                while part.waiting:
                    helpers = [each for each in helpers if not each.done()]
                    while part.waiting > 1 and len(helpers) < self._each - 1 and self._take():
                        helpers.append(self._pool.submit(self._help, part))
                    part.do_next()
        finally:
            part.stop()  # an interruption is raised immediately
        wait(helpers)
        return part.results()

    @contextmanager
    def _share(self) -> Iterator[None]:
        """A job works in its own thread in any case; one that maps inside a map has been
        counted.
        """
        if getattr(self._counted, "yes", False):
            yield
            return
        self._count(-1)
        self._counted.yes = True
        try:
            yield
        finally:
            self._counted.yes = False
            self._count(1)

    def _help(self, part: "_Part[Any, Any]") -> None:
        """Concurrently with the job, until no items are left or the jobs' own threads take all
        shares.
        """
        self._counted.yes = True
        try:
            while self._free >= 0 and part.waiting:
                part.do_next()
        finally:
            self._counted.yes = False
            self._count(1)

    def _take(self) -> bool:
        with self._lock:
            free = self._free > 0
            self._free -= free
            return free

    def _count(self, shares: int) -> None:
        with self._lock:
            self._free += shares


class _Part(Generic[T, R]):
    """The items of one ``map``, for any thread that has time."""

    def __init__(self, call: Callable[[T], R], items: Sequence[T]) -> None:
        self._call = call
        self._items = items
        self._ends: list[tuple[R | None, BaseException | None]] = [(None, None)] * len(items)
        self._left = len(items)
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many items are not started."""
        return self._left

    def do_next(self) -> None:
        """Do one item, if there is one."""
        with self._lock:
            if not self._left:
                return
            number = len(self._items) - self._left
            self._left -= 1
        try:
            self._ends[number] = (self._call(self._items[number]), None)
        except BaseException as error:
            self._ends[number] = (None, error)
            if not isinstance(error, Exception):
                raise

    def stop(self) -> None:
        """Items that have not started never do."""
        with self._lock:
            self._left = 0

    def results(self) -> list[R]:
        """In the order of the items; raises the first error, in that order."""
        for _, error in self._ends:
            if error is not None:
                raise error
        return [result for result, _ in self._ends]  # type: ignore[misc]
