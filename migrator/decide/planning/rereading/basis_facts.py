"""Rows, entries, IAM principals and node groups of the plan's own ``basis``, as the planner indexes
them.

The basis holds no RBAC rules (digests only), no decisions, no live nodes, no logins, and no
creator. Whatever depends on these cannot be derived here: the checks then ask for the finding that
announces it.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from migrator.decide.planning.principals.plan_facts import PlanFacts, gather
from migrator.decide.planning.rereading.inconsistency import Inconsistency, refusal
from migrator.model.access_entry import AccessEntry, AccessScope, AssociatedPolicy
from migrator.model.aws_auth import AccountRow, AwsAuth, RowMapping, Section, SectionProblem
from migrator.model.decision import NO_DECISIONS
from migrator.model.moments import moment_of_text
from migrator.model.plan import Plan
from migrator.model.principal import AccountRead, IamPrincipal
from migrator.model.snapshot import FargateProfile, Nodegroup, Snapshot

# Keys that every basis has (basis_of); later ones may be missing in older plans.
_KEYS = frozenset(
    {
        "cluster",
        "authenticationMode",
        "awsAuth",
        "accessEntries",
        "accessPolicies",
        "nodegroups",
        "fargateProfiles",
        "iamPrincipals",
        "accountsRead",
        "rbac",
        "groupReferences",
        "identityProviders",
    }
)
_SOURCE = re.compile(r"(mapRoles|mapUsers)\[(\d+)\]", re.ASCII)


def facts_of_basis(plan: Plan) -> PlanFacts:
    """The planner's facts as far as the basis holds them. Raises ``Failed`` ``plan-inconsistent``
    for a basis of another shape than :func:`migrator.decide.planning.proof.basis.basis_of` gives.
    """
    missing = sorted(_KEYS - plan.basis.keys())
    if missing:
        raise refusal(Inconsistency("its basis", f"The basis lacks `{missing[0]}`."))
    try:
        snapshot, aws_auth = _snapshot(plan), _aws_auth(plan.basis["awsAuth"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise refusal(
            Inconsistency("its basis", f"The basis has not the shape of a basis ({error!r}).")
        ) from error
    return gather(snapshot, NO_DECISIONS, aws_auth, strategy=plan.strategy, target=plan.target)


def _snapshot(plan: Plan) -> Snapshot:
    """A snapshot with what the basis holds; what it does not hold is "not read"."""
    basis = plan.basis
    return Snapshot(
        taken_at=plan.created_at,
        cluster=plan.cluster,
        cluster_raw={"accessConfig": {"authenticationMode": basis["authenticationMode"]}},
        config_map=None,
        access_entries=_optional(basis["accessEntries"], _entry),
        access_policies=None if basis["accessPolicies"] is None else tuple(basis["accessPolicies"]),
        nodegroups=_optional(basis["nodegroups"], _nodegroup),
        fargate_profiles=_optional(basis["fargateProfiles"], _profile),
        iam_principals=tuple(
            _principal(arn, found) for arn, found in basis["iamPrincipals"].items()
        ),
        accounts_read=tuple(
            AccountRead(account, bool(roles), bool(users))
            for account, (roles, users) in basis["accountsRead"].items()
        ),
    )


def _optional(found: Mapping[str, Any] | None, make: Any) -> tuple[Any, ...] | None:  # noqa: ANN401 - JSON values
    """Items of a part of the basis, each made from its name and value."""
    # None is "not read": that is no empty list.
    if found is None:
        return None
    return tuple(make(name, value) for name, value in found.items())


def _entry(arn: str, found: Mapping[str, Any]) -> AccessEntry:
    """An access entry from the form of :func:`basis.entries_basis`."""
    return AccessEntry(
        principal_arn=arn,
        type=found["type"],
        username=found["username"],
        kubernetes_groups=tuple(found["groups"]),
        access_policies=tuple(
            AssociatedPolicy(policy, AccessScope(scope, tuple(namespaces)))
            for policy, scope, namespaces in found["policies"]
        ),
        created_at=_moment(found["createdAt"]),
        tags=dict(found["ours"]),
    )


def _nodegroup(name: str, found: Mapping[str, Any]) -> Nodegroup:
    return Nodegroup(name, found["role"], _status(found), found["amiType"])


def _profile(name: str, found: Mapping[str, Any]) -> FargateProfile:
    return FargateProfile(name, found["role"], _status(found))


def _status(found: Mapping[str, Any]) -> str:
    """A status that counts, or does not count, as the one that was read did."""
    # The basis holds whether the status counts, and not which status it was.
    if found["counts"]:
        return "ACTIVE"
    return "DELETING"


def _principal(arn: str, found: Mapping[str, Any]) -> IamPrincipal:
    """An IAM principal; its trust policy is reduced to the services that it admits."""
    services = found["trustedServices"]
    return IamPrincipal(
        arn,
        found["id"],
        _moment(found["createDate"]),
        None if services is None else tuple(services),
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    return moment_of_text(text)


def _aws_auth(found: Mapping[str, Any]) -> AwsAuth:
    """aws-auth as the basis holds it: places without lines."""
    return AwsAuth(
        rows=tuple(_row(*row) for row in found["rows"]),
        accounts=tuple(
            AccountRow(place, 0, 0, account) for place, account in enumerate(found["accounts"])
        ),
        problems=tuple(
            SectionProblem(kind, section, 0, 0, "") for section, kind in found["problems"]
        ),
    )


def _row(
    source: str,
    arn: str,
    username: str,
    groups: list[str] | None,
    sso: bool,
) -> RowMapping:
    """A row by its place. Raises ``ValueError`` for a place that no row can have."""
    place = _SOURCE.fullmatch(source)
    if place is None:
        raise ValueError(source)
    section: Section = "mapUsers"
    if place[1] == "mapRoles":
        section = "mapRoles"
    return RowMapping(
        section,
        int(place[2]),
        0,
        0,
        arn,
        username,
        None if groups is None else tuple(groups),
        bool(sso),
    )
