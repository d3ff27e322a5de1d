"""Access before and after, compared for every principal whose identity changes, and answers judged
by it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from migrator.decide.access.authorize import (
    AUTHENTICATED,
    MASTERS,
    RbacIndex,
    groups_of_login,
)
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.findings.findings_catalogue import softened
from migrator.decide.planning.entries.answers import (
    accepted_gain,
    accepted_loss,
    accepted_note,
    names_of,
)
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.principals.plan_facts import PlanFacts
from migrator.decide.planning.principals.principal_answers import invalid
from migrator.decide.planning.proof.explained_access import (
    access_change,
    log_in_change,
    unexplained,
)
from migrator.model.decision import Acceptance
from migrator.model.log_ins import log_in_words
from migrator.model.plan import AccessChange
from migrator.model.rbac import Binding, RbacState, Subject
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL, CreateBinding

# Blockers whose question is a loss: what the best answer would lose is shown.
_LOSES = frozenset(
    {"node-row-extra-groups", "policy-loses-rules", "creator-row-differs", "creator-entry-wider"}
)


def judge(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterator[PrincipalDecision]:
    """Each with its access change. Raises ``Failed`` ``decision-invalid`` where an answer widens
    what exists.
    """
    later = index_after(decided, facts)
    for each in decided:
        judged = replace(each, access=_change(each, facts, later))
        if each.action != "block" and any(note.code == "answered" for note in each.notes):
            judged = _judged(judged, facts, later)
        elif acceptance := _needed_acceptance(judged, facts, later):
            note = accepted_note(judged, acceptance)
            judged = replace(judged, notes=(*judged.notes, note))
        # A principal that cannot log in at all today has the finding new-grant instead.
        if judged.access.log_ins_gained and judged.before.via != "none":
            judged = _with_log_ins(judged, facts)
        if _gains_authenticated(judged):
            judged = _with_authenticated(judged, facts)
        yield judged


def index_after(decided: Iterable[PrincipalDecision], facts: PlanFacts) -> RbacIndex | None:
    """RBAC with the parallel bindings of our own; the same index where there are none."""
    rbac = facts.snapshot.rbac
    # RBAC was not read: what our bindings give is not known either.
    if facts.index is None or rbac is None:
        return facts.index
    there = {(binding.namespace, binding.name) for binding in rbac.bindings}
    new: dict[CreateBinding, Binding] = {}
    for each in decided:
        for desired in each.bindings:
            # An earlier run of an equal plan made it.
            if (desired.namespace, desired.binding_name) in there:
                continue
            new[desired] = _binding(desired)
    # An index is costly, and the one of what was read is the same where nothing is added.
    if not new:
        return facts.index
    return RbacIndex(RbacState(rbac.roles, (*rbac.bindings, *new.values())))


def _binding(desired: CreateBinding) -> Binding:
    """The binding as it will be read once the step is done."""
    return Binding(
        desired.binding_name,
        desired.namespace,
        desired.role_kind,
        desired.role_name,
        (Subject("Group", desired.group),),
        {MANAGED_BY_LABEL: MANAGED_BY},
    )


def _change(each: PrincipalDecision, facts: PlanFacts, later: RbacIndex | None) -> AccessChange:
    """The access change that the plan shows of a principal: of a blocked one, what its best answer
    would do.
    """
    if each.action != "block":
        return access_change(each, facts, later)
    codes = {note.code for note in each.notes}
    if not _LOSES.isdisjoint(codes):
        return access_change(each, facts, later)
    # What the entry will give is not decided yet. Which log-ins it admits is known from its type
    # alone: no entry of type STANDARD admits fewer sessions than all.
    return log_in_change(each, facts)


def _needed_acceptance(
    each: PrincipalDecision, facts: PlanFacts, later: RbacIndex | None
) -> Acceptance | None:
    """The acceptance of a loss that no other finding explains."""
    if each.action == "block":
        return None
    if not each.access.lost and not each.access.log_ins_lost:
        return None
    acceptance = accepted_loss(each, facts)
    if acceptance is None:
        return None
    # A person is named for what no rule explains, and for nothing else.
    left = unexplained(each, facts, later)
    if not left.lost and not left.log_ins_lost:
        return None
    return acceptance


def _judged(
    each: PrincipalDecision, facts: PlanFacts, later: RbacIndex | None
) -> PrincipalDecision:
    """An answer: it may give access to a principal that has none, may never widen access, and a
    loss needs the name of a person.
    """
    arn, access = each.candidate.arn, each.access
    if facts.index is None and (access.gained or access.lost):
        return _blocked(
            each,
            DraftFinding(
                "answer-unjudged", f"RBAC was not read: how `{arn}` changes is not known."
            ),
        )
    if (access.gained or access.log_ins_gained) and each.before.via == "none":
        note = DraftFinding("new-grant", f"`{arn}` gets access that it does not have today.")
        each = replace(each, notes=(*each.notes, note))
    elif _is_widened(each, facts, later):
        raise invalid(
            names_of(each)[-1],
            "The answer gives access that the principal does not have today.",
            "Narrow the answer; widen access in a separate change.",
        )
    if not access.lost and not access.log_ins_lost:
        return each
    acceptance = accepted_loss(each, facts)
    if acceptance is None:
        return _blocked(
            each,
            DraftFinding("loss-not-accepted", f"The answer loses access that `{arn}` has today."),
        )
    return replace(each, notes=(*each.notes, accepted_note(each, acceptance)))


def _with_log_ins(each: PrincipalDecision, facts: PlanFacts) -> PrincipalDecision:
    """Log-ins that are refused today and admitted by the entry: a person accepts them by name, or
    the plan blocks.
    """
    note = DraftFinding("log-in-population-gained", _log_ins_gained(each), row=each.candidate.row)
    return _accepted_or_blocked(
        each, facts, note, f"more log-ins of `{each.candidate.arn}` are admitted"
    )


def _gains_authenticated(each: PrincipalDecision) -> bool:
    """Whether the API server does not add ``system:authenticated`` to the principal's logins today,
    and adds it once an entry decides.

    An entry cannot carry what keeps the group away: the name ``system:anonymous`` or the group
    ``system:unauthenticated`` (EKS API, reserved prefixes).
    """
    before = each.before
    # Without a login there is no group; such a principal has the finding new-grant.
    if before.via == "none":
        return False
    if AUTHENTICATED in groups_of_login(before.username, before.groups):
        return False
    # An administrator may do everything already.
    if MASTERS in before.groups:
        return False
    if each.action == "block":
        return True
    return each.after is not None and each.after.via == "access-entry"


def _with_authenticated(each: PrincipalDecision, facts: PlanFacts) -> PrincipalDecision:
    """The group that every login by an entry has: a person accepts it by name, or the plan
    blocks.
    """
    arn = each.candidate.arn
    note = DraftFinding(
        "authenticated-group-gained",
        f"Logins of `{arn}` are without `{AUTHENTICATED}` today. By an access entry they have it, "
        f"and with it what the cluster gives to every login.",
        row=each.candidate.row,
        groups=(AUTHENTICATED,),
    )
    return _accepted_or_blocked(each, facts, note, f"`{arn}` gets the group `{AUTHENTICATED}`")


def _is_widened(each: PrincipalDecision, facts: PlanFacts, later: RbacIndex | None) -> bool:
    """Whether the principal gains more than what the cluster gives to every login: that has a
    separate finding.
    """
    if not each.access.gained:
        return False
    if not _gains_authenticated(each):
        return True
    groups = (*each.before.groups, AUTHENTICATED)
    as_every_login = replace(each, before=replace(each.before, groups=groups))
    return bool(access_change(as_every_login, facts, later).gained)


def _accepted_or_blocked(
    each: PrincipalDecision,
    facts: PlanFacts,
    note: DraftFinding,
    gain: str,
) -> PrincipalDecision:
    """A gain that a person accepts by name, or that blocks. ``gain`` says what is accepted."""
    acceptance = accepted_gain(each, facts)
    if acceptance is None:
        return _blocked(each, note)
    # Another question is open: what is accepted is shown with its answer.
    if each.action == "block":
        return each
    message = f"{acceptance.by} accepts that {gain}: {acceptance.reason}"
    return replace(
        each, notes=(*each.notes, *softened([note]), DraftFinding("gain-accepted", message))
    )


def _log_ins_gained(each: PrincipalDecision) -> str:
    """The message about log-ins that the entry admits and the row does not."""
    words = " and ".join(map(log_in_words, each.access.log_ins_gained))
    return (
        f"Log-ins of `{each.candidate.arn}` that are refused today and that its entry admits: "
        f"{words}."
    )


def _blocked(each: PrincipalDecision, note: DraftFinding) -> PrincipalDecision:
    """The decision with one more question. What was planned becomes the proposal."""
    if each.action == "block":
        return replace(each, notes=(*each.notes, note))
    proposed = each.update or each.entry
    return replace(
        each,
        action="block",
        entry=None,
        update=None,
        proposed=proposed,
        bindings=(),
        notes=(*each.notes, note),
    )
