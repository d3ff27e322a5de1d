"""Writes evidence to the state while more of it is taken.

A line is on disk when the state says so, which takes as long as some questions do. One thread
writes, in the order in which the evidence was taken, and the threads that ask do not wait for it.
"""

import threading
from queue import SimpleQueue
from types import TracebackType

from migrator.model.canonical import canonical_bytes
from migrator.model.evidence import Evidence, evidence_to_document
from migrator.ports import StateStore
from migrator.run.one_run import EVIDENCE_FILE


class EvidenceWriter:
    """A context: at its end everything that was kept is written, whatever ended it."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._kept: SimpleQueue[Evidence | None] = SimpleQueue()
        self._failed: Exception | None = None
        self._is_over = False
        self._lock = threading.Lock()
        # An interruption of the last wait ends the process: a torn line is no evidence.
        self._thread = threading.Thread(target=self._write, name="migrate-evidence", daemon=True)

    def __enter__(self) -> "EvidenceWriter":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_over = True
            self._kept.put(None)
        self._thread.join()
        if error is None and self._failed is not None:
            raise self._failed

    def keep(self, evidence: Evidence) -> None:
        """Have it written. Raises what prevented earlier evidence from being written."""
        if self._failed is not None:
            raise self._failed
        with self._lock:
            if not self._is_over:
                self._kept.put(evidence)
                return
        # The command was interrupted, and what was being asked has ended since.
        self._append(evidence)

    def _write(self) -> None:
        while (evidence := self._kept.get()) is not None:
            # Evidence that comes after a line that is missing would show another order.
            if self._failed is not None:
                continue
            try:
                self._append(evidence)
            except Exception as error:
                self._failed = error

    def _append(self, evidence: Evidence) -> None:
        line = canonical_bytes(evidence_to_document(evidence))
        self._store.append_line(EVIDENCE_FILE, line)
