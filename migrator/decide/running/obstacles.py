"""Why a step cannot begin now: what it requires, what it waits for, which principal must be proven
first.
"""

from migrator.decide.running.actions import RunState
from migrator.decide.running.carriers import carries
from migrator.decide.running.progress import SETTLED, StepState, refusal_of, standing
from migrator.decide.running.second_admin import second_admin
from migrator.decide.running.source_differences import CHANGED_CODES
from migrator.decide.steps.entry_states import render_run, sequence_states
from migrator.model.outcome import NOT_ASKED_FOR
from migrator.model.step import AwaitEntry, CreateBridge, Prove, RemoveBridge, Sequence
from migrator.model.step import Step as PlanStep

# EKS made the principal's entry, of a type that the plan does not have
OTHER_TYPE = "automatic-entry-of-other-type"
# Refusals of the API that concern one principal alone: the others continue.
PRINCIPAL_REFUSALS = frozenset(
    {"invalid-principal", "invalid-entry", "invalid-policy", "policy-not-found"}
)
# What ends one principal's sequence alone: those, and what has changed since the plan.
ONE_PRINCIPAL = PRINCIPAL_REFUSALS | CHANGED_CODES | {OTHER_TYPE}


def obstacle(state: RunState, sequence: Sequence, step: PlanStep) -> str:
    """Why the step cannot begin now; empty when it can.

    The first reason of: not in ``--only``; its proof was deferred; a required step is not done; the
    operator would change its own access without a second administrator.
    """
    if _excluded(state, step):
        return NOT_ASKED_FOR
    recorded = state.progress.of(step.id)
    if recorded.status == "deferred":
        why = str(recorded.effect.get("why", ""))
        return why or "the proof cannot be had now"
    unmet = _first_unmet(state, sequence, step)
    if unmet:
        return unmet
    if not _is_the_operators(state, sequence, step):
        return ""
    if _second_admin(state):
        return ""
    return (
        "a second, independent administrator is not proven yet, and this run acts as this "
        "principal: apply again with `--as ARN=PROFILE` of another one, or name one under "
        "break_glass in decisions.yaml and plan again"
    )


def _first_unmet(state: RunState, sequence: Sequence, step: PlanStep) -> str:
    """Why the first required step that is not met does not permit this one; empty where all do."""
    for required in _requirements(state, sequence, step):
        reason = _unmet(state, sequence, step, required)
        if reason:
            return reason
    return ""


def _excluded(state: RunState, step: PlanStep) -> bool:
    """Whether ``--only`` leaves the step out."""
    only = state.run_request.only
    if only is None:
        return False
    if step.principal_arn is not None:
        return step.principal_arn not in only
    # The bridge is built for those who need it in this run, and for no other principal.
    if isinstance(step.effect, CreateBridge):
        return not _crossed_now(state, step.effect.group)
    return False


def _requirements(state: RunState, sequence: Sequence, step: PlanStep) -> tuple[str, ...]:
    """The steps that must be done before this one.

    A second attempt may begin in the middle of the sequence: what its earlier steps require of
    other sequences must hold now as well.
    """
    own = state.sequence_of.get(step.id)
    place = sequence.index(step)
    outside: list[str] = []
    for earlier in sequence[:place]:
        for required in earlier.requires:
            # What it requires in the same sequence was done before this step.
            if state.sequence_of.get(required) != own:
                outside.append(required)
    return (*outside, *step.requires)


def _is_the_operators(state: RunState, sequence: Sequence, step: PlanStep) -> bool:
    """Whether the step changes a principal that the operator is, or arrives through: a mistake
    there would take away the access that is needed to mend it.
    """
    if step.principal_arn is None:
        return False
    if step.principal_arn not in state.observed.callers:
        return False
    # Nothing is changed where the plan only proves the principal or waits for EKS's entry.
    return not all(isinstance(each.effect, Prove | AwaitEntry) for each in sequence)


def _second_admin(state: RunState) -> str:
    """Who was shown to administer the cluster besides the operator; empty where it is unknown."""
    observed = state.observed
    if observed.second_admin:
        return observed.second_admin
    # A proof of this run may have shown one since the run began. Waivers were asked at its start.
    return second_admin(state.plan, state.progress, observed.callers, waivers={})


def _unmet(
    state: RunState,
    sequence: Sequence,
    step: PlanStep,
    required: str,
) -> str:
    """Why a required step does not permit this one to begin; empty when it does."""
    if state.progress.of(required).status in SETTLED:
        return ""
    key = state.sequence_of.get(required)
    # A plan from a file is checked when it is read; the state machine stays total without that.
    if key is None:
        return f"it requires {required}, which the plan does not have"
    other = state.sequences[key]
    if other is sequence:
        return f"{required} is not done"
    refusal = refusal_of(other, state.progress)
    if refusal is not None:
        return _given_up(state, key, refusal)
    is_waiting = _parked(state, other) or _not_asked(state, other)
    if not isinstance(step.effect, RemoveBridge):
        if is_waiting:
            return ""
        return f"{required} is not done"
    # A run that continues with the sequence builds the bridge again. The bridge may be removed only
    # while the sequence waits and its entry does not carry the group.
    if not is_waiting or _on_bridge(state, other, step.effect):
        return f"{key} may still need the bridge"
    return ""


def _given_up(state: RunState, key: str, refusal: StepState) -> str:
    """Why a sequence that was given up stops those that require it; empty when it does not."""
    message = f"{key} was given up: {refusal.effect.get('message', 'refused')}"
    # Its row is not in force again yet.
    if standing(state.sequences[key], state.progress.states):
        return message
    if refusal.effect.get("code") in ONE_PRINCIPAL:
        return ""
    # The operator asked for `--keep-going`: other principals continue after any refusal.
    if state.run_request.keep_going:
        return ""
    return message


def _not_asked(state: RunState, sequence: Sequence) -> bool:
    """True for the sequence of a principal that this run was not asked for."""
    only, arn = state.run_request.only, sequence[0].principal_arn
    if only is None:
        return False
    # Steps about the cluster serve every principal.
    if arn is None:
        return False
    return arn not in only


def _crossed_now(state: RunState, group: str) -> bool:
    """Whether an entry that this run was asked for, and that is not finished, carries the bridge
    group at some step.
    """
    for sequence in state.sequences.values():
        if sequence[0].principal_arn is None:
            continue
        if _not_asked(state, sequence):
            continue
        if _is_finished(state, sequence):
            continue
        if carries(sequence, "{run}", group):
            return True
    return False


def _is_finished(state: RunState, sequence: Sequence) -> bool:
    """Whether every step is done or adopted, by the journal."""
    return all(state.progress.of(step.id).status in SETTLED for step in sequence)


def _parked(state: RunState, sequence: Sequence) -> bool:
    """True when the sequence, which is not done, waits for a proof that cannot be had now: no
    write of it is half done.
    """
    step = sequence[_first_unsettled(state, sequence)]
    return state.progress.of(step.id).status == "deferred"


def _first_unsettled(state: RunState, sequence: Sequence) -> int:
    """The place of the first step that is not done, in a sequence that is not finished."""
    place = 0
    while state.progress.of(sequence[place].id).status in SETTLED:
        place += 1
    return place


def _on_bridge(state: RunState, sequence: Sequence, bridge: RemoveBridge) -> bool:
    """Whether the entry of a sequence that stopped still carries the bridge's group."""
    place = _first_unsettled(state, sequence)
    entry_state = sequence_states(sequence, state.run)[place]
    if entry_state is None:
        return False
    groups = entry_state.groups
    # Groups that the sequence does not know may have the bridge's among them.
    if groups is None:
        return True
    return render_run(bridge.group, state.run) in groups
