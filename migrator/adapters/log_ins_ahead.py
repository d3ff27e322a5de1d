"""The principals that will be logged in as next: which of them is made ready, and when.

A few are ready at a time, and no more: each has credentials and a token in memory, and a login
counts for seconds only.
"""

import threading
from collections.abc import Iterable

MOST_READY = 8


class LogInsAhead:
    """Keys and ARNs, in the order in which they will be asked for. One thread makes them ready, all
    may ask.
    """

    def __init__(self, arns: Iterable[tuple[str, str]] = ()) -> None:
        self._waiting = iter(arns)
        self._asked: set[str] = set()
        self._ready: set[str] = set()
        self._ended = False
        self._changed = threading.Condition()

    def next(self) -> str | None:
        """The next principal, once fewer than ``MOST_READY`` are ready; None where none is left."""
        with self._changed:
            while len(self._ready) >= MOST_READY and not self._ended:
                self._changed.wait()
        # Without the lock: the next one may be waited for.
        for key, arn in self._waiting:
            with self._changed:
                if self._ended:
                    return None
                if key not in self._asked:
                    self._ready.add(key)
                    return arn
        return None

    def asked_for(self, key: str) -> None:
        """The principal needs to be made ready no more."""
        with self._changed:
            self._asked.add(key)
            self._ready.discard(key)
            self._changed.notify()

    def end(self) -> None:
        """No further principal is made ready."""
        with self._changed:
            self._ended = True
            self._changed.notify()
