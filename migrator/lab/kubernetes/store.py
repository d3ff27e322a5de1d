"""Objects of one cluster with one revision counter, as etcd keeps them, and what changed since.

Objects are never changed in place: a write replaces the whole object, so a reader may keep what it
got.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from migrator.lab.kubernetes.json_types import Json

Key = tuple[str, str]  # API group, plural
Place = tuple[str, str]  # namespace ("" for cluster-scoped), name

_HISTORY = 2_000
_FIRST_REVISION = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """One write, as watchers receive it. ``before`` is None for an object that did not exist;
    ``at`` is lab time.
    """

    revision: int
    at: datetime
    key: Key
    place: Place
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Json
    before: Json | None


class ObjectStore:
    """Thread-safe. A caller that reads and then writes holds :attr:`lock` in between."""

    def __init__(self, now: Callable[[], datetime], history: int = _HISTORY) -> None:
        self._now = now
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._objects: dict[Key, dict[Place, Json]] = {}
        self._changes: deque[Change] = deque(maxlen=history)
        self._generations: dict[Key, int] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._closed = False
        self.revision = _FIRST_REVISION
        self.oldest = _FIRST_REVISION

    def get(self, key: Key, namespace: str, name: str) -> Json | None:
        """The object, or None."""
        return self._objects.get(key, {}).get((namespace, name))

    def items(self, key: Key, namespace: str | None = None) -> tuple[list[Json], int]:
        """Objects sorted by namespace and name, and the revision they were read at. ``namespace``
        None: all.
        """
        with self.lock:
            places = self._objects.get(key, {})
            return _sorted(places, namespace), self.revision

    def items_at(self, key: Key, namespace: str | None, revision: int) -> list[Json] | None:
        """The same as of an earlier revision; None when the store no longer remembers that far
        back.
        """
        with self.lock:
            changes = self.changes_since(revision, key)
            if changes is None:
                return None
            places = dict(self._objects.get(key, {}))
        for change in reversed(changes):
            if change.before is None:
                places.pop(change.place, None)
            else:
                places[change.place] = change.before
        return _sorted(places, namespace)

    def revision_at(self, moment: datetime) -> int:
        """The newest revision that had been written at a moment of lab time, as far back as is
        remembered.
        """
        with self.lock:
            for change in reversed(self._changes):
                if change.at <= moment:
                    return change.revision
            return self.oldest

    def copy(self, now: Callable[[], datetime]) -> "ObjectStore":
        """A store with the same objects and a separate history. The objects are shared, as no code
        changes them in place.
        """
        with self.lock:
            twin = ObjectStore(now, self._changes.maxlen or _HISTORY)
            twin._objects = {key: dict(places) for key, places in self._objects.items()}
            twin.revision = twin.oldest = self.revision
            return twin

    def keys(self) -> Iterator[Key]:
        """Resources of which there is any object."""
        return iter([key for key, places in self._objects.items() if places])

    def generation(self, *keys: Key) -> int:
        """A number that grows with every write to one of the resources: what caches are keyed
        by.
        """
        return sum(self._generations.get(key, 0) for key in keys)

    def put(
        self,
        key: Key,
        namespace: str,
        name: str,
        found: Json,
    ) -> Json:
        """Store the object under the next revision and return it as stored."""
        with self.lock:
            self.revision += 1
            metadata = {**found.get("metadata", {}), "resourceVersion": str(self.revision)}
            stored = {**found, "metadata": metadata}
            places = self._objects.setdefault(key, {})
            before = places.get((namespace, name))
            places[namespace, name] = stored
            kind: Literal["ADDED", "MODIFIED"] = "ADDED" if before is None else "MODIFIED"
            self._tell(
                Change(
                    self.revision,
                    self._now(),
                    key,
                    (namespace, name),
                    kind,
                    stored,
                    before,
                )
            )
            return stored

    def remove(self, key: Key, namespace: str, name: str) -> Json | None:
        """Take the object out; the last state, under the revision of the removal, is returned."""
        with self.lock:
            before = self._objects.get(key, {}).pop((namespace, name), None)
            if before is None:
                return None
            self.revision += 1
            last = {
                **before,
                "metadata": {**before["metadata"], "resourceVersion": str(self.revision)},
            }
            self._tell(
                Change(
                    self.revision,
                    self._now(),
                    key,
                    (namespace, name),
                    "DELETED",
                    last,
                    before,
                )
            )
            return last

    def on_change(self, listener: Callable[[Change], None]) -> None:
        """Call ``listener`` after every write, inside the lock; it must be quick."""
        self._listeners.append(listener)

    def changes_since(self, revision: int, key: Key) -> list[Change] | None:
        """Writes to one resource after ``revision``; None when the store no longer remembers that
        far back.
        """
        with self.lock:
            if revision < self.oldest:
                return None
            found = []
            for change in reversed(self._changes):
                if change.revision <= revision:
                    break
                if change.key == key:
                    found.append(change)
            return found[::-1]

    def wait(self, revision: int, seconds: float) -> bool:
        """Sleep until something is written after ``revision`` (True), time is up or the store is
        closed (False).
        """
        with self._changed:
            if self.revision == revision and not self._closed:
                self._changed.wait(seconds)
            return self.revision != revision and not self._closed

    def is_open(self) -> bool:
        """False when the server goes down: watches end."""
        return not self._closed

    def close(self) -> None:
        """Wake every watcher and let it end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def compact(self) -> None:
        """Forget the history, as etcd does every few minutes: watches from before end in 410
        Gone.
        """
        with self.lock:
            self._changes.clear()
            self.oldest = self.revision

    def _tell(self, change: Change) -> None:
        if self._changes.maxlen is not None and len(self._changes) == self._changes.maxlen:
            self.oldest = self._changes[0].revision
        self._changes.append(change)
        self._generations[change.key] = self._generations.get(change.key, 0) + 1
        for listener in self._listeners:
            listener(change)
        self._changed.notify_all()


def _sorted(places: Mapping[Place, Json], namespace: str | None) -> list[Json]:
    """Objects of a namespace, None for all, sorted by namespace and name."""
    if namespace is None:
        return [places[place] for place in sorted(places)]
    return [places[place] for place in sorted(places) if place[0] == namespace]
