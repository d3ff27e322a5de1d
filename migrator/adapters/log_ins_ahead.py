"""The principals that will be logged in as next: which of them is made ready, and when.

A few are ready at a time, and no more: each has credentials and a token in memory, and a login
counts for seconds only.
"""

import threading
from collections.abc import Mapping

MOST_READY = 8


class LogInsAhead:
    """ARNs in the order in which they will be asked for, by key. Safe to share between threads."""

    def __init__(self, arns: Mapping[str, str]) -> None:
        self._waiting = dict(arns)
        self._ready: set[str] = set()
        self._changed = threading.Condition()

    def next(self) -> str | None:
        """The next principal, once fewer than ``MOST_READY`` are ready; None where none is left."""
        with self._changed:
            while self._waiting and len(self._ready) >= MOST_READY:
                self._changed.wait()
            if not self._waiting:
                return None
            key = next(iter(self._waiting))
            self._ready.add(key)
            return self._waiting.pop(key)

    def asked_for(self, key: str) -> None:
        """The principal needs to be made ready no more."""
        with self._changed:
            self._waiting.pop(key, None)
            self._ready.discard(key)
            self._changed.notify()

    def end(self) -> None:
        """No further principal is made ready."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify()
