"""Entries that EKS makes automatically when access entries are switched on.

The hidden creator (with AmazonEKSClusterAdminPolicy), the roles of managed node groups, of Fargate
profiles and of capabilities (these without groups, which may be added), the two roles of EKS Auto
Mode, and EKS's own service-linked role (EKS user guide, "Access entries", legacy cluster access;
"Migrating existing aws-auth entries"). EKS guesses a node group's type from its AMI: a custom
Windows AMI becomes EC2_LINUX.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

from migrator.lab.worlds.entry_shapes import entry_arn, names_of
from migrator.lab.worlds.lab_cluster import LabCluster, LabEntry, LabPolicy
from migrator.lab.worlds.world import World
from migrator.model.access_entry import AccessScope, EntryType
from migrator.model.principal import parse_arn

SERVICE_ROLE = "role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"
# A node group that is going or that never came is not looked at.
_LIVE = ("CREATING", "ACTIVE", "UPDATING", "DEGRADED")


# Type, access policies by name with their namespaces, and the end of a username other than EKS's
# usual one.
_Shape: TypeAlias = tuple[EntryType, Mapping[str, tuple[str, ...]], str]
_CLUSTER: tuple[str, ...] = ()  # a policy's namespaces where it is for the whole cluster
_CAPABILITY_POLICIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ACK": {"AmazonEKSACKPolicy": _CLUSTER},
    "ARGOCD": {"AmazonEKSArgoCDClusterPolicy": _CLUSTER, "AmazonEKSArgoCDPolicy": ("argocd",)},
    "KRO": {"AmazonEKSKROPolicy": _CLUSTER},
}
_AUTO_MODE_POLICIES: Mapping[str, tuple[str, ...]] = {
    f"AmazonEKS{part}{of}Policy": _CLUSTER
    for part in ("BlockStorage", "Compute", "LoadBalancing", "Networking")
    for of in ("", "Cluster")
}


def automatic_entries(world: World, cluster: LabCluster, at: datetime) -> list[LabEntry]:
    """What EKS would make at ``at``: one entry a principal, for principals that exist.

    The creator's comes first, then the first resource that names a role; the cluster's
    ``automatic`` says which of the kinds EKS makes at all.
    """
    wanted: dict[str, _Shape] = {}
    if cluster.creator_arn and "creator" in cluster.automatic:
        wanted[cluster.creator_arn] = ("STANDARD", {"AmazonEKSClusterAdminPolicy": _CLUSTER}, "")
    # A principal has one entry: the creator's comes first, then the first resource that names it.
    for source, roles in _ROLES.items():
        if source not in cluster.automatic:
            continue
        for arn, shape in roles(cluster):
            wanted.setdefault(arn, shape)
    if "service-linked" in cluster.automatic:
        account = world.accounts[cluster.account]
        wanted[account.arn_of(SERVICE_ROLE)] = ("STANDARD", _SERVICE_POLICIES, "")
    entries = (_make(world, cluster, arn, shape, at) for arn, shape in wanted.items())
    return [entry for entry in entries if entry is not None]


def _node_roles(cluster: LabCluster) -> Iterator[tuple[str, _Shape]]:
    """Roles of managed node groups; the AMI says whether the nodes run Windows."""
    for group in cluster.nodegroups.values():
        if group.get("status", "ACTIVE") not in _LIVE:
            continue
        if not group.get("nodeRole"):
            continue
        windows = str(group.get("amiType", "")).startswith("WINDOWS")
        yield str(group["nodeRole"]), ("EC2_WINDOWS" if windows else "EC2_LINUX", {}, "")


def _fargate_roles(cluster: LabCluster) -> Iterator[tuple[str, _Shape]]:
    """Pod execution roles of Fargate profiles that are active."""
    for profile in cluster.fargate_profiles.values():
        if profile.get("status", "ACTIVE") != "ACTIVE":
            continue
        if profile.get("podExecutionRoleArn"):
            yield str(profile["podExecutionRoleArn"]), ("FARGATE_LINUX", {}, "")


def _capability_roles(cluster: LabCluster) -> Iterator[tuple[str, _Shape]]:
    """Roles of capabilities: STANDARD entries without groups, with the policies of the capability
    and its type as the name of the session (EKS user guide, "EKS Capabilities").
    """
    for capability in cluster.capabilities.values():
        if capability.get("status", "ACTIVE") not in _LIVE:
            continue
        if capability.get("roleArn"):
            kind = str(capability.get("type", ""))
            policies = _CAPABILITY_POLICIES.get(kind, {})
            yield str(capability["roleArn"]), ("STANDARD", policies, kind)


def _auto_mode_roles(cluster: LabCluster) -> Iterator[tuple[str, _Shape]]:
    """The role of a cluster in Auto Mode, by which EKS works in it, and that of its nodes (EKS user
    guide, "Learn about identity and access in EKS Auto Mode").
    """
    compute = cluster.raw.get("computeConfig") or {}
    if not compute.get("enabled"):
        return
    yield cluster.role_arn, ("STANDARD", _AUTO_MODE_POLICIES, "")
    if compute.get("nodeRoleArn"):
        yield str(compute["nodeRoleArn"]), ("EC2", {"AmazonEKSAutoNodePolicy": _CLUSTER}, "")


_SERVICE_POLICIES = {"AmazonEKSClusterInsightsPolicy": _CLUSTER, "AmazonEKSEventPolicy": _CLUSTER}
_ROLES: Mapping[str, Callable[[LabCluster], Iterator[tuple[str, _Shape]]]] = {
    "nodegroups": _node_roles,
    "fargate": _fargate_roles,
    "capabilities": _capability_roles,
    "auto-mode": _auto_mode_roles,
}


def _make(
    world: World,
    cluster: LabCluster,
    principal_arn: str,
    shape: _Shape,
    at: datetime,
) -> LabEntry | None:
    """An entry of EKS's own, pinned to the principal; None for one that does not exist.

    The service-linked role has a username that no customer can choose.
    """
    principal, arn = world.principal(principal_arn), parse_arn(principal_arn)
    if principal is None or arn is None:
        return None
    entry_type, policies, session = shape
    username, groups = names_of(entry_type, arn, {})
    if arn.kind == "service-linked-role":
        username = "eks:managed"
    if session:
        username = username.replace("{{SessionName}}", session)
    stem = f"arn:{cluster.partition}:eks::aws:cluster-access-policy/"
    return LabEntry(
        principal_arn=principal_arn,
        principal_id=principal.id,
        type=entry_type,
        username=username,
        kubernetes_groups=groups,
        entry_arn=entry_arn(cluster, arn),
        created_at=at,
        modified_at=at,
        policies=tuple(
            LabPolicy(
                stem + name,
                AccessScope("namespace", namespaces) if namespaces else AccessScope(),
                at,
                at,
            )
            for name, namespaces in policies.items()
        ),
        automatic=True,
    )
