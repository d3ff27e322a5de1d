"""Lab time for several callers that wait concurrently in one process.

A caller that sleeps on a lab's clock steps it. One that steps it alone may; of several, each would
fly past what the others are in the middle of, and a Lease that a holder renews every quarter of a
minute would be late. So it is stepped when all of them wait, to the first moment that any of them
waits for.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from migrator.ports import Clock

_NO_TIME = timedelta(0)


class SharedLabTime:
    """:class:`migrator.ports.Clock` for all callers inside of :meth:`part`. ``clock`` steps when it
    sleeps.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._parts = 0
        self._waiting: dict[object, datetime] = {}

    @contextmanager
    def part(self) -> Iterator[Clock]:
        """Take part: time is not stepped while this one is busy."""
        with self._changed:
            self._parts += 1
        try:
            yield self
        finally:
            with self._changed:
                self._parts -= 1
                self._step()

    def now(self) -> datetime:
        """Lab time, in UTC."""
        return self._clock.now()

    def sleep(self, duration: timedelta) -> None:
        """Wait until the others wait, too, or until so much machine time has passed."""
        until, me = self.now() + duration, object()
        with self._changed:
            self._waiting[me] = until
            try:
                while True:
                    self._step()
                    left = until - self.now()
                    if left <= _NO_TIME:
                        return
                    self._changed.wait(left.total_seconds())
            finally:
                del self._waiting[me]

    def _step(self) -> None:
        """Where all wait: to the earliest moment that is waited for. Whom it wakes is counted as
        waiting until then.
        """
        if self._waiting and len(self._waiting) >= self._parts:
            ahead = min(self._waiting.values()) - self.now()
            if ahead > _NO_TIME:
                self._clock.sleep(ahead)
                self._changed.notify_all()
