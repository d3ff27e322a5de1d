"""Why a step cannot be begun now: what it requires, what it waits for, and who must be proven
first.
"""

from migrator.decide.running.actions import RunState
from migrator.decide.running.progress import SETTLED, refusal_of, standing
from migrator.decide.running.second_admin import second_admin
from migrator.decide.running.source_differences import CHANGED_CODES
from migrator.decide.steps.entry_states import render_run, sequence_states
from migrator.model.step import AwaitEntry, CreateBridge, Prove, RemoveBridge, Sequence
from migrator.model.step import Step as PlanStep

# EKS made the principal's entry, of a type that the plan does not have
OTHER_TYPE = "automatic-entry-of-other-type"
# Refusals of the API that concern one principal alone: the others go on.
PRINCIPAL_REFUSALS = frozenset(
    {"invalid-principal", "invalid-entry", "invalid-policy", "policy-not-found"}
)
# What ends one principal's sequence alone: those, and what has changed since the plan.
ONE_PRINCIPAL = PRINCIPAL_REFUSALS | CHANGED_CODES | {OTHER_TYPE}


def obstacle(state: RunState, sequence: Sequence, step: PlanStep) -> str:
    """Why the step cannot be begun now; empty when it can."""
    arn = step.principal_arn
    if state.run_request.only is not None and arn is not None and arn not in state.run_request.only:
        return "not asked for"
    if (
        state.run_request.only is not None
        and isinstance(step.effect, CreateBridge)
        and not _crossed_now(state, step.effect.group)
    ):
        return "not asked for"
    if state.progress.of(step.id).status == "deferred":
        return (
            str(state.progress.of(step.id).effect.get("why", "")) or "the proof cannot be had now"
        )
    # A retry may begin in the middle of the sequence: what its earlier steps require must hold now
    # as well.
    before = sequence[: sequence.index(step)]
    outside = (
        r
        for each in before
        for r in each.requires
        if state.sequence_of.get(r) != state.sequence_of.get(step.id)
    )
    for required in (*outside, *step.requires):
        reason = _unmet(state, sequence, step, required)
        if reason:
            return reason
    if (
        arn is not None
        and arn in state.observed.callers
        and not _only_proofs(sequence)
        and not _second_admin(state)
    ):
        return (
            "a second, independent administrator is not proven yet, and this run acts as this "
            "principal"
        )
    return ""


def _second_admin(state: RunState) -> str:
    """Who was shown to administer the cluster besides the operator; empty while nobody was."""
    return state.observed.second_admin or second_admin(
        state.plan, state.progress, state.observed.callers, {}
    )


def _only_proofs(sequence: Sequence) -> bool:
    return all(isinstance(step.effect, Prove | AwaitEntry) for step in sequence)


def _unmet(state: RunState, sequence: Sequence, step: PlanStep, required: str) -> str:
    """Why a required step does not let this one begin; empty when it does."""
    if state.progress.of(required).status in SETTLED:
        return ""
    key = state.sequence_of.get(required)
    if key is None:
        return f"it requires {required}, which the plan does not have"
    other = state.sequences[key]
    if other is sequence:
        return f"{required} is not done"
    refusal = refusal_of(other, state.progress)
    if refusal is not None:
        gone = not standing(other, state.progress.states)
        if gone and (state.run_request.keep_going or refusal.effect.get("code") in ONE_PRINCIPAL):
            return ""
        return f"{key} was given up: {refusal.effect.get('message', 'refused')}"
    if isinstance(step.effect, RemoveBridge):
        stays = _parked(state, other) or _not_asked(
            state, other
        )  # a run that goes on with it builds the bridge again
        if not stays or _on_bridge(state, other, step.effect):
            return f"{key} may still need the bridge"
    if _parked(state, other) or _not_asked(state, other):
        return ""
    return f"{required} is not done"


def _not_asked(state: RunState, sequence: Sequence) -> bool:
    """True for the sequence of a principal that this run was not asked for."""
    return state.run_request.only is not None and sequence[0].principal_arn not in {
        None,
        *state.run_request.only,
    }


def _crossed_now(at: RunState, group: str) -> bool:
    """Whether a principal that this run was asked for still crosses the bridge with that group, or
    is on it.
    """
    sequences = [
        sequence
        for sequence in at.sequences.values()
        if sequence[0].principal_arn is not None and not _not_asked(at, sequence)
    ]
    unfinished = [
        sequence
        for sequence in sequences
        if any(at.progress.of(step.id).status not in SETTLED for step in sequence)
    ]
    return any(
        group in (state.groups or ())
        for sequence in unfinished
        for state in sequence_states(sequence, "{run}")
        if state
    )


def _parked(state: RunState, sequence: Sequence) -> bool:
    """True when the sequence, which is not done, waits for a proof that cannot be had now: nothing
    of it is half-made.
    """
    states = (state.progress.of(step.id).status for step in sequence)
    return next(status for status in states if status not in SETTLED) == "deferred"


def _on_bridge(at: RunState, sequence: Sequence, bridge: RemoveBridge) -> bool:
    """Whether the entry of a sequence that came to a stop still carries the bridge's group."""
    place = next(
        i for i, step in enumerate(sequence) if at.progress.of(step.id).status not in SETTLED
    )
    state = sequence_states(sequence, at.run)[place]
    return state is not None and (
        state.groups is None or render_run(bridge.group, at.run) in state.groups
    )
