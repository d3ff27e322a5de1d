"""The objects of a new cluster before the first change: namespaces, RBAC of kube-apiserver and EKS,
FlowSchemas.
"""

import functools
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from importlib import resources

from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.registry import Registry
from migrator.lab.kubernetes.store import ObjectStore

_FILES = ("default_rbac.json", "default_eks_objects.json")
_BORN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def new_registry(now: Callable[[], datetime], objects: Iterable[Json] = ()) -> Registry:
    """A cluster's registry with the default objects and, over them, ``objects`` of its world.

    A world that brings ClusterRole ``cluster-admin`` is a copy of a whole cluster: then the
    defaults stay away.
    """
    objects = list(objects)
    complete = any(
        found.get("kind") == "ClusterRole"
        and found.get("metadata", {}).get("name") == "cluster-admin"
        for found in objects
    )
    registry = Registry(now, _furnished(with_defaults=not complete).copy(now))
    # Definitions first: they say how the kinds of other objects are named and whether they live in
    # namespaces.
    for found in sorted(objects, key=lambda each: each.get("kind") != "CustomResourceDefinition"):
        registry.load(found)
    return registry


@functools.cache
def _furnished(*, with_defaults: bool) -> ObjectStore:
    """Made once for all clusters of a process: stores share objects, as no code changes an object
    in place.
    """
    registry = Registry(lambda: _BORN)
    registry.ensure_default_namespaces()
    for name in _FILES if with_defaults else ():
        text = (resources.files("migrator.lab") / "data" / name).read_text(encoding="utf-8")
        for found in json.loads(text)["items"]:
            registry.load(found)
    return registry.store
