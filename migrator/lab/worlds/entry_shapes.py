"""What EKS fills in on an access entry: fixed names of node types, defaults of STANDARD, the
entry's own ARN.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.model.access_entry import EntryType
from migrator.model.principal import Arn

# Fixed names and groups by type. The groups of Windows and Fargate entries, and all of HyperPod's,
# are not published: these are the groups of the equivalent aws-auth rows without
# system:bootstrappers, as EC2_LINUX has it.
NODE_USERNAMES: Mapping[EntryType, str] = {
    "EC2_LINUX": "system:node:{{EC2PrivateDNSName}}",
    "EC2_WINDOWS": "system:node:{{EC2PrivateDNSName}}",
    "FARGATE_LINUX": "system:node:{{SessionName}}",
    "HYBRID_LINUX": "system:node:{{SessionName}}",
    "EC2": "system:node:{{SessionName}}",
    "HYPERPOD_LINUX": "system:node:{{SessionName}}",
}
NODE_GROUPS: Mapping[EntryType, tuple[str, ...]] = {
    "EC2_LINUX": ("system:nodes",),
    "EC2_WINDOWS": ("eks:kube-proxy-windows", "system:nodes"),
    "FARGATE_LINUX": ("system:node-proxier", "system:nodes"),
    "HYBRID_LINUX": ("system:nodes",),
    "EC2": ("system:nodes",),
    "HYPERPOD_LINUX": ("system:nodes",),
}


def default_username(arn: Arn) -> str:
    """What EKS fills in for STANDARD: for a role the session's ARN without the path, for others the
    ARN.
    """
    if arn.kind == "role":
        return f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{arn.name}/{{{{SessionName}}}}"
    return str(arn)


def entry_arn(cluster: LabCluster, principal: Arn) -> str:
    """A new access entry's ARN: the principal's name without its path, and a UUID."""
    place = f"arn:{cluster.partition}:eks:{cluster.region}:{cluster.account}"
    stem = f"{place}:access-entry/{cluster.name}"
    return f"{stem}/{principal.kind}/{principal.account}/{principal.name}/{uuid.uuid4()}"


def names_of(
    entry_type: EntryType, principal: Arn, params: Mapping[str, Any]
) -> tuple[str, tuple[str, ...]]:
    """Username and groups that an entry gets: fixed for node types, EKS's default where none is
    given.
    """
    if entry_type != "STANDARD":
        return NODE_USERNAMES[entry_type], NODE_GROUPS[entry_type]
    return params.get("username") or default_username(principal), read_groups(
        params.get("kubernetesGroups")
    )


def read_groups(raw: object) -> tuple[str, ...]:
    """Groups of an entry, each once."""
    return tuple(dict.fromkeys(str(group) for group in raw)) if isinstance(raw, Sequence) else ()
