"""What of a cluster's access entries has propagated, kept until something changes or takes
effect.
"""

from dataclasses import dataclass
from datetime import datetime

from migrator.lab.worlds.world import LabCluster, LabEntry, World
from migrator.model.access_entry import AuthenticationMode


@dataclass(frozen=True, slots=True)
class InForce:
    """Mode and entries that the control plane sees from one moment of lab time to another.

    ``until`` None: until the next change of them.
    """

    mode: AuthenticationMode
    entries: tuple[LabEntry, ...]
    since: datetime
    until: datetime | None

    def is_over(self, moment: datetime) -> bool:
        """Whether something else is in force at a later moment."""
        return self.until is not None and moment >= self.until


class EntriesInForce:
    """Asked at every login and decision, so the answer is remembered. Thread-safe."""

    def __init__(self, world: World, cluster: LabCluster) -> None:
        self._world, self._cluster = world, cluster
        self._known: InForce | None = None
        cluster.listeners.append(self._forget)

    def now(self) -> InForce:
        """What is in force at this moment of lab time; the same value as long as nothing has
        changed, so that caches can compare by identity.
        """
        known = self._known
        if known is not None and not known.is_over(self._world.now()):
            return known
        with self._world.lock:
            now = self._world.now()
            known = self._known = self._look(now)
        return known

    def at(self, moment: datetime) -> InForce:
        """What is in force at any moment, past or to come, by all that has been done so far."""
        known = self._known
        if known is not None and known.since <= moment and not known.is_over(moment):
            return known
        with self._world.lock:
            return self._look(moment)

    def _look(self, moment: datetime) -> InForce:
        """What the cluster says, and until when: the next moment at which something already done
        takes effect.
        """
        mode = self._cluster.mode(moment)
        entries: tuple[LabEntry, ...] = ()
        # No entry counts in a cluster without access entries.
        if mode != "CONFIG_MAP":
            entries = tuple(self._cluster.effective_entries(moment))
        until = next(iter(self._cluster.upcoming(moment)), None)
        return InForce(mode, entries, moment, until)

    def _forget(self) -> None:
        self._known = None
