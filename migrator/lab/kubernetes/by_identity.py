"""What is worked out once for an object and shared by every cluster that holds it.

Stored objects are never changed in place, and the clusters of a lab share those that every cluster
has: a thousand clusters parse and encode the default roles once.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from migrator.lab.kubernetes.json_types import Json

Made = TypeVar("Made")


class ByIdentity(Generic[Made]):
    """Remembers ``make(found)`` for up to ``limit`` objects; the objects are kept alive, so
    identities stay unique.
    """

    def __init__(self, make: Callable[[Json], Made], limit: int = 20_000) -> None:
        self._make, self._limit = make, limit
        self._known: dict[int, tuple[Json, Made]] = {}

    def of(self, found: Json) -> Made:
        """What was made of this very object."""
        known = self._known.get(id(found))
        if known is not None and known[0] is found:
            return known[1]
        made = self._make(found)
        if len(self._known) >= self._limit:
            self._known.clear()
        self._known[id(found)] = (found, made)
        return made
