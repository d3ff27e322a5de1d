"""What decisions depend on, as one plain object: two reads of an unchanged cluster give the same.

Left out on purpose: when it was read, lists of nodes, statuses, resource versions, comments and
layout of the ConfigMap, IAM principals that nothing here names, and bindings of our own.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from migrator.decide.access.name_references import is_ours
from migrator.decide.planning.principals.plan_facts import managed
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.steps.entry_states import ENTRY_TAG, PLAN_TAG
from migrator.model.access_entry import AccessEntry, AssociatedPolicy
from migrator.model.aws_auth import AwsAuth
from migrator.model.canonical import digest_of
from migrator.model.principal import IamPrincipal, parse_arn
from migrator.model.rbac import (
    Binding,
    LabelSelector,
    PolicyRule,
    RbacState,
    Role,
    RoleKind,
    Subject,
)
from migrator.model.snapshot import FargateProfile, GroupReference, Nodegroup, Snapshot

__all__ = ["aws_auth_basis", "basis_of", "digest_of", "has_binding"]

_Part = TypeVar("_Part")
_InBasis = TypeVar("_InBasis")


def basis_of(snapshot: Snapshot, aws_auth: AwsAuth | None = None) -> dict[str, Any]:
    """The normalised object. ``aws_auth`` may be handed in where the ConfigMap has been read
    already.

    RBAC objects stand as ``{name: digest}``, so that a difference names the object without
    repeating it.
    """
    rows = aws_auth
    if rows is None:
        rows = read_aws_auth(snapshot.aws_auth_data)
    named = _named(snapshot, rows)
    # None, which was not read, is another state than an empty list: each part keeps the two apart.
    return {
        "cluster": snapshot.cluster.arn,
        "authenticationMode": snapshot.cluster.authentication_mode,
        "awsAuth": aws_auth_basis(rows),
        "accessEntries": _if_read(snapshot.access_entries, entries_basis),
        "accessPolicies": _sorted(snapshot.access_policies),
        "nodegroups": _if_read(snapshot.nodegroups, _nodegroups),
        "fargateProfiles": _if_read(snapshot.fargate_profiles, _profiles),
        "iamPrincipals": _principals(snapshot, named),
        "accountsRead": _accounts(snapshot, named),
        "rbac": _if_read(snapshot.rbac, _rbac),
        "groupReferences": _if_read(snapshot.group_references, _references),
        "identityProviders": _if_read(snapshot.identity_provider_configs, _providers),
    }


def _if_read(part: _Part | None, in_basis: Callable[[_Part], _InBasis]) -> _InBasis | None:
    """A part in the form of the basis; None, "was not read", stays None."""
    if part is None:
        return None
    return in_basis(part)


def _nodegroups(groups: Iterable[Nodegroup]) -> dict[str, Any]:
    """Managed node groups by name. ``counts``: whether EKS makes an entry for the role."""
    # A status that changes nothing (UPDATING, ACTIVE) must not end a plan.
    return {
        group.name: {
            "role": group.node_role,
            "counts": managed(group.status),
            "amiType": group.ami_type,
        }
        for group in groups
    }


def _profiles(profiles: Iterable[FargateProfile]) -> dict[str, Any]:
    """Fargate profiles by name, as the node groups."""
    return {
        profile.name: {
            "role": profile.pod_execution_role,
            "counts": managed(profile.status),
        }
        for profile in profiles
    }


def _references(references: Iterable[GroupReference]) -> list[list[str]]:
    """What names groups and usernames outside RBAC: kind, namespace, name, path and text."""
    return sorted(
        [each.kind, each.namespace or "", each.name, each.path, each.text] for each in references
    )


def _providers(configs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Digests of the OIDC configurations: any change of one may change who has a group."""
    return sorted(digest_of(dict(config)) for config in configs)


def _named(snapshot: Snapshot, aws_auth: AwsAuth) -> frozenset[str]:
    """Canonical ARNs of the principals that rows, entries and node roles name.

    A creator without a row is left out: after the mode step, or to an operator who may not read
    CloudTrail, it is no longer known, and the plan stays valid.
    """
    arns = [row.arn for row in aws_auth.rows]
    arns += [entry.principal_arn for entry in snapshot.access_entries or ()]
    for group in snapshot.nodegroups or ():
        if group.node_role:
            arns.append(group.node_role)
    arns += [profile.pod_execution_role for profile in snapshot.fargate_profiles or ()]
    return frozenset(map(principal_key, arns))


def aws_auth_basis(aws_auth: AwsAuth) -> dict[str, Any]:
    """What decisions depend on of aws-auth alone.

    It is equal for two texts that differ in layout and comments only. Each row is its place, ARN,
    username and groups, and whether it is one of the SSO matcher.
    """
    rows: list[list[Any]] = []
    for row in aws_auth.rows:
        # A row without the key `groups` (None) is another text than one with an empty list.
        groups = None
        if row.groups is not None:
            groups = list(row.groups)
        rows.append([row.source, row.arn, row.username, groups, row.sso])
    return {
        "rows": rows,
        "accounts": sorted({row.account for row in aws_auth.accounts}),
        "problems": sorted([problem.section, problem.kind] for problem in aws_auth.problems),
    }


def entries_basis(entries: Iterable[AccessEntry]) -> dict[str, Any]:
    """Entries by principal, in the form of the basis."""
    return {entry.principal_arn: _entry(entry) for entry in entries}


def _entry(entry: AccessEntry) -> dict[str, Any]:
    """One entry. Of its tags, only those of runs: code that manages the entry may change others."""
    return {
        "type": entry.type,
        "username": entry.username,
        "groups": sorted(entry.kubernetes_groups),
        "policies": sorted(map(_policy, entry.access_policies)),
        "createdAt": _moment(entry.created_at),
        "ours": {tag: entry.tags[tag] for tag in (PLAN_TAG, ENTRY_TAG) if tag in entry.tags},
    }


def _policy(policy: AssociatedPolicy) -> list[Any]:
    """One association: the policy's ARN, the type of the scope and its namespaces."""
    return [policy.policy_arn, policy.scope.type, sorted(policy.scope.namespaces)]


def _principals(snapshot: Snapshot, named: frozenset[str]) -> dict[str, Any]:
    """The IAM principals of ``named``, by ARN."""
    # Principals that nothing names are read too: a change of them changes no decision.
    found = {}
    for principal in snapshot.iam_principals:
        if principal_key(principal.arn) in named:
            found[principal.arn] = _principal(principal)
    return found


def _principal(principal: IamPrincipal) -> dict[str, Any]:
    """What shows that it is the same principal, and which services its trust policy admits."""
    return {
        "id": principal.id,
        "createDate": _moment(principal.create_date),
        "trustedServices": _sorted(principal.trusted_services),
    }


def _accounts(snapshot: Snapshot, named: frozenset[str]) -> dict[str, Any]:
    """How completely each account of a named principal was read."""
    accounts: set[str] = set()
    for text in named:
        arn = parse_arn(text)
        if arn is not None:
            accounts.add(arn.account)
    found = {}
    for read in snapshot.accounts_read:
        if read.account in accounts:
            found[read.account] = [read.roles, read.users]
    return found


def _rbac(rbac: RbacState) -> dict[str, str]:
    """Digests of roles and bindings, by kind, namespace and name."""
    found = {_name(role, "Role"): _of_role(role) for role in rbac.roles}
    for binding in rbac.bindings:
        # A run makes and removes its own bindings: they must not end its plan.
        if not is_ours(binding):
            found[_name(binding, "RoleBinding")] = _of_binding(binding)
    return found


def has_binding(basis: Mapping[str, Any], binding: Binding) -> bool:
    """Whether the plan of the basis was made with this binding, as it is here."""
    found = (basis.get("rbac") or {}).get(_name(binding, "RoleBinding"))
    return found == _of_binding(binding)


def _name(item: Role | Binding, kind: str) -> str:
    """``ClusterRole NAME`` or ``Role NAMESPACE/NAME``; the same for bindings."""
    if item.namespace is None:
        return f"Cluster{kind} {item.name}"
    return f"{kind} {item.namespace}/{item.name}"


def _of_role(role: Role) -> str:
    """Digest of what a role permits, and of what decides into which others it is copied."""
    # Aggregation selects roles by labels (Kubernetes, "Aggregated ClusterRoles"); others are notes.
    labels = tuple(label for label in sorted(role.labels.items()) if "aggregate-to" in label[0])
    return _role_digest(role.rules, role.aggregation, labels)


# Most roles and bindings of a cluster are those that Kubernetes makes: all clusters have the same.
@lru_cache(maxsize=4096)
def _role_digest(
    rules: tuple[PolicyRule, ...],
    aggregation: tuple[LabelSelector, ...] | None,
    labels: tuple[tuple[str, str], ...],
) -> str:
    permitted = [
        [
            rule.verbs,
            rule.api_groups,
            rule.resources,
            rule.resource_names,
            rule.non_resource_urls,
        ]
        for rule in rules
    ]
    selectors = None
    if aggregation is not None:
        selectors = [
            [sorted(each.match_labels), sorted(each.match_expressions)] for each in aggregation
        ]
    return _digest([permitted, selectors, labels])


def _of_binding(binding: Binding) -> str:
    """Digest of the role of a binding and of whom it gives the role to."""
    return _binding_digest(binding.role_kind, binding.role_name, binding.subjects)


@lru_cache(maxsize=4096)
def _binding_digest(kind: RoleKind, name: str, subjects: tuple[Subject, ...]) -> str:
    # The order of subjects has no meaning.
    given = sorted([each.kind, each.namespace or "", each.name] for each in subjects)
    return _digest([kind, name, given])


def _digest(document: list[Any]) -> str:
    """The first 64 bits: a plan has many of them, and only has to see that something changed."""
    return digest_of(document).removeprefix("sha256:")[:16]


def _moment(moment: datetime | None) -> str | None:
    """A time as ISO 8601; None where it is not known."""
    if moment is None:
        return None
    return moment.isoformat()


def _sorted(names: Iterable[str] | None) -> list[str] | None:
    """Names in a fixed order; None, "was not read", stays None."""
    if names is None:
        return None
    return sorted(names)


def same_basis(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two reads agree in everything that decisions depend on."""
    return digest_of(dict(one)) == digest_of(dict(other))
