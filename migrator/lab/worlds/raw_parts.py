"""Parts of raw API objects, where an absent key, null and an empty value mean the same, as they do
to Go's decoder.
"""

from collections.abc import Mapping
from typing import Any


def part_of(raw: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The object at a path of keys: ``part_of(pod, "metadata", "labels")``; empty where there is
    none.
    """
    found: Any = raw
    for key in keys:
        found = found.get(key) or {}
    return found  # type: ignore[no-any-return]


def items_of(raw: Mapping[str, Any], *keys: str) -> list[Any]:
    """The list at a path of keys: ``items_of(pod, "spec", "volumes")``; empty where there is
    none.
    """
    *path, last = keys
    return part_of(raw, *path).get(last) or []
