"""The most memory that a process and those it started had at once, and the CPU that it took.

``ru_maxrss`` does not tell it: a process that is forked, and execed, begins with the peak of the
one that started it.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_SECONDS = 0.05
_EVERY = 10  # what is shared is shared out among processes: that takes longer to read


class PeakMemory(threading.Thread):
    """Looks at a process and its descendants until they end, or :meth:`end`."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._over = pid, threading.Event()
        self._alone, self._together = 0, 0

    @classmethod
    def of(cls, pid: int) -> "PeakMemory":
        """One that has begun to look."""
        found = cls(pid)
        found.start()
        return found

    def run(self) -> None:
        """The peak that the kernel kept of one process; sums of several as they are now."""
        rounds = 0
        while not self._over.wait(_SECONDS):
            with contextlib.suppress(OSError):
                self._alone = max(self._alone, peak_of(self._pid))
            rounds += 1
            if rounds % _EVERY == 0 and len(family := [*_family(self._pid)]) > 1:
                self._together = max(self._together, sum(map(_share_of, family)))

    def end(self) -> float:
        """Megabytes (MiB) at most."""
        self._over.set()
        self.join()
        return max(self._alone, self._together) / 1024


def peak_of(pid: int) -> int:
    """KiB that this process had at most since it was execed."""
    return _kibibytes(_PROC / str(pid) / "status", "VmHWM:")


def seconds_of(pid: int) -> float:
    """CPU of a process so far, without that of those it started."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def _share_of(pid: int) -> int:
    """Memory that processes share is counted in parts: the sum over all of them is what they
    take.
    """
    with contextlib.suppress(OSError):
        return _kibibytes(_PROC / str(pid) / "smaps_rollup", "Pss:")
    return 0


def _kibibytes(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
