"""The action that undoes one step, by what is seen of its entry or binding now."""

from dataclasses import replace

from migrator.decide.running.actions import (
    Action,
    LeaveInPlace,
    ReadFirst,
    Refuse,
    RunState,
    Undo,
)
from migrator.decide.running.binding_steps import shared_binding
from migrator.decide.running.bridge import bridge_for, bridge_look
from migrator.decide.running.entry_steps import (
    entry_changed,
    not_shown_yet,
    policy_withdrawn,
    shown_by,
)
from migrator.decide.running.progress import SETTLED, STANDING, refusal_of
from migrator.decide.running.source_differences import ROW_CHANGED
from migrator.decide.steps.bindings import binding_key, whose_binding
from migrator.decide.steps.entry_states import (
    matches,
    missing_policies,
    render_run,
    rendered,
    sequence_states,
)
from migrator.model.access_entry import AccessEntry
from migrator.model.step import (
    CreateBinding,
    CreateBridge,
    CreateEntry,
    Sequence,
)
from migrator.model.step import Step as PlanStep


def row_answers(state: RunState, created: PlanStep) -> Action | None:
    """What keeps an entry from being deleted: None where the row gives the access.

    ``created`` is the step that made the entry. The row is read before each deletion, because the
    authenticator asks aws-auth as soon as there is no entry (EKS user guide, "Access entries").
    """
    arn = created.principal_arn or ""
    if arn not in state.observed.rows:
        return ReadFirst("row", arn)
    if state.observed.rows[arn]:
        return None
    if _given_up_for_its_row(state, created):
        # By the journal, an administrator deleted or edited the row while the entry was being made.
        # Where aws-auth, read again, still shows that, the entry gives more than is wanted, and
        # deleting it takes access from no principal that should have it.
        if arn not in state.observed.sources:
            return ReadFirst("source", arn)
        now = state.observed.sources[arn]
        if now is not None and now.code == ROW_CHANGED:
            return None
    return LeaveInPlace(
        created, f"aws-auth no longer gives {arn} what it had: deleting its entry would lock it out"
    )


def _given_up_for_its_row(state: RunState, created: PlanStep) -> bool:
    """Whether a run ended the principal's sequence because its row was deleted or edited."""
    sequence = state.sequences[state.sequence_of[created.id]]
    refusal = refusal_of(sequence, state.progress)
    if refusal is None:
        return False
    return refusal.effect.get("code") == ROW_CHANGED


def undo_step(state: RunState, sequence: Sequence, step: PlanStep) -> Action:
    """Undo the step, record that its effect is not there, or refuse what another writer changed."""
    if isinstance(step.effect, CreateBridge | CreateBinding):
        return _undo_binding(state, step, step.effect)
    arn = step.principal_arn or ""
    if arn not in state.observed.entries:
        return ReadFirst("entry", arn)
    entry, digest = state.observed.entries[arn], state.run_request.plan_digest
    states, place = sequence_states(sequence, state.run), sequence.index(step)
    # The write did not arrive, or an undo before a crash did.
    if matches(states[place], entry, digest):
        return Undo(step, gone=True)
    withdrawn = kept_for_withdrawal(state, sequence, entry)
    if withdrawn is not None:
        return withdrawn
    is_of_the_run = any(matches(each, entry, digest) for each in states[place + 1 :])
    if not is_of_the_run:
        undoing = replace(step, effect=step.undo or step.effect)
        return Refuse(entry_changed(undoing, entry), alone=True)
    # An entry is deleted only where the row gives the access again.
    if isinstance(step.effect, CreateEntry):
        held = row_answers(state, step)
        if held is not None:
            return held
    return Undo(step, first=_reads_before_undo(state, step))


def kept_for_withdrawal(
    state: RunState, sequence: Sequence, entry: AccessEntry | None
) -> Action | None:
    """What keeps an entry in place that a run created and that lacks an access policy which this
    journal has as associated. None where it has them all, is not there, or was there before.

    Another writer withdrew the policy: without the entry the row would give the access again.
    """
    if entry is None or not _was_created(state, sequence):
        return None
    settled = [step for step in sequence if state.progress.of(step.id).status in SETTLED]
    if not settled:
        return None
    states = sequence_states(sequence, state.run)
    reached = states[sequence.index(settled[-1]) + 1]
    missing = () if reached is None else missing_policies(reached, entry)
    if not missing:
        return None
    # With the policies it would be as a run left it: nothing else was changed.
    whole = replace(entry, access_policies=(*entry.access_policies, *missing))
    digest = state.run_request.plan_digest
    if not any(matches(each, whole, digest) for each in states):
        return None
    # A read of EKS may be older than the last write of this run.
    until = shown_by(state, settled)
    if state.observed.now < until:
        return not_shown_yet(settled[-1], entry.principal_arn, until)
    return Refuse(policy_withdrawn(entry, missing), alone=True)


def _was_created(state: RunState, sequence: Sequence) -> bool:
    """Whether this journal has the entry as created, or as being deleted."""
    return any(
        isinstance(step.effect, CreateEntry) and state.progress.of(step.id).status in STANDING
        for step in sequence
    )


def _undo_binding(state: RunState, step: PlanStep, effect: CreateBridge | CreateBinding) -> Action:
    """Delete a binding of this run, or record that it is not there. Whether an entry still needs it
    is asked before this.
    """
    name = binding_key(rendered(effect, state.run))  # type: ignore[arg-type]
    if name not in state.observed.bindings:
        return ReadFirst("binding", name)
    group = render_run(effect.group, state.run)
    whose = whose_binding(state.observed.bindings[name], group)
    is_bridge = isinstance(effect, CreateBridge)
    # Other subjects use the bridge by now: to delete it would take their access away.
    if whose == "shared" and is_bridge:
        return Refuse(shared_binding(name, group))
    # What an administrator put under this name stays.
    if whose != "ours":
        return Undo(step, gone=True)
    look = ReadFirst("binding", name)
    # An entry of another run may carry the bridge's group by now; a parallel binding is for a group
    # of the rows.
    if is_bridge:
        return Undo(step, first=(ReadFirst("carriers", group), look))
    return Undo(step, first=(look,))


def _reads_before_undo(state: RunState, step: PlanStep) -> tuple[ReadFirst, ...]:
    """What is read directly before an entry is restored or deleted: the entry, its row, the bridge
    it goes back on.
    """
    arn = step.principal_arn or ""
    looks = [ReadFirst("entry", arn)]
    written = step.undo
    if isinstance(step.effect, CreateEntry):
        looks += [ReadFirst("row", arn), ReadFirst("source", arn)]
        # Logins by an entry that is deleted are remembered with its groups, the bridge's among
        # them.
        written = step.effect
    bridge = bridge_for(state, written)
    if bridge is not None:
        looks.append(bridge_look(state, bridge))
    return tuple(looks)
