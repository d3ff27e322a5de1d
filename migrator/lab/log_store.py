"""Control-plane log lines of one cluster, as CloudWatch Logs keeps them: streams of (time, message)."""

import bisect
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple


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
        self.before_reading: Callable[[], None] = lambda: None  # whoever writes lazily catches up here

    def __len__(self) -> int:
        return len(self._lines)

    def append(self, stream: str, message: str, at: datetime) -> None:
        """Add a line."""
        with self._lock:
            line = LogLine(int(at.timestamp() * 1000), stream, message, self._next)
            self._next += 1
            self.stored_bytes += len(message) + 26
            if self._lines and line.timestamp < self._lines[-1].timestamp:
                bisect.insort(self._lines, line)
            else:
                self._lines.append(line)

    def between(self, start: int | None, end: int | None, skip: int = 0) -> Iterator[LogLine]:
        """Lines with ``start <= timestamp <= end`` (milliseconds), oldest first, without the first ``skip``."""
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
