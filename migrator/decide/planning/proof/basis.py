"""What decisions depend on, as one plain object: two reads of an unchanged cluster give the same.

Left out on purpose: when it was read, lists of nodes, statuses, resource versions, comments and
layout of the ConfigMap, IAM principals that nothing here names, and bindings of our own.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from migrator.decide.access.name_references import is_ours
from migrator.decide.planning.principals.plan_facts import managed
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.steps.entry_states import ENTRY_TAG, PLAN_TAG
from migrator.model.access_entry import AccessEntry, AssociatedPolicy
from migrator.model.aws_auth import AwsAuth
from migrator.model.canonical import digest_of
from migrator.model.principal import IamPrincipal, parse_arn
from migrator.model.rbac import Binding, RbacState, Role
from migrator.model.snapshot import Snapshot

__all__ = ["aws_auth_basis", "basis_of", "digest_of"]


def basis_of(snapshot: Snapshot, aws_auth: AwsAuth | None = None) -> dict[str, Any]:
    """The normalised object. ``aws_auth`` may be handed in where the ConfigMap has been read
    already.

    RBAC objects stand as ``{name: digest}``, so that a difference names the object without
    repeating it.
    """
    rows = aws_auth if aws_auth is not None else read_aws_auth(snapshot.aws_auth_data)
    named = _named(snapshot, rows)
    return {
        "cluster": snapshot.cluster.arn,
        "authenticationMode": snapshot.cluster.authentication_mode,
        "awsAuth": aws_auth_basis(rows),
        "accessEntries": None
        if snapshot.access_entries is None
        else entries_basis(snapshot.access_entries),
        "accessPolicies": _sorted(snapshot.access_policies),
        "nodegroups": None
        if snapshot.nodegroups is None
        else {
            g.name: {"role": g.node_role, "counts": managed(g.status), "amiType": g.ami_type}
            for g in snapshot.nodegroups
        },
        "fargateProfiles": None
        if snapshot.fargate_profiles is None
        else {
            p.name: {"role": p.pod_execution_role, "counts": managed(p.status)}
            for p in snapshot.fargate_profiles
        },
        "iamPrincipals": {
            p.arn: _principal(p) for p in snapshot.iam_principals if principal_key(p.arn) in named
        },
        "accountsRead": _accounts(snapshot, named),
        "rbac": None if snapshot.rbac is None else _rbac(snapshot.rbac),
        "groupReferences": None
        if snapshot.group_references is None
        else sorted(
            [r.kind, r.namespace or "", r.name, r.path, r.text] for r in snapshot.group_references
        ),
        "identityProviders": None
        if snapshot.identity_provider_configs is None
        else sorted(digest_of(dict(config)) for config in snapshot.identity_provider_configs),
    }


def _named(snapshot: Snapshot, aws_auth: AwsAuth) -> frozenset[str]:
    """Canonical ARNs of the principals that rows, entries and node roles name.

    A creator without a row is left out: after the mode step, or to an operator who may not read
    CloudTrail, it is no longer known, and the plan stays valid.
    """
    arns = [row.arn for row in aws_auth.rows]
    arns += [entry.principal_arn for entry in snapshot.access_entries or ()]
    arns += [group.node_role for group in snapshot.nodegroups or () if group.node_role]
    arns += [profile.pod_execution_role for profile in snapshot.fargate_profiles or ()]
    return frozenset(principal_key(arn) for arn in arns)


def aws_auth_basis(aws_auth: AwsAuth) -> dict[str, Any]:
    """What decisions depend on of aws-auth alone: equal for two texts that differ in layout and
    comments only.
    """
    return {
        "rows": [
            [
                row.source,
                row.arn,
                row.username,
                None if row.groups is None else list(row.groups),
                row.sso,
            ]
            for row in aws_auth.rows
        ],
        "accounts": sorted({row.account for row in aws_auth.accounts}),
        "problems": sorted([problem.section, problem.kind] for problem in aws_auth.problems),
    }


def entries_basis(entries: Iterable[AccessEntry]) -> dict[str, Any]:
    """Entries by principal, in the form of the basis."""
    return {
        entry.principal_arn: {
            "type": entry.type,
            "username": entry.username,
            "groups": sorted(entry.kubernetes_groups),
            "policies": sorted(_policy(policy) for policy in entry.access_policies),
            "createdAt": _moment(entry.created_at),
            "ours": {tag: entry.tags[tag] for tag in (PLAN_TAG, ENTRY_TAG) if tag in entry.tags},
        }
        for entry in entries
    }


def _policy(policy: AssociatedPolicy) -> list[Any]:
    return [policy.policy_arn, policy.scope.type, sorted(policy.scope.namespaces)]


def _principal(principal: IamPrincipal) -> dict[str, Any]:
    return {
        "id": principal.id,
        "createDate": _moment(principal.create_date),
        "trustedServices": _sorted(principal.trusted_services),
    }


def _accounts(snapshot: Snapshot, named: frozenset[str]) -> dict[str, Any]:
    """How completely each account of a named principal was read."""
    accounts = {arn.account for arn in map(parse_arn, named) if arn is not None}
    return {r.account: [r.roles, r.users] for r in snapshot.accounts_read if r.account in accounts}


def _rbac(rbac: RbacState) -> dict[str, str]:
    found = {_name(role, "Role"): _digest(_role(role)) for role in rbac.roles}
    found.update(
        {_name(b, "RoleBinding"): _digest(_binding(b)) for b in rbac.bindings if not is_ours(b)}
    )
    return found


def _name(item: Role | Binding, kind: str) -> str:
    return (
        f"Cluster{kind} {item.name}"
        if item.namespace is None
        else f"{kind} {item.namespace}/{item.name}"
    )


def _role(role: Role) -> list[Any]:
    rules = [
        [rule.verbs, rule.api_groups, rule.resources, rule.resource_names, rule.non_resource_urls]
        for rule in role.rules
    ]
    aggregation = None
    if role.aggregation is not None:
        aggregation = [
            [sorted(s.match_labels), sorted(s.match_expressions)] for s in role.aggregation
        ]
    labels = [label for label in sorted(role.labels.items()) if "aggregate-to" in label[0]]
    return [rules, aggregation, labels]


def _binding(binding: Binding) -> list[Any]:
    candidates = sorted(
        [candidate.kind, candidate.namespace or "", candidate.name]
        for candidate in binding.subjects
    )
    return [binding.role_kind, binding.role_name, candidates]


def _digest(document: list[Any]) -> str:
    return digest_of(document).removeprefix("sha256:")[:16]


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _sorted(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def same_basis(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two reads agree in everything that decisions depend on."""
    return digest_of(dict(one)) == digest_of(dict(other))
