"""Each piece of evidence that a snapshot holds, and the snapshot without it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from migrator.model.snapshot import Node, Snapshot

Without = Callable[[Snapshot], Snapshot]


def _unread(field: str) -> Without:
    nothing: dict[str, Any] = {field: None}
    return lambda snapshot: replace(snapshot, **nothing)


def _each(field: str, **changes: Any) -> Without:  # noqa: ANN401 - any field
    """Every item of a list without what it says in some fields."""

    def without(snapshot: Snapshot) -> Snapshot:
        items = getattr(snapshot, field)
        if items is None:
            return snapshot
        found: dict[str, Any] = {field: tuple(replace(item, **changes) for item in items)}
        return replace(snapshot, **found)

    return without


def _label(name: str) -> Without:
    def one(node: Node) -> Node:
        return replace(node, labels={key: node.labels[key] for key in node.labels if key != name})

    def without(snapshot: Snapshot) -> Snapshot:
        if snapshot.nodes is None:
            return snapshot
        return replace(snapshot, nodes=tuple(map(one, snapshot.nodes)))

    return without


def _rbac(**changes: Any) -> Without:  # noqa: ANN401 - any field
    def without(snapshot: Snapshot) -> Snapshot:
        if snapshot.rbac is None:
            return snapshot
        return replace(snapshot, rbac=replace(snapshot.rbac, **changes))

    return without


def _accounts(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, accounts_read=())


def _described(field: str) -> Without:
    def without(snapshot: Snapshot) -> Snapshot:
        raw = {key: value for key, value in snapshot.cluster_raw.items() if key != field}
        return replace(snapshot, cluster_raw=raw)

    return without


def _window(snapshot: Snapshot) -> Snapshot:
    if snapshot.usage is None:
        return snapshot
    return replace(snapshot, usage=replace(snapshot.usage, complete=False))


def _logins(snapshot: Snapshot) -> Snapshot:
    if snapshot.usage is None:
        return snapshot
    return replace(snapshot, usage=replace(snapshot.usage, logins=()))


def _login_names(snapshot: Snapshot) -> Snapshot:
    if snapshot.usage is None:
        return snapshot
    logins = tuple(replace(login, username="another") for login in snapshot.usage.logins)
    return replace(snapshot, usage=replace(snapshot.usage, logins=logins))


EVIDENCE: Mapping[str, Without] = {
    "config_map": _unread("config_map"),
    "cluster_raw.outpostConfig": _described("outpostConfig"),
    "cluster_raw.version": _described("version"),
    "cluster_raw.computeConfig": _described("computeConfig"),
    "caller_arn": _unread("caller_arn"),
    "caller_chain": _unread("caller_chain"),
    "access_entries": _unread("access_entries"),
    "access_entries.type": _each("access_entries", type="STANDARD"),
    "access_entries.created_at": _each("access_entries", created_at=None),
    "access_entries.tags": _each("access_entries", tags={}),
    "access_policies": _unread("access_policies"),
    "nodegroups": _unread("nodegroups"),
    "nodegroups.status": _each("nodegroups", status="ACTIVE"),
    "nodegroups.ami_type": _each("nodegroups", ami_type="AL2023_x86_64_STANDARD"),
    "fargate_profiles": _unread("fargate_profiles"),
    "fargate_profiles.status": _each("fargate_profiles", status="ACTIVE"),
    "nodes": _unread("nodes"),
    "nodes.name": _each("nodes", name="ip-10-0-0-1"),
    "nodes.role_arn": _each("nodes", role_arn=None),
    "nodes.labels.os": _label("kubernetes.io/os"),
    "nodes.labels.compute-type": _label("eks.amazonaws.com/compute-type"),
    "rbac": _unread("rbac"),
    "rbac.bindings": _rbac(bindings=()),
    "rbac.roles": _rbac(roles=()),
    "namespaces": _unread("namespaces"),
    "group_references": _unread("group_references"),
    "iam_principals": lambda snapshot: replace(snapshot, iam_principals=(), accounts_read=()),
    "iam_principals.id": _each("iam_principals", id="AROAANOTHER"),
    "iam_principals.create_date": _each("iam_principals", create_date=None),
    "iam_principals.trusted_services": _each("iam_principals", trusted_services=None),
    "accounts_read": _accounts,
    "creator": _unread("creator"),
    "capabilities": _unread("capabilities"),
    "identity_provider_configs": _unread("identity_provider_configs"),
    "usage.logins": _logins,
    "usage.logins.username": _login_names,
    "usage.complete": _window,
    "before_mode_step": _unread("before_mode_step"),
    "node_network": _unread("node_network"),
    "cluster_raw.resourcesVpcConfig": _described("resourcesVpcConfig"),
    "unknown": lambda snapshot: replace(snapshot, unknown=()),
}
