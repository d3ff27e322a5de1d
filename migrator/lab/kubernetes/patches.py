"""The three ways to patch: JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch.

All are pure: they return a new object. Strategic merge follows apimachinery
``pkg/util/strategicpatch`` for the lists whose merge keys are known here; every other list is
replaced, as the API declares for RBAC's rules and subjects.
"""

import copy
from typing import Any

from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.status import bad_request, unprocessable

# Field name -> merge key, from the patchMergeKey tags of the built-in types.
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "ownerReferences": "uid",
    "conditions": "type",
    "imagePullSecrets": "name",
    "secrets": "name",
    "hostAliases": "ip",
    "taints": "key",
    "addresses": "type",
    "webhooks": "name",
}
_PRIMITIVE_MERGE = {"finalizers"}
# Directives in the name of a key; the rest of the name is the list that they are about.
_ORDER = "$setElementOrder/"
_DELETE_FROM = "$deleteFromPrimitiveList/"
# An order is read where its list is merged, the other two where their map begins.
_OBEYED_ELSEWHERE = (_ORDER, "$patch", "$retainKeys")
_MISSING = object()


def merge_patch(target: Value, patch: Value) -> Value:
    """RFC 7386: maps merge, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Json, operations: Value) -> Json:
    """RFC 6902: the object after every operation, in order.

    Raises a 400 ApiError for what is no patch, 422 for one that cannot be applied. The limit of
    10,000 operations is the API server's (apiserver ``pkg/endpoints/handlers/patch.go``,
    maxJSONPatchOperations).
    """
    if not isinstance(operations, list) or not all(isinstance(step, dict) for step in operations):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(operations) > 10_000:
        raise bad_request("the allowed maximum operations in a JSON patch is 10000")
    document: Value = copy.deepcopy(target)
    for step in operations:
        try:
            document = _json_step(document, step)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise unprocessable(
                f"{step.get('op')} operation does not apply: doc is missing path: {error}"
            ) from None
    if not isinstance(document, dict):
        raise unprocessable("the patch does not leave an object")
    return document


def _json_step(document: Value, step: Json) -> Value:
    """The document after one operation (RFC 6902, section 4).

    Raises a 422 ApiError for a test that fails and an operation that the RFC does not have.
    KeyError, IndexError, ValueError and TypeError mean that the operation or a path of it fits
    nothing; the caller makes a 422 of them.
    """
    kind, path = step["op"], _pointer(step["path"])
    match kind:
        case "add":
            return _put(document, path, copy.deepcopy(step["value"]), insert=True)
        case "replace":
            # The API server's library sets a key that a map lacks; a list needs the item
            # (evanphx/json-patch, replace).
            return _put(document, path, copy.deepcopy(step["value"]), insert=False)
        case "remove":
            return _drop(document, path)
        case "test":
            if _look(document, path) != step.get("value"):
                raise unprocessable(f"testing value {step['path']} failed")
            return document
        case "copy":
            copied = copy.deepcopy(_look(document, _pointer(step["from"])))
            return _put(document, path, copied, insert=True)
        case "move":
            source = _pointer(step["from"])
            moved = _look(document, source)
            return _put(_drop(document, source), path, moved, insert=True)
        case _:
            raise unprocessable(f"Unexpected kind: {kind}")


def _pointer(text: str) -> list[str]:
    """The parts of a JSON pointer (RFC 6901): ``/metadata/labels/a~1b`` has the parts ``metadata``,
    ``labels`` and ``a/b``.

    Raises ValueError for a pointer that is not empty and does not begin with a slash. ``~0`` is
    replaced after ``~1``, so that ``~01`` stays a ``~1`` of the key.
    """
    if text == "":
        return []
    if not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _child(at: Value, part: str) -> Value:
    """One step down. Raises IndexError or KeyError where there is nothing, ValueError for a list's
    index that is no number.
    """
    if not isinstance(at, list):
        return at[part]
    index = int(part)
    # Python would count a negative index from the end.
    if index < 0:
        raise IndexError(part)
    return at[index]


def _look(document: Value, path: list[str]) -> Value:
    for part in path:
        document = _child(document, part)
    return document


def _put(document: Value, path: list[str], value: Value, *, insert: bool) -> Value:
    """The document with ``value`` at ``path``, changed in place.

    In a list ``insert`` makes place for the value, otherwise it replaces an item; ``-`` is the
    place behind the last item (RFC 6901, section 4). Raises IndexError beyond the end of a list,
    KeyError where the parent holds nothing.
    """
    if not path:
        return value
    parent, last = _look(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        index = len(parent) if last == "-" else int(last)
        if not 0 <= index < len(parent) + insert:
            raise IndexError(last)
        if insert:
            parent.insert(index, value)
        else:
            parent[index] = value
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise KeyError(last)
    return document


def _drop(document: Value, path: list[str]) -> Value:
    """The document without what is at ``path``, changed in place.

    Raises KeyError or IndexError where nothing is there: a removal must not be lost silently (RFC
    6902, section 4.2). The whole document cannot be removed.
    """
    if not path:
        raise KeyError("")
    parent, last = _look(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        index = int(last)
        if index < 0:
            raise IndexError(last)
        del parent[index]
    else:
        del parent[last]
    return document


def strategic_merge_patch(target: Json, patch: Json) -> Json:
    """The object after a strategic merge patch.

    Maps merge, lists with a known merge key merge by it, null removes. The directives ``$patch``,
    ``$retainKeys``, ``$setElementOrder`` and ``$deleteFromPrimitiveList`` are obeyed (Kubernetes
    community, "Strategic Merge Patch").
    """
    merged = _merge_map(target, patch)
    return merged if isinstance(merged, dict) else {}


def _merge_map(target: Value, patch: Json) -> Value:
    """A map after the patch of it.

    ``$patch: replace`` makes the patch the value, ``$patch: delete`` leaves an empty map; without a
    directive the patch's keys are merged into the target, which may be absent (None).
    """
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    merged = _retained(target, patch)
    for key, value in patch.items():
        if key.startswith(_OBEYED_ELSEWHERE):
            continue
        if key.startswith(_DELETE_FROM):
            field = key.removeprefix(_DELETE_FROM)
            merged[field] = [item for item in merged.get(field) or [] if item not in value]
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_value(key, merged.get(key), value, patch.get(f"{_ORDER}{key}"))
    return merged


def _retained(target: Value, patch: Json) -> Json:
    """What a patch starts from: the target, or the keys of it that ``$retainKeys`` names."""
    present = target if isinstance(target, dict) else {}
    retain = patch.get("$retainKeys")
    if retain is None:
        return dict(present)
    return {key: value for key, value in present.items() if key in retain}


def _merge_value(key: str, target: Value, value: Value, order: Value) -> Value:
    """The value of one key after its patch. ``order`` is what ``$setElementOrder`` names for it,
    None where the patch names no order.
    """
    if isinstance(value, dict):
        return _merge_map(target, value)
    if isinstance(value, list):
        return _merge_list(key, target, value, order)
    return value


def _merge_list(field: str, target: Value, patch: list[Any], order: Value) -> list[Any]:
    """A list after the patch of it, by the strategy of its field.

    Finalizers are a set. Lists of maps merge by the field's merge key; ``$patch: replace`` in an
    item replaces the whole list. Every other list is replaced.
    """
    present: list[Any] = list(target) if isinstance(target, list) else []
    if field in _PRIMITIVE_MERGE:
        return present + [item for item in patch if item not in present]
    merge_key = _MERGE_KEYS.get(field)
    # Without a merge key the patch's list replaces what is there (``x-kubernetes-patch-strategy``).
    are_maps = all(isinstance(item, dict) for item in [*present, *patch])
    if merge_key is None or not are_maps:
        return [copy.deepcopy(item) for item in patch if not _is_directive(item)]
    return _merge_maps_by_key(merge_key, present, patch, order)


def _merge_maps_by_key(
    merge_key: str, present: list[Any], patch: list[Any], order: Value
) -> list[Any]:
    """A list of maps after its patch; ``order`` is None where the patch names none."""
    replacing = [item for item in patch if item.get("$patch") == "replace"]
    if replacing:
        return [copy.deepcopy(item) for item in patch if item not in replacing]
    for item in patch:
        present = _merge_item(present, item, merge_key)
    if isinstance(order, list):
        _sort_as(order, present, merge_key)
    return present


def _is_directive(item: Value) -> bool:
    """Whether an item of a list says how to patch, and is no value itself: ``{"$patch":
    "replace"}``.
    """
    return isinstance(item, dict) and "$patch" in item


def _sort_as(order: list[Any], present: list[Any], merge_key: str) -> None:
    """Put items in the order that the patch names; items that it does not name come last."""
    names = [item.get(merge_key) if isinstance(item, dict) else item for item in order]

    def rank(item: Json) -> int:
        name = item.get(merge_key)
        return names.index(name) if name in names else len(names)

    present.sort(key=rank)


def _merge_item(present: list[Any], item: Json, merge_key: str) -> list[Any]:
    """A list of maps after one item of its patch.

    The item is merged into the one with the same key; ``$patch: delete`` removes that; an item with
    a new key is added at the end. An item of the list that lacks the key equals none.
    """
    if item.get("$patch") == "delete":
        return [found for found in present if found.get(merge_key) != item.get(merge_key)]
    for index, found in enumerate(present):
        if found.get(merge_key, _MISSING) == item.get(merge_key):
            return [*present[:index], _merge_map(found, item), *present[index + 1 :]]
    return [*present, _merge_map({}, item)]
