"""A fleet file with the way to its accounts, and the state of the fleet itself."""

from dataclasses import dataclass
from pathlib import Path

from migrator.app.settings import Settings
from migrator.fleet.app.worker import Worker
from migrator.fleet.model.fleet import FleetFile
from migrator.ports import StateStore


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet file with the way to its accounts. ``worker`` knows the accounts once they were
    discovered.
    """

    settings: Settings
    file: FleetFile
    worker: Worker


def fleet_store(fleet: Fleet) -> StateStore:
    """The state of the fleet itself."""
    place = fleet.settings.state_place
    if "://" in place:
        from migrator.adapters.tasks_threads import Threads
        from migrator.fleet.adapters.state import FleetBucket

        return FleetBucket(fleet.worker.sessions.caller(), place, fleet.file.name, Threads(32))
    from migrator.fleet.adapters.state import FleetFolder

    return FleetFolder(Path(place), fleet.file.name)
