"""Lab time: machine time plus an offset that can be stepped.

Propagation, updates, caches, leases, logs and soak periods run on lab time, so that a soak of
thirty minutes can be stepped over. Signatures and credentials stay on machine time
(:meth:`LabClock.machine_now`), as clients sign with the machine's clock.
"""

import threading
import time
from datetime import datetime, timedelta, timezone


class LabClock:
    """The one clock of a lab. Thread-safe; never runs backwards.

    ``ahead``: how far AWS's clock is ahead of this machine's, which clients sign with.
    """

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.ahead = timedelta(0)
        self._offset = offset
        self._frozen_at: datetime | None = None
        self._lock = threading.Lock()

    def machine_now(self) -> datetime:
        """Machine time, UTC, as AWS has it: what signatures are checked against."""
        return datetime.fromtimestamp(time.time(), tz=timezone.utc) + self.ahead

    def now(self) -> datetime:
        """Lab time, UTC."""
        with self._lock:
            return self._now()

    def _now(self) -> datetime:
        return self._frozen_at if self._frozen_at is not None else self.machine_now() + self._offset

    @property
    def offset(self) -> timedelta:
        """How far lab time is ahead of machine time."""
        return self.now() - self.machine_now()

    @property
    def frozen(self) -> bool:
        """Whether lab time stands still until it is stepped."""
        return self._frozen_at is not None

    def advance(self, by: timedelta) -> datetime:
        """Step lab time forward. Raises ``ValueError`` for a step back."""
        if by < timedelta(0):
            raise ValueError("lab time does not run backwards")
        with self._lock:
            return self._set(self._now() + by)

    def advance_to(self, to: datetime) -> datetime:
        """Step to ``to`` unless it has passed already: the times of concurrent sleeps do not add
        up.
        """
        with self._lock:
            return self._set(max(to, self._now()))

    def freeze(self) -> datetime:
        """Stop lab time; only steps move it from here."""
        with self._lock:
            self._frozen_at = self._now()
            return self._frozen_at

    def thaw(self) -> datetime:
        """Let lab time run again from where it stands."""
        with self._lock:
            if self._frozen_at is not None:
                self._offset = self._frozen_at - self.machine_now()
                self._frozen_at = None
            return self._now()

    def _set(self, to: datetime) -> datetime:
        if self._frozen_at is not None:
            self._frozen_at = to
        else:
            self._offset = to - self.machine_now()
        return to
