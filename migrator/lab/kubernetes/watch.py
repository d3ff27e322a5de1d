"""Watches: the changes after a revision as a stream of lines.

Source: Kubernetes documentation, "API concepts", "Efficient detection of changes".
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from migrator.lab.kubernetes.json_types import Json, compact_json
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.selectors import Matcher
from migrator.lab.kubernetes.status import expired
from migrator.lab.kubernetes.store import Change, ObjectStore

_BOOKMARK_SECONDS = 60.0
_BEAT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched: objects of a kind that match, in one namespace or (None) in all, served in a
    version.
    """

    kind: ResourceType
    version: str
    namespace: str | None
    chosen: Matcher

    def line(self, event: str, found: Json) -> bytes:
        """One line of the stream."""
        served = {**found, "apiVersion": self.kind.api_version(self.version)}
        return _line(event, served)


def watch(
    store: ObjectStore,
    watched: Watched,
    since: str,
    *,
    seconds: float,
    bookmarks: bool,
    beat: Callable[[], None],
) -> Iterator[bytes]:
    """Yield event lines for ``seconds`` of machine time; an empty piece means "nothing new, look
    after the peer".

    ``since`` empty or ``0``: everything that is there comes first, as ADDED. A revision that is no
    longer remembered ends the stream with an ERROR event that carries the 410 status. ``beat`` is
    called before each look.
    """
    end = time.monotonic() + seconds
    revision, present = _start(store, watched, since)
    yield from present
    marked = time.monotonic()
    while store.is_open():
        beat()
        with store.lock:
            changes, newest = store.changes_since(revision, watched.kind.key), store.revision
        if changes is None:
            yield _line(
                "ERROR", expired(f"too old resource version: {revision} ({store.oldest})").body()
            )
            return
        yield from _lines(changes, watched)
        revision = max(revision, newest)
        left = end - time.monotonic()
        if bookmarks and (left <= 0 or time.monotonic() - marked > _BOOKMARK_SECONDS):
            marked = time.monotonic()
            yield watched.line("BOOKMARK", _bookmark(watched.kind, revision))
        if left <= 0:
            return
        if not store.wait(revision, min(left, _BEAT_SECONDS)):
            yield b""


def _start(store: ObjectStore, watched: Watched, since: str) -> tuple[int, list[bytes]]:
    """The revision that a watch starts after, and the lines of what is there already."""
    if since not in ("", "0"):
        return int(since), []
    with store.lock:
        present, revision = store.items(watched.kind.key, watched.namespace)
    return revision, [watched.line("ADDED", found) for found in present if watched.chosen(found)]


def _lines(changes: Iterable[Change], watched: Watched) -> Iterator[bytes]:
    for change in changes:
        event = _event(change, watched.namespace, watched.chosen)
        if event is not None:
            yield watched.line(*event)


def _event(change: Change, namespace: str | None, chosen: Matcher) -> tuple[str, Json] | None:
    """What a watcher with a selector sees of a change: type and object, None for nothing.

    An object that begins to match is ADDED for the watcher, and one that no longer matches is
    DELETED, in its last state that matched (apiserver ``pkg/storage/etcd3/watcher.go``, transform).
    """
    if namespace is not None and change.place[0] != namespace:
        return None
    before = change.before
    matched = before is not None and chosen(before)
    matches = change.type != "DELETED" and chosen(change.object)
    if matches and matched:
        return "MODIFIED", change.object
    if matches:
        return "ADDED", change.object
    if before is None or not matched:
        return None
    version = {"resourceVersion": str(change.revision)}
    return "DELETED", {**before, "metadata": {**before["metadata"], **version}}


def _bookmark(kind: ResourceType, revision: int) -> Json:
    """An object that only says how far the watch has come (Kubernetes documentation, "API
    concepts", "Watch bookmarks").
    """
    return {"kind": kind.kind, "metadata": {"resourceVersion": str(revision)}}


def _line(kind: str, found: Json) -> bytes:
    return compact_json({"type": kind, "object": found}).encode() + b"\n"
