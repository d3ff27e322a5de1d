"""EKS's authorizer of access policies, which the API server asks besides RBAC.

Source: EKS user guide, "Associate access policies with access entries" and "Review access policy
permissions". Rules come from the published tables. What a policy without a table allows is unknown;
what one with an upper bound allows inside that bound is unknown too. Neither is ever guessed.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from migrator.decide.access.match_rules import RuleSet
from migrator.decide.access.quoting import quoted
from migrator.model.access_entry import AccessScope, AssociatedPolicy
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.rbac import AccessRequest

_POLICY_MARK = ":eks::aws:cluster-access-policy/"
PolicyAnswer: TypeAlias = tuple[bool | None, str]


class PolicyRules(NamedTuple):
    """The most that a policy allows (None: anything), and whether it allows exactly that."""

    at_most: RuleSet | None
    exact: bool


_OPAQUE = PolicyRules(None, exact=False)


def policy_allows(
    policies: Sequence[AssociatedPolicy],
    request: AccessRequest,
    *,
    principal_arn: str = "",
    principal_id: str = "",
) -> PolicyAnswer:
    """Whether associated access policies allow the request, with the reason that EKS's audit log
    shows.

    ``(True, reason)``, ``(False, "")``, or ``(None, reason)``: a policy without an exact rule
    table, or a scope pattern of undocumented meaning, may or may not allow it; the reason names the
    first such policy. ``principal_arn`` and ``principal_id`` are for the reason alone.
    """
    doubt = ""
    for policy in policies:
        covered = _scope_covers(policy.scope, request)
        rules = policy_rules(policy.policy_arn)
        if covered is False:
            continue
        if rules.at_most is not None and not rules.at_most.allows(request):
            continue
        # No exact rules are published, or not what the scope's pattern means. Another policy may
        # still allow it for certain, so that the doubt waits for the last one.
        if not rules.exact or covered is None:
            doubt = doubt or f"unknown: access policy {policy.policy_arn}"
            continue
        return True, (
            f"EKS Access Policy: allowed by ClusterRoleBinding "
            f"{quoted(f'{principal_arn}+{policy.policy_arn}')} "
            f"of ClusterRole {quoted(policy.policy_arn)} to User {quoted(principal_id)}"
        )
    if doubt:
        return None, doubt
    return False, ""


@cache
def policy_rules(policy_arn: str) -> PolicyRules:
    """The published rules of an access policy of any partition.

    ``policy_arn`` is ``arn:PARTITION:eks::aws:cluster-access-policy/NAME``. The tables are those of
    the EKS user guide, "Review access policy permissions".
    """
    arn, mark, name = policy_arn.partition(_POLICY_MARK)
    # A policy that is not one of EKS's own.
    if not mark or not arn.startswith("arn:"):
        return _OPAQUE
    table = ACCESS_POLICIES.get(name)
    # Newer than the tables of this version.
    if table is None:
        return _OPAQUE
    if table.published == "nothing":
        return _OPAQUE
    return PolicyRules(RuleSet(table.rules), table.exact)


def namespace_matches(pattern: str, namespace: str) -> bool | None:
    """Whether a namespace of an access scope covers a namespace.

    The EKS user guide documents plain names and a trailing ``*``. For any other use of ``*`` the
    grammar is not published: None where it would match if ``*`` meant any text anywhere.
    """
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == namespace
    if not tail:
        return namespace.startswith(head)
    # No reading of `*` is wider than any text: what that does not match, no reading does.
    if not _glob(pattern, namespace):
        return False
    return None


def _glob(pattern: str, text: str) -> bool:
    """``*`` means any text. Each part is looked for once, leftmost first: no backtracking.

    Patterns come from the cluster's API: time must be linear in their length.
    """
    first, *middle, last = pattern.split("*")
    # The two ends may not share a character: `ab*ba` is not `aba`.
    if len(text) < len(first) + len(last):
        return False
    if not text.startswith(first):
        return False
    if not text.endswith(last):
        return False
    at = len(first)
    end = len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _scope_covers(scope: AccessScope, request: AccessRequest) -> bool | None:
    """Whether an access scope holds for the request.

    None where only a pattern of undocumented meaning could hold.
    """
    if scope.type == "cluster":
        return True
    # A namespace's scope holds for requests in it, never for paths and cluster-wide requests.
    if request.path is not None:
        return False
    if not request.namespace:
        return False
    answers = {namespace_matches(pattern, request.namespace) for pattern in scope.namespaces}
    if True in answers:
        return True
    if None in answers:
        return None
    return False
