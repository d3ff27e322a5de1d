"""What of a cluster's access entries has propagated, kept until something changes or takes effect."""

from dataclasses import dataclass
from datetime import datetime

from migrator.lab.world import LabCluster, LabEntry, World
from migrator.model.access_entry import AuthenticationMode


@dataclass(frozen=True, slots=True)
class InForce:
    """Mode and entries that the control plane sees, until a moment of lab time (None: until somebody changes them)."""

    mode: AuthenticationMode
    entries: tuple[LabEntry, ...]
    until: datetime | None


class EntriesInForce:
    """Asked at every login and decision, so the answer is remembered. Thread-safe."""

    def __init__(self, world: World, cluster: LabCluster) -> None:
        self._world, self._cluster = world, cluster
        self._known: InForce | None = None
        cluster.listeners.append(self._forget)

    def now(self) -> InForce:
        """What is in force at this moment of lab time; the same value as long as nothing has changed."""
        known = self._known
        if known is not None and (known.until is None or self._world.now() < known.until):
            return known
        with self._world.lock:
            known = self._known = self.at(self._world.now())
        return known

    def at(self, moment: datetime) -> InForce:
        """What is in force at any moment, by all that has been done so far; the world's lock is held."""
        mode = self._cluster.mode(moment)
        entries = () if mode == "CONFIG_MAP" else tuple(self._cluster.effective_entries(moment))
        upcoming = self._cluster.upcoming(moment)
        return InForce(mode, entries, upcoming[0] if upcoming else None)

    def _forget(self) -> None:
        self._known = None
