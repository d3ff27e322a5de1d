"""What a snapshot holds of a cluster, as the lab holds it: instances, access entries, Kubernetes
objects, times.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias

from migrator.lab.worlds.entry_shapes import entry_arn
from migrator.lab.worlds.lab_cluster import LabCluster, LabEntry, LabPolicy
from migrator.lab.worlds.principals import Account, Instance, InstanceProfile, make_id
from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.lab.worlds.reference_objects import objects_for
from migrator.lab.worlds.world import World
from migrator.lab.worlds.world_files import LONG_AGO
from migrator.model.access_entry import AccessScope
from migrator.model.moments import moment_of_text
from migrator.model.principal import parse_arn

Raw: TypeAlias = Mapping[str, Any]
_RBAC_KINDS = {
    "roles": "Role",
    "roleBindings": "RoleBinding",
    "clusterRoles": "ClusterRole",
    "clusterRoleBindings": "ClusterRoleBinding",
}


def add_nodes(raw: Raw, account: Account, cluster: LabCluster) -> None:
    """The instances behind nodes, each with a profile of its role where that is of the account.

    Fargate nodes have no instance. The profile has the role's name: a snapshot does not hold its
    own.
    """
    for node in items_of(raw, "nodes"):
        instance = str(node.get("providerID") or "").rpartition("/")[2]
        role = parse_arn(node.get("roleArn") or "")
        if not instance.startswith("i-"):
            continue
        profile = None
        if role is not None and role.account == account.id:
            profile = role.name
            arn = account.arn_of(f"instance-profile/{profile}")
            account.instance_profiles[profile.lower()] = InstanceProfile(
                arn,
                profile,
                "/",
                make_id("AIPA", arn),
                LONG_AGO,
                role.name,
            )
        account.instances[instance] = Instance(
            instance, cluster.region, str(node["name"]), profile, LONG_AGO
        )


def write_entries(raw: Raw, world: World, cluster: LabCluster) -> None:
    """Access entries with their policies, in force from their creation on.

    What an entry lacks has the API's default. The entry of Auto Mode's node role is EKS's own.
    """
    auto_mode = part_of(raw["cluster"], "computeConfig").get("nodeRoleArn")
    for item in items_of(raw, "accessEntries"):
        arn = parse_arn(item["principalArn"])
        if arn is None:
            continue
        created = moment(item.get("createdAt"))
        found = {key: value for key, value in item.items() if value}
        policies = found.get("associatedAccessPolicies", ())
        entry = LabEntry(
            principal_arn=item["principalArn"],
            principal_id=_pinned_id(world, item["principalArn"], created),
            type=found.get("type", "STANDARD"),
            username=str(found.get("username", "")),
            kubernetes_groups=tuple(found.get("kubernetesGroups", ())),
            entry_arn=str(found.get("accessEntryArn", entry_arn(cluster, arn))),
            created_at=created,
            modified_at=moment(found.get("modifiedAt", item.get("createdAt"))),
            policies=tuple(map(_policy, policies)),
            tags=dict(found.get("tags", {})),
            automatic=item["principalArn"] == auto_mode,
        )
        cluster.write_entry(entry.principal_arn, entry, created, delay=timedelta(0))


def _pinned_id(world: World, arn: str, created: datetime) -> str:
    """The unique id that an entry is pinned to: that of its principal, or one that no longer exists
    when the principal is missing or younger than the entry.
    """
    principal = world.principal(arn)
    if principal is None or getattr(principal, "create_date", LONG_AGO) > created:
        return make_id("AROA", f"gone {parse_arn(arn)}")
    return principal.id


def _policy(item: Raw) -> LabPolicy:
    scope = part_of(item, "accessScope")
    namespaces = tuple(items_of(scope, "namespaces"))
    at = moment(item.get("associatedAt"))
    return LabPolicy(
        str(item["policyArn"]), AccessScope(scope.get("type") or "cluster", namespaces), at, at
    )


def objects_of(raw: Raw, left_out: list[str]) -> Iterator[dict[str, Any]]:
    """The Kubernetes objects: namespaces, aws-auth, RBAC, nodes, and what names groups. What the
    copy will lack is added to ``left_out``.
    """
    for name in items_of(raw, "namespaces"):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    if raw.get("configMap") is not None:
        yield {"apiVersion": "v1", "kind": "ConfigMap", **raw["configMap"]}
    if raw.get("rbac") is None:
        left_out.append("rbac: not in the snapshot")
    else:
        yield from _rbac_objects(raw["rbac"])
    yield from (_node(node) for node in items_of(raw, "nodes"))
    objects, unknown = objects_for(items_of(raw, "groupReferences"))
    left_out += unknown
    yield from objects


def _rbac_objects(rbac: Raw) -> Iterator[dict[str, Any]]:
    """Roles and bindings; a snapshot holds them without ``apiVersion`` and ``kind``, as lists of
    the API do.
    """
    for key, kind in _RBAC_KINDS.items():
        for item in items_of(rbac, key):
            yield {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, **item}


def _node(node: Raw) -> dict[str, Any]:
    """A node as the lab needs it: its labels, and the instance behind it."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node["name"], "labels": dict(part_of(node, "labels"))},
        "spec": {"providerID": node.get("providerID") or ""},
    }


def moment(value: object) -> datetime:
    """A time of a snapshot: ISO text or seconds since 1970; :data:`LONG_AGO` when there is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, tz=timezone.utc)
    if isinstance(value, str):
        found = moment_of_text(value)
        # A time without a zone is UTC.
        if found.tzinfo is None:
            return found.replace(tzinfo=timezone.utc)
        return found
    return LONG_AGO


def with_moments(item: Raw) -> dict[str, Any]:
    """An API object of the snapshot with its two times as moments again."""
    known = {key: value for key, value in item.items() if value is not None}
    for key in ("createdAt", "modifiedAt"):
        if key in known:
            known[key] = moment(known[key])
    return known
