"""The opt-in strategy ``policies``: a group is replaced where access policies give exactly what its
bindings give.

A group is replaced only where each of its bindings has a policy for it and nothing is gained. What
would be lost is shown, and it blocks until a person accepts it: access policies have fixed rules,
without what is aggregated into the built-in ``view``, ``edit`` and ``admin`` (EKS user guide,
"Review access policy permissions").
"""

from dataclasses import dataclass, replace

from migrator.decide.access.compare_access import compare
from migrator.decide.access.name_references import binding_place
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.principals.plan_facts import DesiredEntry, PlanFacts, quoted
from migrator.model.access_entry import AccessScope, AssociatedPolicy, Identity
from migrator.model.aws_auth import RowMapping
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
    desired: DesiredEntry, row: RowMapping, facts: PlanFacts, *, accepted: bool
) -> DesiredEntry:
    """The wanted entry with groups replaced by policies where that is possible. ``accepted``: a
    loss is.
    """
    entry = desired.entry
    if (
        facts.strategy != "policies"
        or desired.action != "create"
        or entry is None
        or entry.type != "STANDARD"
    ):
        return desired
    kept: list[str] = []
    policies = list(entry.access_policies)
    notes = list(desired.notes)
    action = desired.action
    for group in entry.kubernetes_groups:
        replacement = _replacement(group, facts)
        if not replacement.policies:
            kept.append(group)
            if replacement.why_not:
                notes.append(
                    DraftFinding("group-kept", f"`{group}`: {replacement.why_not}.", row=row)
                )
            continue
        policies += replacement.policies
        shown = quoted(
            f"{p.policy_name} ({', '.join(p.scope.namespaces) or 'cluster'})"
            for p in replacement.policies
        )
        notes.append(
            DraftFinding("group-replaced-by-policy", f"`{group}` is replaced by {shown}.", row=row)
        )
        if replacement.change.lost and not accepted:
            action = "block"
        if replacement.change.lost:
            message = (
                f"Without `{group}`, {len(replacement.change.lost)} blocks of permissions are lost."
            )
            notes.append(
                DraftFinding("policy-loses-rules", message, "warn" if accepted else None, row)
            )
    return replace(
        desired,
        action=action,
        entry=replace(entry, kubernetes_groups=tuple(kept), access_policies=_merged(policies)),
        notes=tuple(notes),
    )


def _replacement(group: str, facts: PlanFacts) -> Replacement:
    """Judged once per group of the cluster."""
    if group not in facts.replacements:
        facts.replacements[group] = _judge(group, facts)
    found = facts.replacements[group]
    assert isinstance(found, Replacement)  # noqa: S101 - nothing else is kept there
    return found


def _judge(group: str, facts: PlanFacts) -> Replacement:
    bindings = facts.names.bindings_of_group(group)
    if facts.index is None or not facts.names.complete:
        return Replacement(why_not="it was not read what names it")
    if not bindings:
        return Replacement()
    bound = {binding_place(binding) for binding in bindings}
    others = [place for place in facts.names.of_group(group) if place not in bound]
    if others:
        return Replacement(why_not=f"it is also named by {quoted(others)}")
    policies = [_counterpart(binding, facts) for binding in bindings]
    if None in policies:
        strange = quoted(
            b.role_name for b, policy in zip(bindings, policies, strict=True) if policy is None
        )
        return Replacement(why_not=f"no access policy is equivalent to {strange}")
    merged = _merged([policy for policy in policies if policy is not None])
    before = Identity(_NOBODY_NAMES, (group,), "config-map")
    change = compare(before, Identity(_NOBODY_NAMES, (), "access-entry", merged), facts.index)
    if change.gained:
        return Replacement(why_not="the access policies would give more")
    return Replacement(merged, change)


def _counterpart(binding: Binding, facts: PlanFacts) -> AssociatedPolicy | None:
    name = _COUNTERPARTS.get(binding.role_name) if binding.role_kind == "ClusterRole" else None
    if name is None or not facts.offers(facts.policy_arn(name)):
        return None
    scope = (
        AccessScope()
        if binding.namespace is None
        else AccessScope("namespace", (binding.namespace,))
    )
    return AssociatedPolicy(facts.policy_arn(name), scope)


def _merged(policies: list[AssociatedPolicy]) -> tuple[AssociatedPolicy, ...]:
    """Each policy once: the whole cluster, or all its namespaces together."""
    scopes: dict[str, AccessScope] = {}
    for policy in policies:
        known = scopes.get(policy.policy_arn)
        if known is None:
            scopes[policy.policy_arn] = policy.scope
        elif "cluster" in (known.type, policy.scope.type):
            scopes[policy.policy_arn] = AccessScope()
        else:
            names = tuple(sorted({*known.namespaces, *policy.scope.namespaces}))
            scopes[policy.policy_arn] = AccessScope("namespace", names)
    return tuple(AssociatedPolicy(arn, scope) for arn, scope in scopes.items())
