"""Bindings of our own: what they are made of, whose they are, and what undoes them."""

from collections.abc import Mapping
from typing import Any

import pytest

from migrator.decide.steps.bindings import (
    binding_key,
    binding_object,
    binding_stands,
    same_binding,
    whose_binding,
)
from migrator.model.step import (
    BRIDGE_PREFIX,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    CreateBinding,
    CreateBridge,
    RemoveBridge,
)

PARALLEL = CreateBinding("migrator-viewers", "shop", "ClusterRole", "view", "viewers")
BRIDGE = CreateBridge("migrator-bridge", f"{BRIDGE_PREFIX}1")
LABELS = {MANAGED_BY_LABEL: MANAGED_BY}


def read(*groups: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A binding to view as the Kubernetes API shows it; a field without content is left out."""
    metadata = {"name": "a", **({"labels": labels} if labels else {})}
    subjects = [{"kind": "Group", "name": name} for name in groups]
    role = {"kind": "ClusterRole", "name": "view"}
    return {"metadata": metadata, "roleRef": role, **({"subjects": subjects} if groups else {})}


def test_bridge_binds_its_group_to_cluster_admin_in_the_whole_cluster() -> None:
    made = binding_object(BRIDGE, plan_digest="sha256:0", run="1")
    assert (made["kind"], made["roleRef"]) == (
        "ClusterRoleBinding",
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    )
    assert binding_key(BRIDGE) == "/migrator-bridge"


def test_parallel_binding_is_in_the_namespace_of_the_binding_that_it_copies() -> None:
    made = binding_object(PARALLEL, plan_digest="sha256:0", run="1")
    assert made["kind"] == "RoleBinding"
    assert same_binding(read("viewers", labels=LABELS), made)
    assert binding_key(PARALLEL) == "shop/migrator-viewers"
    assert binding_key(RemoveBridge("a", "g")) == "/a"


@pytest.mark.parametrize(
    "found", [{}, {"metadata": {}}, read("viewers"), read(labels=LABELS), read("a", labels=LABELS)]
)
def test_binding_without_our_label_or_our_group_is_another_one(found: dict[str, Any]) -> None:
    assert not same_binding(found, binding_object(PARALLEL, plan_digest="sha256:0", run="1"))


def test_group_is_bound_by_whoever_made_the_binding() -> None:
    assert binding_stands(PARALLEL, read("viewers", "others"))
    assert not binding_stands(PARALLEL, read("others"))
    assert not binding_stands(PARALLEL, None)
    other_role = {**read("viewers"), "roleRef": {"kind": "ClusterRole", "name": "edit"}}
    assert not binding_stands(PARALLEL, other_role)
    assert not binding_stands(PARALLEL, {"subjects": read("viewers")["subjects"]})


@pytest.mark.parametrize(
    ("found", "owner"),
    [
        (None, "none"),
        (read("others"), "other's"),
        (read(), "other's"),
        (read("viewers", "others", labels=LABELS), "shared"),
        (read("viewers"), "shared"),
        (read("viewers", labels=LABELS), "ours"),
    ],
)
def test_owner_of_a_binding_is_known_by_its_label_and_its_subjects(
    found: dict[str, Any] | None, owner: str
) -> None:
    assert whose_binding(found, "viewers") == owner


def test_binding_of_a_bridge_group_alone_is_ours_without_a_label() -> None:
    assert whose_binding(read(BRIDGE.group), BRIDGE.group) == "ours"
