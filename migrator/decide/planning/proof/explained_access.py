"""Whether a finding explains each difference of access, cause by cause.

A finding explains what it says and nothing else: the groups that it names, an entry that a run of
ours left half-made, what a named person accepts. The comparison leaves out what the findings
explain, as if it had never existed. No finding explains a difference that is left: then the plan is
not made.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import compare_access, compare_log_ins
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.entries.desired_entry import identities_at_random, identity_of_rows
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.principals.plan_facts import CLUSTER_ADMIN, PlanFacts
from migrator.model.access_entry import NOBODY, Identity
from migrator.model.plan import AccessChange

_NO_CHANGE = AccessChange()
_CREATORS = (CLUSTER_ADMIN, "cluster")


def access_change(
    each: PrincipalDecision, facts: PlanFacts, later: RbacIndex | None
) -> AccessChange:
    """Gained and lost by what is planned. ``later`` is RBAC with the bindings of our own."""
    if each.after is None:
        return _NO_CHANGE
    # The identity is the same object where the principal keeps what it has.
    if each.after is each.before:
        return _NO_CHANGE
    namespaces = facts.snapshot.namespaces or ()
    return compare_access(
        _at_random(each, facts) or (each.before,),
        each.after,
        each.candidate.arn,
        facts.index,
        later,
        namespaces=namespaces,
    )


def log_in_change(each: PrincipalDecision, facts: PlanFacts) -> AccessChange:
    """The log-ins gained and lost by what is planned or proposed, without permissions."""
    if each.after is None:
        return _NO_CHANGE
    if each.after is each.before:
        return _NO_CHANGE
    befores = _at_random(each, facts) or (each.before,)
    return compare_log_ins(befores, each.after, each.candidate.arn)


def unexplained(each: PrincipalDecision, facts: PlanFacts, later: RbacIndex | None) -> AccessChange:
    """The part of the principal's access change that no finding of this principal explains.

    Each finding with a cause changes the identity of today as if that cause had never existed; what
    then still differs from the identity after has no finding.
    """
    if each.access == _NO_CHANGE:
        return _NO_CHANGE
    if each.after is None:
        return _NO_CHANGE
    befores = _at_random(each, facts) or (each.before,)
    for note in _in_order(each.notes):
        befores = tuple(_WITHOUT_CAUSE[note.code](before, note, each, facts) for before in befores)
    left = compare_access(befores, each.after, each.candidate.arn, facts.index, later)
    return _without_accepted(left, each)


def _without_accepted(left: AccessChange, each: PrincipalDecision) -> AccessChange:
    """What is left without what a named person accepts and what an earlier plan accounted for."""
    codes = {note.code for note in each.notes}
    if "loss-accepted" in codes:
        left = replace(left, lost=(), log_ins_lost=())
    # A cause may replace today's identity by an earlier one (an entry that a run left half-made):
    # the plan of that run accounted for what the principal does not gain or lose today.
    if "gain-accepted" in codes or not each.access.log_ins_gained:
        left = replace(left, log_ins_gained=())
    if not each.access.log_ins_lost:
        left = replace(left, log_ins_lost=())
    return left


def _at_random(each: PrincipalDecision, facts: PlanFacts) -> tuple[Identity, ...]:
    """Who the principal is today, where that is one of several identities at random."""
    # Only rows can compete: an entry is one per principal.
    if each.before.via != "config-map":
        return ()
    return identities_at_random(each.candidate, facts)


def _in_order(notes: tuple[DraftFinding, ...]) -> list[DraftFinding]:
    """The notes that account for something; first the one that replaces today's identity by another
    one.
    """
    causes = [note for note in notes if note.code in _WITHOUT_CAUSE]
    return sorted(causes, key=lambda note: note.code != "entry-half-made")


def _without_groups(
    before: Identity,
    note: DraftFinding,
    _each: PrincipalDecision,
    _facts: PlanFacts,
) -> Identity:
    """Groups of a node's row that its entry cannot have: the finding names each of them."""
    kept = tuple(group for group in before.groups if group not in note.groups)
    return replace(before, groups=kept)


def _with_groups(
    before: Identity,
    note: DraftFinding,
    _each: PrincipalDecision,
    _facts: PlanFacts,
) -> Identity:
    """Groups that EKS gives every node of the type, or the API server every login by an entry, and
    that the row does not have.
    """
    # Who cannot log in has no groups.
    if before.via == "none":
        return before
    return replace(before, groups=(*before.groups, *note.groups))


def _gone(
    before: Identity,
    _note: DraftFinding,
    each: PrincipalDecision,
    _facts: PlanFacts,
) -> Identity:
    """The whole row is left behind; a principal that keeps an entry keeps its identity."""
    if each.action != "skip":
        return before
    if before.via != "config-map":
        return before
    return NOBODY


def _as_by_rows(
    _before: Identity,
    _note: DraftFinding,
    each: PrincipalDecision,
    facts: PlanFacts,
) -> Identity:
    """The identity before the interrupted run: that of the rows."""
    return identity_of_rows(each.candidate, facts)


def _with_creators_policy(
    before: Identity,
    _note: DraftFinding,
    each: PrincipalDecision,
    _facts: PlanFacts,
) -> Identity:
    """The policy that EKS gives the creator's entry, where the entry keeps it."""
    assert each.after is not None  # noqa: S101 - without one, unexplained compares nothing
    policies = dict.fromkeys(before.policies)
    for policy in each.after.policies:
        if (policy.policy_name, policy.scope.type) == _CREATORS:
            policies[policy] = None
    return replace(before, policies=tuple(policies))


def _granted(
    before: Identity,
    _note: DraftFinding,
    each: PrincipalDecision,
    _facts: PlanFacts,
) -> Identity:
    """A principal that has no access today and gets what a person answered."""
    assert each.after is not None  # noqa: S101 - without one, unexplained compares nothing
    # The finding explains nothing of a principal that had access before.
    if before.via != "none":
        return before
    return each.after


_WITHOUT_CAUSE: Mapping[
    str, Callable[[Identity, DraftFinding, PrincipalDecision, PlanFacts], Identity]
] = {
    "entry-half-made": _as_by_rows,
    "node-groups-dropped": _without_groups,
    "windows-group-added": _with_groups,
    "fargate-group-added": _with_groups,
    "authenticated-group-gained": _with_groups,
    "fargate-unused": _gone,
    "new-grant": _granted,
    "creator-entry-wider": _with_creators_policy,
}
EXPLAINED_CODES = frozenset(_WITHOUT_CAUSE) | {"loss-accepted", "gain-accepted"}
