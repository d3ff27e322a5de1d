"""The fields of the built-in kinds: what Go's decoder drops, and what it leaves out when it writes.

The table is generated from the models of the Kubernetes client
(``python -m tests.support.generate_kubernetes_fields``). A custom kind's fields are those of its
definition, which the lab does not read: only its metadata is known here.
"""

import functools
import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, TypeAlias

from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.resources import ResourceType

FieldTypes: TypeAlias = Callable[[str], str | None]

_OF_CUSTOM_KINDS = {"metadata": "V1ObjectMeta"}
_LIST, _MAP = "[]", "{}"
# Lists and maps that Go leaves out where they are empty (``omitempty``), by kind. Custom kinds and
# all others keep what they were given, but for their metadata.
_LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("data", "binaryData"),
    "RoleBinding": ("subjects",),
    "ClusterRoleBinding": ("subjects",),
}
# Lists that Go always writes: an empty one becomes null on its way through etcd.
_ALWAYS: Mapping[str, str] = {"Role": "rules", "ClusterRole": "rules"}
_ITEMS_OF = ("rules", "subjects")
# verbs has no omitempty.
_KEPT_IN_ITEMS = frozenset(("verbs", "name", "kind"))
# An empty list of managers is an order to the server.
_KEPT_IN_METADATA = frozenset(("managedFields",))
_EMPTY: tuple[Value, ...] = (None, "", [], {})


def pruned(kind: ResourceType, found: Json) -> tuple[Json, list[str]]:
    """The object without the fields that its kind does not have, and their paths
    (``rules[0].verb``), sorted.
    """
    unknown: list[str] = []
    kept: Json = _pruned(_fields_of(kind), found, "", unknown)
    return kept, sorted(unknown)


def without_empty(kind: ResourceType, found: Json) -> Json:
    """The object as Go writes it: empty lists, maps and texts of its metadata and of what access
    depends on are left out.
    """
    found = {**found, "metadata": _filled(found["metadata"], _KEPT_IN_METADATA)}
    # What a custom kind leaves out is for its definition to say.
    if kind.custom:
        return found
    left_out = _LEFT_OUT.get(kind.kind, ())
    found = {key: value for key, value in found.items() if value or key not in left_out}
    return _with_items(kind, found)


def _with_items(kind: ResourceType, found: Json) -> Json:
    """The object with its rules and subjects as Go writes them; other kinds have neither."""
    for field in _ITEMS_OF:
        items = found.get(field)
        if isinstance(items, list):
            found[field] = [_filled(item, _KEPT_IN_ITEMS) for item in items]
    always = _ALWAYS.get(kind.kind)
    # A list that Go always writes is null where nothing is in it.
    if always is not None:
        found[always] = found.get(always) or None
    return found


def _filled(part: Json, kept: frozenset[str]) -> Json:
    """A part of an object without its empty texts, lists and maps; those in ``kept`` stay."""
    return {key: value for key, value in part.items() if key in kept or value not in _EMPTY}


@functools.cache
def _table() -> Any:  # noqa: ANN401 - JSON
    path = resources.files("migrator.lab") / "data" / "kubernetes_fields.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _fields_of(kind: ResourceType) -> FieldTypes:
    """The fields of a kind, by name."""
    if kind.custom:
        return _any_field
    found: FieldTypes = _fields(_table()["kinds"][f"{kind.group}/{kind.kind}"])
    return found


def _fields(type_name: str) -> FieldTypes:
    """The fields of a type: from a name to the type of its value, None for what it does not
    have.
    """
    found: FieldTypes = _table()["types"][type_name].get
    return found


def _any_field(name: str) -> str:
    """A custom kind may have any field. Its metadata is that of all kinds."""
    return _OF_CUSTOM_KINDS.get(name, "")


def _pruned(fields: FieldTypes, value: Value, path: str, unknown: list[str]) -> Value:
    """A value without unknown fields, at any depth; their paths are added to ``unknown``. A value
    that is no object stays: what does not decode is refused elsewhere.
    """
    if not isinstance(value, dict):
        return value
    kept: Json = {}
    for key, child in value.items():
        inner = fields(key)
        if inner is None:
            unknown.append(f"{path}{key}")
            continue
        kept[key] = _child(inner, child, f"{path}{key}", unknown)
    return kept


def _child(inner: str, child: Value, place: str, unknown: list[str]) -> Value:
    """The value of a field whose type is ``inner``, as the table has it."""
    # A plain value, or one of any shape.
    if not inner:
        return child
    if inner.startswith(_LIST) and isinstance(child, list):
        fields = _fields(inner.removeprefix(_LIST))
        return [_pruned(fields, item, f"{place}[{n}].", unknown) for n, item in enumerate(child)]
    if inner.startswith(_MAP) and isinstance(child, dict):
        fields = _fields(inner.removeprefix(_MAP))
        return {
            key: _pruned(fields, item, f"{place}[{key}].", unknown) for key, item in child.items()
        }
    if inner.startswith((_LIST, _MAP)):
        return child
    return _pruned(_fields(inner), child, f"{place}.", unknown)
