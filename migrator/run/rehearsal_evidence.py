"""The clock and the store of a verification while aws-auth is blank: its pauses continue the watch,
its evidence is kept back until it is certain.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from migrator.ports import Clock, StateStore

BEAT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class BeatingClock:
    """:class:`migrator.ports.Clock` whose every pause keeps the rehearsal running: ``watch`` raises
    what ends it.
    """

    clock: Clock
    watch: Callable[[], None]

    def now(self) -> datetime:
        """Now, in UTC."""
        return self.clock.now()

    def sleep(self, duration: timedelta) -> None:
        """Wait, a beat at a time."""
        end = self.clock.now() + duration
        while self.clock.now() < end:
            self.clock.sleep(min(BEAT, end - self.clock.now()))
            self.watch()


class HeldStore:
    """A state store that keeps evidence back until it is certain that no row was asked."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._lines: list[tuple[str, bytes]] = []
        self.location = store.location
        self.read, self.write = store.read, store.write
        self.append_record, self.journal, self.lock = store.append_record, store.journal, store.lock
        self.lock_owner = store.lock_owner

    def append_line(self, name: str, line: bytes) -> None:
        """Keep the line."""
        self._lines.append((name, line))

    def let_go(self) -> None:
        """Write the lines that were kept."""
        for name, line in self._lines:
            self._store.append_line(name, line)
        self._lines.clear()
