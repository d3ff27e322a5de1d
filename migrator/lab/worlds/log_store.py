"""Control-plane log lines of one cluster, as CloudWatch Logs keeps them: streams of (time,
message).
"""

import bisect
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class LogLine(NamedTuple):
    """One event; ``timestamp`` in milliseconds since 1970, as CloudWatch Logs has it."""

    timestamp: int
    stream: str
    message: str
    id: int


class LogStore:
    """Lines in the order of time. Appending is cheap; lines come nearly in order."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []
        self._lock = threading.Lock()
        self._next = 0
        self.stored_bytes = 0
        self.before_reading: Callable[[], None] = lambda: None  # a lazy writer adds its lines here

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, stream: str, message: str, at: datetime) -> None:
        """Add a line."""
        with self._lock:
            line = LogLine((at - _EPOCH) // timedelta(milliseconds=1), stream, message, self._next)
            self._next += 1
            self.stored_bytes += len(message) + 26
            if self._lines and line.timestamp < self._lines[-1].timestamp:
                bisect.insort(self._lines, line, key=lambda other: (other.timestamp, other.id))
            else:
                self._lines.append(line)

    def between(self, start: int | None, end: int | None, skip: int = 0) -> Iterator[LogLine]:
        """Lines with ``start <= timestamp <= end`` (milliseconds), oldest first, without the first
        ``skip``.
        """
        self.before_reading()
        with self._lock:
            first = 0 if start is None else bisect.bisect_left(self._lines, (start,))
            lines = self._lines
            last = len(lines)
        for index in range(first + skip, last):
            if end is not None and lines[index].timestamp > end:
                return
            yield lines[index]

    def streams(self) -> dict[str, tuple[int, int]]:
        """Stream names with first and last timestamp."""
        self.before_reading()
        found: dict[str, tuple[int, int]] = {}
        with self._lock:
            for line in self._lines:
                first, _ = found.get(line.stream, (line.timestamp, line.timestamp))
                found[line.stream] = (first, line.timestamp)
        return found


class GeneratedLog(LogStore):
    """A log of many lines that are made when they are read, so that millions cost no memory.

    ``make(index)`` gives ``(timestamp in milliseconds, stream, message)``; timestamps never fall.
    What the cluster logs itself while the lab runs is kept apart and comes after the generated
    lines.
    """

    def __init__(self, count: int, make: Callable[[int], tuple[int, str, str]]) -> None:
        super().__init__()
        self._count = count
        self._make = make
        self._next = count

    def __len__(self) -> int:
        return self._count + super().__len__()

    def between(self, start: int | None, end: int | None, skip: int = 0) -> Iterator[LogLine]:
        """Generated lines of the window, then those that were appended."""
        first = 0 if start is None else self._first_at(start)
        last = max(first, self._count if end is None else self._first_at(end + 1))
        for index in range(first + skip, last):
            timestamp, stream, message = self._make(index)
            yield LogLine(timestamp, stream, message, index)
        yield from super().between(start, end, max(0, skip - (last - first)))

    def _first_at(self, timestamp: int) -> int:
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._make(middle)[0] < timestamp:
                low = middle + 1
            else:
                high = middle
        return low

    def streams(self) -> dict[str, tuple[int, int]]:
        """Streams of the first generated lines, with the bounds of all, and those that were
        appended.
        """
        found: dict[str, tuple[int, int]] = {}
        for index in range(min(self._count, 1000)):
            found.setdefault(
                self._make(index)[1], (self._make(0)[0], self._make(self._count - 1)[0])
            )
        return {**found, **super().streams()}
