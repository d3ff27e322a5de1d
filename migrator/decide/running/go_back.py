"""The next action of a sequence that is undone, because one of its steps was refused or by
roll-back.

Deleting an entry deletes its access policies with it, and kube-apiserver still caches a recent
login with the username and groups that the entry gave. So a principal that has only a policy first
gets back the groups that it had before, and its entry is deleted when every older token has expired
from the cache.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from migrator.decide.running.actions import (
    Action,
    Do,
    Finished,
    LeaveInPlace,
    ReadFirst,
    Refuse,
    RunState,
    Undo,
    Wait,
)
from migrator.decide.running.bridge import bridge_for, bridge_look, bridge_seen
from migrator.decide.running.carriers import carries
from migrator.decide.running.entries_that_stay import (
    begins_from_entry_of_eks,
    why_completed_entry_stays,
    why_thin_entry_stays,
)
from migrator.decide.running.entry_steps import entry_changed
from migrator.decide.running.progress import SETTLED, refusal_of, standing
from migrator.decide.running.undo_step import row_answers, undo_step
from migrator.decide.running.waiting import LONG_AGO, REMEMBERED, moment, spread_by
from migrator.decide.steps.entry_states import matches, render_run, sequence_states
from migrator.model.step import (
    BRIDGE_GROUP,
    BRIDGE_PREFIX,
    MARKER_GROUP,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    EnableEntries,
    RemoveBridge,
    Sequence,
    UpdateEntry,
)
from migrator.model.step import Step as PlanStep

# Names of groups and bindings of a run, as the plan has them.
_RUN = "{run}"


def give_up(state: RunState, sequence: Sequence) -> Action:
    """Undo a sequence after one of its steps was refused, so that the row is in force again."""
    progress = state.progress
    steps = list(standing(sequence, progress.states))
    is_held = any(progress.of(step.id).held for step in sequence)
    # An undo that was refused is not tried again in the same run: the cluster says the same.
    if steps and not is_held:
        return undo_step(state, sequence, _shortest(steps))
    reason = ""
    refusal = refusal_of(sequence, progress)
    if refusal is not None:
        reason = str(refusal.effect.get("message", ""))
    left: list[tuple[PlanStep, str]] = []
    for step in sequence:
        if progress.of(step.id).status not in SETTLED:
            left.append((step, reason))
    return Finished(tuple(left))


def back(state: RunState, sequence: Sequence) -> Action:
    """Undo what a sequence did; bindings only when no entry is left that may need them.

    The action for the last step that is still in the cluster; ``Finished`` where nothing can be
    undone now, with each step whose undo was refused before and the reason.
    """
    again = _bridge_again(state, sequence)
    if again is not None:
        return again
    # With `--only`, a bridge that no other entry uses is removed with those that were asked for.
    asked = _asked_for(state, sequence[0].principal_arn)
    if not asked and not _bridge_of_the_asked(state, sequence):
        return Finished()
    steps = _to_undo(state, sequence)
    held: list[tuple[PlanStep, str]] = []
    for step in steps:
        reason = state.progress.of(step.id).held
        if reason:
            held.append((step, reason))
    # The later steps depend on the earlier ones: one that is held keeps the rest in place.
    if held:
        return Finished(tuple(held))
    if not steps:
        return Finished()
    if isinstance(steps[0].effect, CreateBridge | CreateBinding):
        return _binding_back(state, sequence, steps[0])
    return _entry_back(state, sequence, steps)


def _to_undo(state: RunState, sequence: Sequence) -> list[PlanStep]:
    """The steps of a sequence that a roll-back undoes, the last one first."""
    # EKS never changes the mode back, and a bridge that was removed is nothing to undo.
    steps = standing(sequence, state.progress.states)
    return [step for step in steps if not isinstance(step.effect, EnableEntries | RemoveBridge)]


def _binding_back(state: RunState, sequence: Sequence, step: PlanStep) -> Action:
    """Delete a binding that no entry and no cached login needs."""
    if any(_needs(state, key, step) for key in state.sequences):
        return Finished(((step, "entries that need it are still there"),))
    # kube-apiserver caches who a token belongs to
    # (--authentication-token-webhook-cache-ttl): such a login has the group after its entry.
    spread = _remembered_until(state, step)
    if state.observed.now < spread:
        why = "logins by the last entry that was deleted may still be remembered"
        return Wait(step, why, spread)
    # The journal may not have every entry: those that are there now are asked.
    carried = _carriers_gone(state, step)
    if carried is not None:
        return carried
    return undo_step(state, sequence, step)


def _remembered_until(state: RunState, step: PlanStep) -> datetime:
    """When no login by a deleted entry is left in the cache of kube-apiserver."""
    until = LONG_AGO
    for sequence in state.sequences.values():
        # A step about the cluster changes no entry.
        if sequence[0].principal_arn is None:
            continue
        until = max(until, spread_by(state, sequence, REMEMBERED))
    found = state.progress.of(step.id)
    # A run from another state folder made the binding, and may have deleted entries a moment ago:
    # this journal does not have the times.
    if found.status == "adopted":
        adopted = moment(found.at) or state.observed.now
        until = max(until, adopted + REMEMBERED)
    return until


def _needs(state: RunState, key: str, step: PlanStep) -> bool:
    """Whether a sequence that is being undone, and is not yet, may still need a bridge or binding
    of this run.
    """
    sequence = state.sequences[key]
    if sequence[0].principal_arn is None:
        return False
    if not _asked_for(state, key):
        return False
    if not standing(sequence, state.progress.states):
        return False
    # A parallel binding is for a group of the rows, which any entry may have.
    if not isinstance(step.effect, CreateBridge):
        return True
    # A bridge is not kept for an entry that never has its group, nor for one that has to stay: the
    # entries that carry the group now are read again before the bridge is deleted.
    if any(state.progress.of(each.id).held for each in sequence):
        return False
    if _is_refused(state, sequence):
        return False
    return carries(sequence, _RUN, step.effect.group)


def _is_refused(state: RunState, sequence: Sequence) -> bool:
    """Whether an entry was seen to be what another writer made of it: this run leaves it so."""
    arn = sequence[0].principal_arn or ""
    if arn not in state.observed.entries:
        return False
    # Its deletion is recorded first: logins by it are remembered from then on.
    if _gone_already(state, arn):
        return False
    steps = _to_undo(state, sequence)
    return bool(steps) and isinstance(undo_step(state, sequence, steps[0]), Refuse)


def _carriers_gone(state: RunState, step: PlanStep) -> Action | None:
    """What keeps a bridge: entries that, read again, carry its group. None where no entry does, or
    it is no bridge.

    The journal alone does not say: another operator, or a run whose journal is lost, may have put
    the group on an entry.
    """
    if not isinstance(step.effect, CreateBridge):
        return None
    group = render_run(step.effect.group, state.run)
    if group not in state.observed.carriers:
        return ReadFirst("carriers", group)
    carriers = state.observed.carriers[group]
    if not carriers:
        return None
    why = f"{', '.join(sorted(carriers))} still carries the bridge group"
    return Finished(((step, why),))


def _asked_for(state: RunState, arn: str | None) -> bool:
    """Whether ``--only`` names the principal, or is not given. A step about the cluster (``arn`` is
    None) is never named.
    """
    only = state.run_request.only
    if only is None:
        return True
    return arn in only


def _bridge_of_the_asked(state: RunState, sequence: Sequence) -> bool:
    """Whether a bridge serves only the principals that this run was asked for: no other entry has
    its group.
    """
    if not isinstance(sequence[0].effect, CreateBridge):
        return False
    for key, other in state.sequences.items():
        if _asked_for(state, key):
            continue
        if _on_bridge(state, other):
            return False
    return True


def _on_bridge(state: RunState, sequence: Sequence) -> bool:
    """Whether the entry has the bridge group now: created with it, and not yet without it."""
    steps = standing(sequence, state.progress.states)
    created = _created_in(steps)
    if created is None:
        return False
    if BRIDGE_GROUP not in created.entry.kubernetes_groups:
        return False
    return not _carried(created, steps[0])


def _created_in(steps: Iterable[PlanStep]) -> CreateEntry | None:
    """The entry that these steps created, as it was created."""
    for step in steps:
        if isinstance(step.effect, CreateEntry):
            return step.effect
    return None


def _entry_back(state: RunState, sequence: Sequence, steps: list[PlanStep]) -> Action:
    """First restore the groups that the entry had beside its policies; then, when no older login is
    cached, delete the entry.

    ``steps`` are those to undo, the last one first, as the journal has them. EKS deletes the
    associations of an entry together with the entry (EKS API, DeleteAccessEntry).
    """
    seen = _steps_as_seen(state, sequence, steps)
    if isinstance(seen, ReadFirst):
        return seen
    steps = seen
    created = _shortest(steps)
    # A write whose groups name a bridge is sent only while that bridge is seen. Here the run that
    # made the bridge is over.
    if _on_a_dead_bridge(state, sequence):
        why = (
            f"another run had left the entry of {created.principal_arn} half-made when this plan "
            f"was made: to restore "
            "that would take away what its own bridge no longer gives, so the entry stays as this "
            "plan has it"
        )
        return LeaveInPlace(steps[0], why)
    if begins_from_entry_of_eks(state.plan, sequence):
        return _entry_of_eks_back(state, sequence, steps)
    # The entry is older than the plan: its last change is undone, and it stays.
    if not isinstance(created.effect, CreateEntry):
        return undo_step(state, sequence, created)
    if _gone_already(state, created.principal_arn or ""):
        return undo_step(state, sequence, created)
    # Before a bridge is built for it: what another writer changed is left as it is.
    last = undo_step(state, sequence, steps[0])
    if isinstance(last, Refuse):
        return last
    if _carried(created.effect, steps[0]):
        return _groups_back(state, sequence, steps[0], created, created.effect)
    until = _groups_remembered_until(state, sequence, steps)
    if state.observed.now < until:
        why = "logins without the groups that it has again may still be remembered"
        return Wait(created, why, until)
    # The policies go with the entry, and logins by it are remembered: until they are forgotten, the
    # bridge is what makes their principal an administrator.
    obstacle = _on_the_bridge(state, created, created.effect)
    if obstacle is not None:
        return obstacle
    return undo_step(state, sequence, created)


def _steps_as_seen(
    state: RunState, sequence: Sequence, steps: list[PlanStep]
) -> list[PlanStep] | ReadFirst:
    """The steps that stand by what the entry is now. What this journal has as undone, a run from
    another state folder may have done again since: then its groups are gone again, too.
    """
    arn = sequence[0].principal_arn or ""
    # Only an entry that this plan created can be the work of its runs alone.
    if not isinstance(_shortest(steps).effect, CreateEntry):
        return steps
    if arn not in state.observed.entries:
        return ReadFirst("entry", arn)
    entry, states = state.observed.entries[arn], sequence_states(sequence, state.run)
    place, digest = sequence.index(steps[0]) + 1, state.run_request.plan_digest
    if entry is None:
        return steps
    # The entry is where the journal left it.
    if matches(states[place], entry, digest):
        return steps
    reached = place
    for later in range(place + 1, len(states)):
        if matches(states[later], entry, digest):
            reached = later
    # Another writer changed it: the undo of the last step will refuse.
    if reached == place:
        return steps
    again = [step for step in sequence[place:reached] if step.undo is not None]
    return [*reversed(again), *steps]


def _groups_back(
    state: RunState,
    sequence: Sequence,
    last: PlanStep,
    created: PlanStep,
    effect: CreateEntry,
) -> Action:
    """Restore the groups that gave the principal its access, where the row and the bridge permit
    it.
    """
    obstacle = _on_the_bridge(state, created, effect)
    if obstacle is not None:
        return obstacle
    return undo_step(state, sequence, last)


def _on_the_bridge(state: RunState, created: PlanStep, effect: CreateEntry) -> Action | None:
    """What keeps an administrator from going back: a row that no longer gives the access, or a
    bridge that is not seen. None where both are there.
    """
    row = row_answers(state, created)
    if row is not None:
        return row
    return _bridge_missing(state, effect)


def _groups_remembered_until(
    state: RunState, sequence: Sequence, steps: list[PlanStep]
) -> datetime:
    """When the logins from before the groups were restored have expired from the cache of
    kube-apiserver.
    """
    until = LONG_AGO
    for step in sequence:
        if not isinstance(step.effect, UpdateEntry):
            continue
        # What is still to be undone has not restored anything.
        if step in steps:
            continue
        when = moment(state.progress.of(step.id).at)
        if when is not None:
            until = max(until, when + REMEMBERED)
    return until


def _entry_of_eks_back(state: RunState, sequence: Sequence, steps: list[PlanStep]) -> Action:
    """The entry as EKS made it gives less than the row that it shadows: it is not restored."""
    first = steps[-1]
    arn = first.principal_arn or ""
    if arn not in state.observed.entries:
        return ReadFirst("entry", arn)
    entry, states = state.observed.entries[arn], sequence_states(sequence, state.run)
    place, digest = sequence.index(first), state.run_request.plan_digest
    # Without the entry the row is in force.
    if entry is None:
        return Undo(first, gone=True)
    # As EKS made it, the entry has nothing of ours.
    if matches(states[place], entry, digest):
        return Undo(first, gone=True)
    is_of_the_run = any(matches(each, entry, digest) for each in states[place + 1 :])
    if not is_of_the_run:
        undoing = replace(first, effect=first.undo or first.effect)
        return Refuse(entry_changed(undoing, entry), alone=True)
    if matches(states[-1], entry, digest):
        return LeaveInPlace(steps[0], why_completed_entry_stays(state.plan, arn))
    # A run began to complete the entry and did not finish.
    planned = next(each for each in state.plan.principals if each.principal_arn == arn)
    return LeaveInPlace(steps[0], why_thin_entry_stays(state.plan, planned))


def _on_a_dead_bridge(state: RunState, sequence: Sequence) -> bool:
    """Whether the entry, as the plan found it, carried the bridge group of another run."""
    first = sequence_states(sequence, state.run)[0]
    if first is None:
        return False
    own = render_run(BRIDGE_GROUP, state.run)
    bridges = {group for group in first.groups or () if group.startswith(BRIDGE_PREFIX)}
    return bool(bridges - {own})


def _gone_already(state: RunState, arn: str) -> bool:
    """Whether an entry was seen to be absent: another operator deleted it, and nothing of it is
    left to restore.
    """
    if arn not in state.observed.entries:
        return False
    return state.observed.entries[arn] is None


def _carried(created: CreateEntry, last: PlanStep) -> bool:
    """Whether the last change removed groups that gave the principal its access until its policies
    were proven.
    """
    if not isinstance(last.effect, UpdateEntry):
        return False
    before = set(created.entry.kubernetes_groups)
    after = set(last.effect.entry.kubernetes_groups)
    removed = before - after
    # The marker is bound to nothing: without it no access is lost.
    return bool(removed - {MARKER_GROUP})


def _bridge_again(state: RunState, sequence: Sequence) -> Action | None:
    """Build a bridge again for entries that get its group back; None where there is nothing to
    build.
    """
    step = sequence[0]
    if not isinstance(step.effect, CreateBridge):
        return None
    if not any(_returns(state, other) for other in state.sequences.values()):
        return None
    look = bridge_look(state, step)
    if look.name not in state.observed.bindings:
        return look
    if state.observed.bindings[look.name] is None:
        return Do(step)
    return None


def _returns(state: RunState, sequence: Sequence) -> bool:
    """Whether the entry of a sequence goes back over the bridge: it gets the group back, and has
    it until it is deleted.
    """
    arn = sequence[0].principal_arn
    if arn is None:
        return False
    if not _asked_for(state, arn):
        return False
    # Another operator deleted the entry: there is nothing to put a group on.
    if _gone_already(state, arn):
        return False
    # The row does not give the access: the entry stays as it is.
    if not state.observed.rows.get(arn, True):
        return False
    steps = standing(sequence, state.progress.states)
    # An undo that was refused is not tried again, so that the group is not written.
    if any(state.progress.of(step.id).held for step in steps):
        return False
    if _is_refused(state, sequence):
        return False
    created = _created_in(steps)
    if created is None:
        return False
    return BRIDGE_GROUP in created.entry.kubernetes_groups


def _bridge_missing(state: RunState, created: CreateEntry) -> Action | None:
    """Why the bridge's group cannot be restored on an entry; None where it can.

    ``Finished`` without steps: :func:`_bridge_again` builds the bridge in the bridge's own
    sequence, and this one is asked again after that.
    """
    step = bridge_for(state, created)
    if step is None:
        return None
    look = bridge_look(state, step)
    if look.name not in state.observed.bindings:
        return look
    if bridge_seen(state, step):
        return None
    return Finished()


def _shortest(steps: list[PlanStep]) -> PlanStep:
    """The step to undo: where the sequence created the entry, deleting it undoes everything on it
    in one write, without a state in between.
    """
    for step in steps:
        if isinstance(step.effect, CreateEntry):
            return step
    return steps[0]
