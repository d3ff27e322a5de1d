"""Bindings of our own: the bridge, and the parallel bindings of reserved groups."""

from collections.abc import Mapping
from typing import Literal

from migrator.model.step import (
    BRIDGE_PREFIX,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    CreateBinding,
    CreateBridge,
    RemoveBridge,
)

PLAN_LABEL = "eks-access-migrator/plan"
RUN_LABEL = "eks-access-migrator/run"


def plan_label(plan_digest: str) -> str:
    """The plan's digest as a label value: at most 63 characters, and no colon."""
    return plan_digest.removeprefix("sha256:")[:16]


def binding_object(
    effect: CreateBridge | CreateBinding, *, plan_digest: str, run: str
) -> Mapping[str, object]:
    """The (Cluster)RoleBinding of a rendered effect, labelled as ours."""
    # A bridge replaces AmazonEKSClusterAdminPolicy until the policy is in force.
    namespace: str | None = None
    role_kind, role_name = "ClusterRole", "cluster-admin"
    if isinstance(effect, CreateBinding):
        namespace = effect.namespace
        role_kind, role_name = effect.role_kind, effect.role_name
    metadata: dict[str, object] = {
        "name": effect.binding_name,
        "labels": {
            MANAGED_BY_LABEL: MANAGED_BY,
            PLAN_LABEL: plan_label(plan_digest),
            RUN_LABEL: run,
        },
    }
    if namespace is not None:
        metadata["namespace"] = namespace
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding" if namespace is None else "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role_name},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": effect.group}
        ],
    }


def same_binding(found: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Whether a binding as read is the one wanted: role, subjects, and our label on it."""
    return _has_our_label(found) and _role_and_subjects(found) == _role_and_subjects(wanted)


def _has_our_label(found: Mapping[str, object]) -> bool:
    """Whether an object has the label that runs put on theirs."""
    # Kubernetes API: metadata.labels is left out of an object without labels.
    metadata = found.get("metadata")
    if not isinstance(metadata, Mapping):
        return False
    labels = metadata.get("labels")
    if not isinstance(labels, Mapping):
        return False
    return bool(labels.get(MANAGED_BY_LABEL) == MANAGED_BY)


def binding_stands(effect: CreateBinding, found: Mapping[str, object] | None) -> bool:
    """Whether a binding as read gives the group what a parallel binding gives it, whether or not a
    run made it and whatever subjects were added.
    """
    if found is None:
        return False
    kind, name, subjects = _role_and_subjects(found)
    if (kind, name) != (effect.role_kind, effect.role_name):
        return False
    return ("Group", "", effect.group) in subjects


def whose_binding(
    found: Mapping[str, object] | None, group: str
) -> Literal["none", "ours", "shared", "other's"]:
    """The owner of a binding that has a name of ours, for the group that a run of ours bound by it.

    ``ours``: the group is its only subject, and it has our label; the bridge group of a run needs
    no label, because no one else uses that group. ``shared``: it binds the group, and another
    writer put it, or another subject, there. ``other's``: it does not bind the group. ``none``:
    there is no binding.
    """
    if found is None:
        return "none"
    names = [(subject.get("kind"), subject.get("name")) for subject in _subjects(found)]
    if ("Group", group) not in names:
        return "other's"
    if len(names) > 1:
        return "shared"
    # A bridge group has a random name of one run: no other writer knows it.
    if group.startswith(BRIDGE_PREFIX) or _has_our_label(found):
        return "ours"
    return "shared"


def _subjects(binding: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The subjects of a binding as the API gives them."""
    # Kubernetes API: subjects may be left out, and a binding without any binds nothing.
    subjects = binding.get("subjects")
    if isinstance(subjects, list):
        return subjects
    return []


def _role_and_subjects(
    binding: Mapping[str, object],
) -> tuple[object, object, list[tuple[str, str, str]]]:
    """What a binding gives and to whom, in a form that can be compared: the order of subjects has
    no meaning.
    """
    role = binding.get("roleRef")
    if not isinstance(role, Mapping):
        role = {}
    names = [
        (
            str(subject.get("kind")),
            str(subject.get("namespace") or ""),
            str(subject.get("name")),
        )
        for subject in _subjects(binding)
    ]
    return (role.get("kind"), role.get("name"), sorted(names))


def binding_key(effect: CreateBridge | CreateBinding | RemoveBridge) -> str:
    """``namespace/name``, or ``/name`` for a ClusterRoleBinding: how observations name a
    binding.
    """
    # A bridge is an administrator's: its binding is always a ClusterRoleBinding.
    if isinstance(effect, CreateBridge):
        return f"/{effect.binding_name}"
    return f"{effect.namespace or ''}/{effect.binding_name}"
