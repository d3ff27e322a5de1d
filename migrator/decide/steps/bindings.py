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
    namespace = effect.namespace if isinstance(effect, CreateBinding) else None
    role_kind = effect.role_kind if isinstance(effect, CreateBinding) else "ClusterRole"
    role_name = effect.role_name if isinstance(effect, CreateBinding) else "cluster-admin"
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
    metadata = found.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    ours = isinstance(labels, Mapping) and labels.get(MANAGED_BY_LABEL) == MANAGED_BY
    return ours and _role_and_subjects(found) == _role_and_subjects(wanted)


def binding_stands(effect: CreateBinding, found: Mapping[str, object] | None) -> bool:
    """Whether a binding as read gives the group what a parallel binding gives it, whether or not a
    run made it and whatever subjects were added.
    """
    if found is None:
        return False
    kind, name, subjects = _role_and_subjects(found)
    return (kind, name) == (effect.role_kind, effect.role_name) and (
        "Group",
        "",
        effect.group,
    ) in subjects


def whose_binding(
    found: Mapping[str, object] | None, group: str
) -> Literal["nobody's", "ours", "shared", "other's"]:
    """The owner of a binding that has a name of ours, for the group that a run of ours bound by it.

    ``ours``: the group is its only subject, and it has our label; the bridge group of a run needs
    no label, because no one else uses that group. ``shared``: it binds the group, and another
    writer put it, or another subject, there. ``other's``: it does not bind the group. ``nobody's``:
    there is no binding.
    """
    if found is None:
        return "nobody's"
    subjects = found.get("subjects")
    names = [(s.get("kind"), s.get("name")) for s in subjects] if isinstance(subjects, list) else []
    if ("Group", group) not in names:
        return "other's"
    metadata = found.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    labelled = isinstance(labels, Mapping) and labels.get(MANAGED_BY_LABEL) == MANAGED_BY
    return "ours" if len(names) == 1 and (labelled or group.startswith(BRIDGE_PREFIX)) else "shared"


def _role_and_subjects(
    binding: Mapping[str, object],
) -> tuple[object, object, list[tuple[str, str, str]]]:
    role, subjects = binding.get("roleRef"), binding.get("subjects")
    role = role if isinstance(role, Mapping) else {}
    subjects = subjects if isinstance(subjects, list) else []
    names = sorted(
        (str(s.get("kind")), str(s.get("namespace") or ""), str(s.get("name"))) for s in subjects
    )
    return (role.get("kind"), role.get("name"), names)


def binding_key(effect: CreateBridge | CreateBinding | RemoveBridge) -> str:
    """``namespace/name``, or ``/name`` for a ClusterRoleBinding: how observations name a
    binding.
    """
    namespace = None if isinstance(effect, CreateBridge) else effect.namespace
    return f"{namespace or ''}/{effect.binding_name}"
