"""The access entries of many principals, each read shortly before it is needed.

EKS takes two calls to show an entry. A verification of hundreds of principals asks the API server
meanwhile: they are two services with separate limits.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

from migrator.model.access_entry import AccessEntry
from migrator.model.snapshot import Snapshot
from migrator.ports import TaskRunner


@dataclass(frozen=True, slots=True)
class WithoutEntries:
    """A cluster as it was read but for its access entries: ``arns`` are the principals that have
    one.
    """

    snapshot: Snapshot
    arns: frozenset[str]


class EntriesBeingRead:
    """Entries of the principals with these ARNs, read in this order while others are used."""

    def __init__(
        self,
        read: Callable[[str], AccessEntry | None],
        tasks: TaskRunner,
        arns: Iterable[str],
    ) -> None:
        self._read = read
        self._tasks = tasks
        self._found: dict[str, Future[AccessEntry | None]] = {arn: Future() for arn in arns}
        self._failed: Exception | None = None
        self._is_over = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read them while the block runs."""
        thread = threading.Thread(target=self._read_all, name="migrate-entries")
        thread.daemon = True  # an interrupted process does not wait for it
        thread.start()
        try:
            yield
        finally:
            self._is_over = True

    def of(self, arn: str) -> AccessEntry | None:
        """The entry, once it was read; None for a principal that has none. Raises what prevented
        the entries from being read.
        """
        found = self._found.get(arn)
        if found is None:
            return None
        return found.result()

    def _read_all(self) -> None:
        try:
            self._tasks.map(self._read_one, list(self._found))
        finally:
            for found in self._found.values():
                found.cancel()

    def _read_one(self, arn: str) -> None:
        if self._is_over:
            return
        found = self._found[arn]
        # What prevents one from being read prevents each, and is waited for once.
        if self._failed is not None:
            found.set_exception(self._failed)
            return
        try:
            found.set_result(self._read(arn))
        except Exception as error:
            self._failed = error
            found.set_exception(error)
