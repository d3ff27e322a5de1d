"""The opt-in strategy ``policies``: a group is replaced where access policies give exactly what its
bindings give.

A group is replaced only where each of its bindings has a policy for it and nothing is gained. What
would be lost is shown, and it blocks until a person accepts it: access policies have fixed rules,
without what is aggregated into the built-in ``view``, ``edit`` and ``admin`` (EKS user guide,
"Review access policy permissions").
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from migrator.decide.access.compare_access import compare
from migrator.decide.access.name_references import binding_place
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal
from migrator.decide.planning.principals.plan_facts import DesiredEntry, PlanFacts, quoted
from migrator.decide.planning.principals.principal_answers import is_for
from migrator.model.access_entry import AccessScope, AssociatedPolicy, Identity
from migrator.model.plan import AccessChange
from migrator.model.rbac import Binding

_COUNTERPARTS = {
    "view": "AmazonEKSViewPolicy",
    "edit": "AmazonEKSEditPolicy",
    "admin": "AmazonEKSAdminPolicy",
    "cluster-admin": "AmazonEKSClusterAdminPolicy",
}
_NO_CHANGE = AccessChange()
_NOBODY_NAMES = "\0"  # a username that no subject can name


@dataclass(frozen=True, slots=True)
class Replacement:
    """What would replace a group: the policies and what changes, or why there are no policies."""

    policies: tuple[AssociatedPolicy, ...] = ()
    change: AccessChange = _NO_CHANGE
    why_not: str = ""


def with_policies(
    desired: DesiredEntry, candidate: CandidatePrincipal, facts: PlanFacts
) -> DesiredEntry:
    """The wanted entry with groups replaced by policies where that is possible."""
    entry, row = desired.entry, candidate.row
    if desired.action != "create":
        return desired
    assert entry is not None  # noqa: S101 - create carries an entry
    assert row is not None  # noqa: S101 - asked for principals with a row
    names = (candidate.arn, row.arn)
    accepted = any(is_for(key, names) for key in facts.decisions.accept_loss)
    kept: list[str] = []
    policies = list(entry.access_policies)
    notes = list(desired.notes)
    action = desired.action
    for group in entry.kubernetes_groups:
        replacement = _replacement(group, facts)
        if not replacement.policies:
            kept.append(group)
            if replacement.why_not:
                message = f"`{group}`: {replacement.why_not}."
                notes.append(DraftFinding("group-kept", message, row=row))
            continue
        policies += replacement.policies
        message = f"`{group}` is replaced by {_shown(replacement.policies)}."
        notes.append(DraftFinding("group-replaced-by-policy", message, row=row))
        lost = len(replacement.change.lost)
        if not lost:
            continue
        message = f"Without `{group}`, {lost} blocks of permissions are lost."
        if accepted:
            notes.append(DraftFinding("policy-loses-rules", message, "warn", row))
        else:
            action = "block"
            notes.append(DraftFinding("policy-loses-rules", message, None, row))
    return replace(
        desired,
        action=action,
        entry=replace(entry, kubernetes_groups=tuple(kept), access_policies=_merged(policies)),
        notes=tuple(notes),
    )


def _shown(policies: Iterable[AssociatedPolicy]) -> str:
    return quoted(
        f"{policy.policy_name} ({', '.join(policy.scope.namespaces) or 'cluster'})"
        for policy in policies
    )


def _replacement(group: str, facts: PlanFacts) -> Replacement:
    """Judged once per group of the cluster."""
    if group not in facts.replacements:
        facts.replacements[group] = _judge(group, facts)
    found = facts.replacements[group]
    assert isinstance(found, Replacement)  # noqa: S101 - nothing else is kept there
    return found


def _judge(group: str, facts: PlanFacts) -> Replacement:
    if facts.index is None or not facts.names.complete:
        return Replacement(why_not="it was not read what names it")
    bindings = facts.names.bindings_of_group(group)
    # A group that nothing binds stays: it costs nothing, and a later binding may name it.
    if not bindings:
        return Replacement()
    others = _named_elsewhere(group, bindings, facts)
    if others:
        return Replacement(why_not=f"it is also named by {quoted(others)}")
    policies: list[AssociatedPolicy] = []
    strange: list[str] = []
    for binding in bindings:
        policy = _counterpart(binding, facts)
        if policy is None:
            strange.append(binding.role_name)
        else:
            policies.append(policy)
    if strange:
        return Replacement(why_not=f"no access policy is equivalent to {quoted(strange)}")
    merged = _merged(policies)
    before = Identity(_NOBODY_NAMES, (group,), "config-map")
    change = compare(before, Identity(_NOBODY_NAMES, (), "access-entry", merged), facts.index)
    # A built-in role that was changed in this cluster may give less than the policy.
    if change.gained:
        return Replacement(why_not="the access policies would give more")
    return Replacement(merged, change)


def _named_elsewhere(group: str, bindings: Iterable[Binding], facts: PlanFacts) -> list[str]:
    """Places besides bindings that name the group, such as admission rules: an access policy does
    not put its holder into any group.
    """
    bound = {binding_place(binding) for binding in bindings}
    return [place for place in facts.names.of_group(group) if place not in bound]


def _counterpart(binding: Binding, facts: PlanFacts) -> AssociatedPolicy | None:
    # A Role may have the name of a built-in ClusterRole: its rules are its own.
    if binding.role_kind != "ClusterRole":
        return None
    name = _COUNTERPARTS.get(binding.role_name)
    if name is None or not facts.offers(facts.policy_arn(name)):
        return None
    arn = facts.policy_arn(name)
    if binding.namespace is None:
        return AssociatedPolicy(arn, AccessScope())
    return AssociatedPolicy(arn, AccessScope("namespace", (binding.namespace,)))


def _merged(policies: list[AssociatedPolicy]) -> tuple[AssociatedPolicy, ...]:
    """Each policy once: the whole cluster, or all its namespaces together."""
    scopes: dict[str, AccessScope] = {}
    for policy in policies:
        known = scopes.get(policy.policy_arn)
        # EKS API: a policy has one scope per entry. To associate it again replaces that scope.
        if known is None:
            scopes[policy.policy_arn] = policy.scope
        elif "cluster" in (known.type, policy.scope.type):
            scopes[policy.policy_arn] = AccessScope()
        else:
            names = tuple(sorted({*known.namespaces, *policy.scope.namespaces}))
            scopes[policy.policy_arn] = AccessScope("namespace", names)
    return tuple(AssociatedPolicy(arn, scope) for arn, scope in scopes.items())
