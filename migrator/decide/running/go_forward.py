"""The next action of a sequence towards the plan's end: what is seen decides what happened to a
step that was recorded as intended.
"""

from dataclasses import replace

from migrator.decide.running.actions import Action, Finished, Refuse, RunState
from migrator.decide.running.binding_steps import settle_binding
from migrator.decide.running.bridge import bridge_look, bridge_needed, bridge_seen
from migrator.decide.running.entry_steps import entry_changed, not_shown_yet, settle_entry
from migrator.decide.running.mode_step import change_mode
from migrator.decide.running.obstacles import obstacle
from migrator.decide.running.progress import SETTLED
from migrator.decide.running.prove_again import back_to_proof
from migrator.decide.running.waiting import LONG_AGO, STALE_READ_TIMEOUT, moment
from migrator.decide.steps.entry_states import EntryState, matches, sequence_states
from migrator.model.step import CreateBinding, CreateBridge, EnableEntries, RemoveBridge, Sequence


def forward(state: RunState, sequence: Sequence) -> Action:
    """The action for the first step that is not settled: begin it, adopt it, read, wait, or the
    reason why it cannot begin.
    """
    place = _first_unsettled(state, sequence)
    if place is None:
        built_again = _built_again(state, sequence)
        if built_again is not None:
            return built_again
        return _still_so(state, sequence)
    step = sequence[place]
    why = obstacle(state, sequence, step)
    # The later steps of a sequence wait for this one.
    if why:
        return Finished(tuple((each, why) for each in sequence[place:]))
    match step.effect:
        case EnableEntries() as effect:
            return change_mode(state, step, effect)
        case CreateBridge() | CreateBinding() | RemoveBridge():
            return settle_binding(state, step)
        case _:
            again = back_to_proof(state, sequence, place)
            return again or settle_entry(state, sequence, place)


def _first_unsettled(state: RunState, sequence: Sequence) -> int | None:
    """The place of the first step that is not done or adopted; None in a finished sequence."""
    for place, step in enumerate(sequence):
        if state.progress.of(step.id).status not in SETTLED:
            return place
    return None


def _built_again(state: RunState, sequence: Sequence) -> Action | None:
    """Build a bridge again that is needed and is not seen: a roll-back or another operator deleted
    it.
    """
    step = sequence[0]
    if not isinstance(step.effect, CreateBridge):
        return None
    # A binding to cluster-admin is not made for nothing.
    if not bridge_needed(state, step):
        return None
    look = bridge_look(state, step)
    if look.name not in state.observed.bindings:
        return look
    if bridge_seen(state, step):
        return None
    return settle_binding(state, step)


def _still_so(state: RunState, sequence: Sequence) -> Action:
    """Whether the entry of a finished sequence, where it was read, is as its last step left it.

    ``Finished`` where it is, or was not read; ``Wait`` while a read may be older than the write;
    ``Refuse`` where another writer changed it: no later step may build on it.
    """
    final = sequence[-1]
    arn = final.principal_arn or ""
    if arn not in state.observed.entries:
        return Finished()
    entry, digest = state.observed.entries[arn], state.run_request.plan_digest
    # Infrastructure code that manages the entry by now may have replaced the tags of this plan.
    *before, last = map(_without_tags, sequence_states(sequence, state.run))
    if matches(last, entry, digest):
        return Finished()
    written = moment(state.progress.of(final.id).at) or LONG_AGO
    until = written + STALE_READ_TIMEOUT
    is_behind = any(matches(each, entry, digest) for each in before)
    # A read of EKS may be older than the last write of this run.
    if is_behind and state.observed.now < until:
        return not_shown_yet(final, arn, until)
    return Refuse(entry_changed(final, entry), alone=True)


def _without_tags(entry_state: EntryState | None) -> EntryState | None:
    """The state whose entry may have any tags; None, "no entry", stays."""
    if entry_state is None:
        return None
    return replace(entry_state, made_by_us=False)
