"""Who owns which field: ``metadata.managedFields``, and server-side apply on top of it.

Source of the rules: Kubernetes documentation "Server-Side Apply" and structured-merge-diff: maps
are granular, lists are atomic (as the API declares for RBAC's rules and subjects and for whatever
has no schema), ``roleRef`` is atomic, ``finalizers`` is a set. A path is a tuple of steps; a step
is ``f:name`` or ``v:"value"``.
"""

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.status import ApiError, apply_conflict

Path: TypeAlias = tuple[str, ...]
Fields: TypeAlias = frozenset[Path]

# metadata that belongs to the server: no manager owns it (apimachinery's stripMeta).
_OF_THE_SERVER = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
)
_SERVER_METADATA = frozenset(
    (*_OF_THE_SERVER, "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
)
_ATOMIC = frozenset((("f:roleRef",),))
_SETS = frozenset((("f:metadata", "f:finalizers"),))
_SELF = "."
_EMPTY: tuple[Value, Value] = ({}, [])
MANAGER_LIMIT = 128


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: Literal["Apply", "Update"]
    api_version: str
    fields: Fields
    time: str | None = None
    subresource: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two entries the same owner."""
        return (self.manager, self.operation, self.api_version, self.subresource)


# values to paths


def owned_fields(found: Json) -> Fields:
    """The leaf paths of an object: what its applier owns.

    ``{"data": {"mapRoles": "[]"}}`` gives ``("f:data", "f:mapRoles")``. ``apiVersion``, ``kind``
    and the server's own metadata have no owner.
    """
    return frozenset(_leaves(_ownable(found), ()))


def _ownable(found: Json) -> Json:
    """The object without what no manager can own (apimachinery
    ``pkg/util/managedfields/internal/stripmeta.go``). ``metadata`` is left out where nothing of it
    remains.
    """
    kept = {
        key: value for key, value in found.items() if key not in ("apiVersion", "kind", "metadata")
    }
    metadata = {
        key: value
        for key, value in found.get("metadata", {}).items()
        if key not in _SERVER_METADATA
    }
    if metadata:
        kept["metadata"] = metadata
    return kept


def _leaves(value: Value, path: Path) -> Iterator[Path]:
    """The paths of all leaves below ``path``, depth first.

    A leaf is a scalar, a list, an empty map, or a map that the schema declares atomic. The items of
    a set are leaves of their own, each as ``v:`` and its JSON.
    """
    # An empty map is a leaf, but for the object itself.
    has_fields = isinstance(value, dict) and (value or not path)
    if has_fields and path not in _ATOMIC:
        for key, child in value.items():
            yield from _leaves(child, (*path, f"f:{key}"))
    elif path in _SETS and isinstance(value, list):
        for item in value:
            yield (*path, "v:" + json.dumps(item))
    else:
        yield path


def changed_fields(before: Json | None, after: Json) -> tuple[Fields, Fields]:
    """(modified or added, removed) between two states; a map that appears is itself added (its
    ``.``).
    """
    written: set[Path] = set()
    removed: set[Path] = set()
    # metadata is always there: only what is in it comes and goes
    _compare(
        {"metadata": {}, **_ownable(before or {})},
        {"metadata": {}, **_ownable(after)},
        (),
        written,
        removed,
    )
    return frozenset(written), frozenset(removed)


def _compare(
    before: Value,
    after: Value,
    path: Path,
    written: set[Path],
    removed: set[Path],
) -> None:
    """Add to ``written`` and ``removed`` what differs between two values at ``path``.

    ``before`` is None for a value that did not exist (structured-merge-diff ``typed/compare.go``).
    """
    if path in _SETS:
        _compare_sets(before or [], after or [], path, written, removed)
        return
    was_map = isinstance(before, dict)
    # An empty map that appears is a leaf: it has no fields that could be owned.
    if isinstance(after, dict) and (after or was_map) and path not in _ATOMIC:
        _compare_maps(before, after, path, written, removed)
        return
    if before == after:
        return
    if was_map:
        removed.update(_with_selves(before, path))
    written.add(path)


def _compare_sets(
    before: Value,
    after: Value,
    path: Path,
    written: set[Path],
    removed: set[Path],
) -> None:
    """The same for a set: each item has its own path, so one item can change its owner alone."""
    old, new = set(_leaves(before, path)), set(_leaves(after, path))
    written |= new - old
    removed |= old - new
    if new and not old:
        written.add((*path, _SELF))


def _compare_maps(
    before: Value,
    after: Json,
    path: Path,
    written: set[Path],
    removed: set[Path],
) -> None:
    """The same for a granular map: keys that disappeared, then the map itself where it is new, then
    the keys that are there now.

    ``before`` may be no map: a scalar that became a map was removed, and the map was added.
    """
    known = before if isinstance(before, dict) else {}
    for key in known.keys() - after.keys():
        removed.update(_with_selves(known[key], (*path, f"f:{key}")))
    if not isinstance(before, dict):
        if before is not None:
            removed.add(path)
        if path:
            written.add((*path, _SELF))
    for key, child in after.items():
        _compare(known.get(key), child, (*path, f"f:{key}"), written, removed)


def _with_selves(value: Value, path: Path) -> Iterator[Path]:
    """Paths of a value that disappeared: its leaves, and the ``.`` of every map above them.

    A manager may own either, so both are taken from all managers.
    """
    yield (*path, _SELF)
    yield from _leaves(value, path)
    if isinstance(value, dict) and path not in _ATOMIC:
        for key, child in value.items():
            yield from _with_selves(child, (*path, f"f:{key}"))


# the wire format


def read_owners(found: Json) -> list[Owner]:
    """The owners that an object's ``metadata.managedFields`` names, in its order.

    Entries of another format than ``FieldsV1`` are left out: no other format was ever released
    (Kubernetes documentation, "Server-Side Apply").
    """
    owners = []
    for entry in found.get("metadata", {}).get("managedFields") or []:
        if entry.get("fieldsType") != "FieldsV1":
            continue
        if entry.get("operation") not in ("Apply", "Update"):
            continue
        fields = frozenset(_from_wire(entry.get("fieldsV1") or {}, ()))
        owners.append(
            Owner(
                entry.get("manager", ""),
                entry["operation"],
                entry.get("apiVersion", ""),
                fields,
                entry.get("time"),
                entry.get("subresource", ""),
            )
        )
    return owners


def _from_wire(tree: Json, path: Path) -> Iterator[Path]:
    """The paths of a ``fieldsV1`` tree.

    ``{"f:data": {".": {}, "f:mapRoles": {}}}`` gives ``("f:data", ".")`` and ``("f:data",
    "f:mapRoles")``. A step without children ends a path.
    """
    for step, child in tree.items():
        if step == _SELF or not child:
            yield (*path, step)
        else:
            yield from _from_wire(child, (*path, step))


def write_owners(found: Json, owners: Iterable[Owner]) -> Json:
    """The object with these managedFields, Apply before Update, then the oldest first, then by name
    (apimachinery ``pkg/util/managedfields/internal/managedfields.go``, sortEncodedManagedFields).

    An updater that owns nothing is not written; an applier is, so that its next apply finds it.
    """
    in_order = sorted(
        _lasting(owners),
        key=lambda each: (each.operation != "Apply", each.time or "", each.manager),
    )
    entries = [_entry(owner) for owner in in_order]
    metadata = {
        key: value for key, value in found.get("metadata", {}).items() if key != "managedFields"
    }
    if entries:
        metadata["managedFields"] = entries
    return {**found, "metadata": metadata}


def _entry(owner: Owner) -> Json:
    """One entry of managedFields, as :func:`read_owners` reads it.

    ``subresource`` is left out where it is empty, as Go's ``omitempty`` leaves it out.
    """
    entry: Json = {
        "manager": owner.manager,
        "operation": owner.operation,
        "apiVersion": owner.api_version,
        "time": owner.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": _to_wire(owner.fields),
    }
    if owner.subresource:
        entry["subresource"] = owner.subresource
    return entry


def _to_wire(fields: Fields) -> Json:
    """Paths as a ``fieldsV1`` tree, the reverse of :func:`_from_wire`. Keys are sorted."""
    tree: Json = {}
    for path in sorted(fields):
        at = tree
        for step in path:
            at = at.setdefault(step, {})
    return tree


# updates


def track_update(
    before: Json | None,
    after: Json,
    manager: str,
    api_version: str,
    time: str,
) -> Json:
    """``after`` with managedFields as an ordinary write by ``manager`` leaves them: what it changed
    is its own (apimachinery ``pkg/util/managedfields/internal/structuredmerge.go``, Update).

    ``before`` None is a creation: then the owners are those that the writer sent along. Other
    managers lose every field that was written or removed. ``time`` is RFC 3339; an entry keeps its
    old time while its manager changes nothing.
    """
    written, removed = changed_fields(before, after)
    owners = _owners_at_update(before, after)
    mine = Owner(manager, "Update", api_version, frozenset())
    kept = []
    for owner in owners:
        if owner.key == mine.key:
            mine = owner
        else:
            kept.append(_replace_fields(owner, owner.fields - written - removed))
    fields = (mine.fields - removed) | written
    changed = bool(written or removed)
    mine = Owner(mine.manager, "Update", api_version, fields, time if changed else mine.time)
    return write_owners(after, [*_lasting(kept), mine])


def _owners_at_update(before: Json | None, after: Json) -> list[Owner]:
    """The owners that an update starts from."""
    if before is None:
        return read_owners(after)
    # An explicit empty list resets all ownership (Kubernetes documentation, "Server-Side Apply",
    # "Clearing managedFields").
    if after.get("metadata", {}).get("managedFields") == []:
        return []
    return read_owners(before)


def _lasting(owners: Iterable[Owner]) -> list[Owner]:
    """The owners without those that an ordinary write left nothing; an applier without fields
    stays.
    """
    return [owner for owner in owners if owner.fields or owner.operation == "Apply"]


def _replace_fields(owner: Owner, fields: Fields) -> Owner:
    return Owner(
        owner.manager, owner.operation, owner.api_version, fields, owner.time, owner.subresource
    )


# server-side apply


def apply(
    live: Json | None,
    applied: Json,
    manager: str,
    api_version: str,
    time: str,
    *,
    force: bool,
) -> Json:
    """The object after ``manager`` applied its configuration.

    ``live`` None creates the object. ``applied`` has ``apiVersion`` and ``kind``; ``time`` is RFC
    3339.

    Raises a 409 ApiError that names every field which another manager owns with another value,
    unless ``force``: then this manager owns those fields. Fields that this manager applied before
    and no longer names are removed when no other manager owns them.
    """
    mine = Owner(manager, "Apply", api_version, owned_fields(applied))
    owners = read_owners(live or {})
    before = next((owner for owner in owners if owner.key == mine.key), None)
    others = [owner for owner in owners if owner.key != mine.key]
    base = live or {"apiVersion": applied["apiVersion"], "kind": applied["kind"], "metadata": {}}
    merged = _merge(base, _without_server_fields(applied), ())
    written, _ = changed_fields(live, merged)
    others = _others_after(others, written, force=force)
    stamp: str | None = time
    if before is not None:
        merged = _without_abandoned(merged, before.fields - mine.fields, [mine, *others])
        # An apply that changes nothing leaves the entry's time as it is (apimachinery
        # ``pkg/util/managedfields/internal/managedfieldsupdater.go``).
        if before.fields == mine.fields and _ownable(merged) == _ownable(base):
            stamp = before.time
    stamped = Owner(manager, "Apply", api_version, mine.fields, stamp)
    return write_owners(merged, [*_lasting(others), stamped])


def _others_after(others: list[Owner], written: Fields, *, force: bool) -> list[Owner]:
    """The other owners after fields were written: with ``force`` they lose those fields, else it is
    a conflict (structured-merge-diff ``merge/update.go``).
    """
    contested = [(owner, owner.fields & written) for owner in others]
    found = [(owner, sorted(fields)) for owner, fields in contested if fields]
    if not found:
        return others
    if not force:
        raise _conflicts(found)
    return [_replace_fields(owner, owner.fields - fields) for owner, fields in contested]


def _without_abandoned(found: Json, abandoned: Fields, owners: list[Owner]) -> Json:
    """An object without the fields that its applier no longer names. What another owner holds, or
    anything below it, stays (structured-merge-diff ``merge/update.go``, prune).
    """
    held: set[Path] = set()
    for kept in chain.from_iterable(owner.fields for owner in owners):
        held.update(kept[:length] for length in range(1, len(kept) + 1))
    for path in sorted(abandoned, key=len, reverse=True):
        if path not in held:
            found = _without(found, path)
    return found


def _without_server_fields(applied: Json) -> Json:
    """What is applied, without managedFields: the server writes them, and a client that sends what
    it got must not own them.
    """
    metadata = {
        key: value for key, value in applied.get("metadata", {}).items() if key != "managedFields"
    }
    return {**applied, "metadata": metadata}


def _merge(live: Value, applied: Value, path: Path) -> Value:
    """Two values at ``path`` merged as the schema declares the path (structured-merge-diff
    ``typed/merge.go``).

    Sets unite and keep the live order, granular maps merge key by key, and of everything else the
    applied value replaces the live one.
    """
    are_lists = isinstance(live, list) and isinstance(applied, list)
    if path in _SETS and are_lists:
        return live + [item for item in applied if item not in live]
    are_maps = isinstance(live, dict) and isinstance(applied, dict)
    if path not in _ATOMIC and are_maps:
        merged = dict(live)
        for key, value in applied.items():
            merged[key] = _merge(live.get(key), value, (*path, f"f:{key}"))
        return merged
    return copy.deepcopy(applied)


def _without(value: Value, path: Path) -> Value:
    """A value without what is at ``path`` below it; a path that leads nowhere removes nothing.

    The ``.`` of a map is ownership alone: losing it removes no field.
    """
    step, rest = path[0], path[1:]
    if step == _SELF:
        return value
    kind, key = step[:2], step[2:]
    if kind == "v:" and isinstance(value, list):
        return [item for item in value if json.dumps(item) != key]
    if not isinstance(value, dict) or key not in value:
        return value
    if not rest:
        return _without_key(value, key)
    child = _without(value[key], rest)
    # What has lost its last field goes too; what was empty before stays.
    if child in _EMPTY and value[key] not in _EMPTY:
        return _without_key(value, key)
    return {**value, key: child}


def _without_key(value: Json, key: str) -> Json:
    return {name: child for name, child in value.items() if name != key}


def _conflicts(found: list[tuple[Owner, list[Path]]]) -> ApiError:
    """The 409 of an apply, in the words of apimachinery
    ``pkg/util/managedfields/internal/conflict.go`` (NewConflictError).

    One conflict is one sentence; several are grouped by manager. Each field is a separate cause.
    """
    causes = []
    for owner, paths in found:
        message = f"conflict with {_describe(owner)}"
        for path in paths:
            cause = {"reason": "FieldManagerConflict", "message": message, "field": _dotted(path)}
            causes.append(cause)
    if len(causes) == 1:
        owner, paths = found[0]
        text = (
            f"Apply failed with 1 conflict: conflict with {_describe(owner)}: {_dotted(paths[0])}"
        )
        return apply_conflict(text, causes)
    lines = []
    for owner, paths in sorted(found, key=lambda pair: pair[0].manager):
        lines.append(f"conflicts with {_describe(owner)}:")
        lines += [f"- {_dotted(path)}" for path in paths]
    return apply_conflict(f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines), causes)


def _describe(owner: Owner) -> str:
    """A manager as a conflict names it.

    An applier is its quoted name. An updater has its version too, since it may own fields in
    several versions. The lab leaves out the time that the real server adds.
    """
    text = json.dumps(owner.manager)
    if owner.subresource:
        text += f" with subresource {json.dumps(owner.subresource)}"
    return f"{text} using {owner.api_version}" if owner.operation == "Update" else text


def _dotted(path: Path) -> str:
    """A path as fieldpath prints it: ``.data.mapRoles``, ``.metadata.finalizers[="a"]``."""
    return "".join(
        f"[={step[2:]}]" if step.startswith("v:") else f".{step[2:]}"
        for step in path
        if step != _SELF
    )
