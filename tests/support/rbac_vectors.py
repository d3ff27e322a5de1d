"""1,000 SubjectAccessReviews as a real kube-apiserver (v1.36.2) answered them, with the objects it
held.
"""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from migrator.model.rbac import AccessRequest, RbacState

_FILE = Path(__file__).resolve().parents[1] / "data/vectors-rbac.json.gz"


@cache
def _vectors() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(gzip.decompress(_FILE.read_bytes()))
    return loaded


def raw_rbac() -> dict[str, Any]:
    """The recorded objects in the shape of a snapshot's ``rbac``."""
    objects = _vectors()["objects"]
    names = ("roles", "roleBindings", "clusterRoles", "clusterRoleBindings")
    return {name: objects[name.lower()] for name in names}


def state() -> RbacState:
    """The recorded objects."""
    return RbacState.from_raw(raw_rbac())


def questions() -> list[tuple[str, tuple[str, ...], AccessRequest, bool]]:
    """``(username, groups, request, allowed)`` of each recorded review."""
    return [
        (user, tuple(groups), _request(raw), allowed)
        for user, groups, raw, allowed in _vectors()["sars"]
    ]


def _request(raw: dict[str, str]) -> AccessRequest:
    return AccessRequest(
        verb=raw["verb"],
        api_group=raw.get("group", ""),
        resource=raw.get("resource", ""),
        subresource=raw.get("subresource", ""),
        namespace=raw.get("namespace"),
        name=raw.get("name", ""),
        path=raw.get("path"),
    )
