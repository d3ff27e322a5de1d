"""Objects that a rehearsal brings into the cluster, and aws-auth while it tries API mode."""

from collections.abc import Mapping
from typing import Any

from migrator.model.snapshot import Snapshot
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL

REHEARSAL_LABEL = "eks-access-migrator/rehearsal"  # its value is the run of the rehearsal


def of_rehearsal(labels: Mapping[str, str]) -> bool:
    """Whether an object with these labels was made for a rehearsal."""
    if labels.get(MANAGED_BY_LABEL) != MANAGED_BY:
        return False
    return REHEARSAL_LABEL in labels


def is_blank(config_map: Mapping[str, Any] | None) -> bool:
    """Whether aws-auth has keys and no value, as a rehearsal leaves it while it tries API mode."""
    if config_map is None:
        return False
    data = config_map.get("data")
    # A rehearsal keeps the keys.
    if not data:
        return False
    return not any(data.values())


def blank_under_rehearsal(snapshot: Snapshot) -> bool:
    """Whether aws-auth was read blank while objects of a rehearsal are in the cluster: the rows are
    saved there, and are to be restored. In API mode no row is in force.
    """
    if snapshot.cluster.authentication_mode == "API":
        return False
    if not is_blank(snapshot.config_map):
        return False
    rbac = snapshot.rbac
    if rbac is None:
        return False
    # A rehearsal that is cleaned up by half may have left its role or its binding.
    if any(of_rehearsal(binding.labels) for binding in rbac.bindings):
        return True
    return any(of_rehearsal(role.labels) for role in rbac.roles)
