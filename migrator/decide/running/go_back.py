"""The next action of a sequence that is taken back, because one of its steps was refused or by
roll-back.

An entry takes its access policies along when it goes, and whoever logged in by it a moment ago is
still known by the name and groups that it gave. So whoever has only a policy gets back the groups
that carried them on the way there, and the entry goes once every older token is forgotten.
"""

from dataclasses import replace

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
from migrator.decide.running.binding_steps import shared_binding
from migrator.decide.running.bridge import bridge_for, bridge_look, bridge_seen
from migrator.decide.running.entries_that_stay import (
    begins_from_entry_of_eks,
    why_completed_entry_stays,
    why_thin_entry_stays,
)
from migrator.decide.running.entry_steps import entry_changed
from migrator.decide.running.progress import SETTLED, refusal_of, standing
from migrator.decide.running.source_differences import ROW_CHANGED
from migrator.decide.running.waiting import LONG_AGO, REMEMBERED, moment, spread_by
from migrator.decide.steps.bindings import binding_key, whose_binding
from migrator.decide.steps.entry_states import matches, render_run, rendered, sequence_states
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

_RUN = "{run}"  # names of ours as the plan has them


def give_up(at: RunState, sequence: Sequence) -> Action:
    """Take back what a sequence did after one of its steps was refused, so that the row answers
    again.
    """
    refusal = refusal_of(sequence, at.progress)
    reason = str(refusal.effect.get("message", "")) if refusal else ""
    steps = [
        step for step in standing(sequence, at.progress.states) if not at.progress.of(step.id).held
    ]
    if not steps or any(at.progress.of(step.id).held for step in sequence):
        return Finished(
            tuple(
                (step, reason) for step in sequence if at.progress.of(step.id).status not in SETTLED
            )
        )
    return _undo(at, sequence, _shortest(steps))


def back(at: RunState, sequence: Sequence) -> Action:
    """Take back what a sequence did; bindings only when no entry of ours is left that may need
    them.
    """
    again = _bridge_again(at, sequence)
    if again is not None:
        return again
    if not _asked_for(at, sequence[0].principal_arn) and not _bridge_of_the_asked(at, sequence):
        return Finished()
    steps = [
        s
        for s in standing(sequence, at.progress.states)
        if not isinstance(s.effect, EnableEntries | RemoveBridge)
    ]
    held = [step for step in steps if at.progress.of(step.id).held]
    if held:
        return Finished(tuple((step, at.progress.of(step.id).held) for step in held))
    if not steps:
        return Finished()
    if isinstance(steps[0].effect, CreateBridge | CreateBinding):
        if any(_needs(at, key, steps[0]) for key in at.sequences):
            return Finished(((steps[0], "entries that need it are still there"),))
        entries = [each for each in at.sequences.values() if each[0].principal_arn]
        spread = max((spread_by(at, each, REMEMBERED) for each in entries), default=LONG_AGO)
        found = at.progress.of(steps[0].id)
        if found.status == "adopted":
            # A run from another state folder made it, and may have deleted entries a moment ago,
            # unseen here.
            spread = max(spread, (moment(found.at) or at.observed.now) + REMEMBERED)
        if at.observed.now < spread:
            return Wait(
                steps[0],
                "logins by the last entry that was deleted may still be remembered",
                spread,
            )
        carried = _carriers_gone(at, steps[0])
        return carried if carried is not None else _undo(at, sequence, steps[0])
    return _entry_back(at, sequence, steps)


def _needs(at: RunState, key: str, step: PlanStep) -> bool:
    """Whether a sequence that is taken back now, and is not back yet, may still need a bridge or
    binding of ours.

    A bridge is not kept for those who never cross it, nor for an entry that has to stay: what
    carries its group now is read again before it goes.
    """
    sequence = at.sequences[key]
    if (
        sequence[0].principal_arn is None
        or not _asked_for(at, key)
        or not standing(sequence, at.progress.states)
    ):
        return False
    if not isinstance(step.effect, CreateBridge):
        return True
    crosses = any(
        state is not None and step.effect.group in (state.groups or ())
        for state in sequence_states(sequence, _RUN)
    )
    return crosses and not any(at.progress.of(each.id).held for each in sequence)


def _carriers_gone(at: RunState, step: PlanStep) -> Action | None:
    """What keeps a bridge: entries that, read again, carry its group. None where no entry does, or
    it is no bridge.
    """
    if not isinstance(step.effect, CreateBridge):
        return None
    group = render_run(step.effect.group, at.run)
    if group not in at.observed.carriers:
        return ReadFirst("carriers", group)
    carriers = at.observed.carriers[group]
    return (
        Finished(((step, f"{', '.join(sorted(carriers))} still carries the bridge group"),))
        if carriers
        else None
    )


def _asked_for(at: RunState, arn: str | None) -> bool:
    return at.run_request.only is None or arn in at.run_request.only


def _bridge_of_the_asked(at: RunState, sequence: Sequence) -> bool:
    """Whether a bridge, if it stands, is there for those who go back now: nobody else's entry has
    its group.
    """
    if not isinstance(sequence[0].effect, CreateBridge):
        return False
    return not any(
        _on_bridge(at, other) for key, other in at.sequences.items() if not _asked_for(at, key)
    )


def _on_bridge(at: RunState, sequence: Sequence) -> bool:
    steps = standing(sequence, at.progress.states)
    created = next((step.effect for step in steps if isinstance(step.effect, CreateEntry)), None)
    return (
        created is not None
        and BRIDGE_GROUP in created.entry.kubernetes_groups
        and not _carried(created, steps[0])
    )


def _entry_back(at: RunState, sequence: Sequence, steps: list[PlanStep]) -> Action:
    """First what the entry carried beside its policies, then, when no older login is remembered,
    the entry itself.
    """
    created = _shortest(steps)
    if _on_a_dead_bridge(at, sequence):
        # A write whose groups name a bridge goes only while that bridge is seen, and this one's run
        # is over.
        why = (
            f"another run had left the entry of {created.principal_arn} half-made when this plan "
            f"was made: to restore "
            "that would take away what its own bridge no longer gives, so the entry stays as this "
            "plan has it"
        )
        return LeaveInPlace(steps[0], why)
    if begins_from_entry_of_eks(at.plan, sequence):
        return _entry_of_eks_back(at, sequence, steps)
    if not isinstance(created.effect, CreateEntry) or _gone_already(at, created):
        return _undo(at, sequence, created)
    if _carried(created.effect, steps[0]):
        row = _row_answers(at, created)
        if row is not None:
            return row
        bridge = _bridge_missing(at, created.effect)
        return (
            bridge if bridge is not None else _undo(at, sequence, steps[0])
        )  # with one more look at the bridge
    changed = [
        at.progress.of(s.id)
        for s in sequence
        if isinstance(s.effect, UpdateEntry) and s not in steps
    ]
    until = max(
        (when + REMEMBERED for state in changed if (when := moment(state.at)) is not None),
        default=LONG_AGO,
    )
    if at.observed.now < until:
        return Wait(
            created, "logins without the groups that it has again may still be remembered", until
        )
    return _undo(at, sequence, created)


def _entry_of_eks_back(at: RunState, sequence: Sequence, steps: list[PlanStep]) -> Action:
    """What EKS made of the entry gives less than the row that it shadows: it is not restored."""
    first = steps[-1]
    arn = first.principal_arn or ""
    if arn not in at.observed.entries:
        return ReadFirst("entry", arn)
    entry, states = at.observed.entries[arn], sequence_states(sequence, at.run)
    place, digest = sequence.index(first), at.run_request.plan_digest
    # Without the entry the row answers; as EKS made it, there is nothing of ours on it.
    if entry is None or matches(states[place], entry, digest):
        return Undo(first, gone=True)
    if not any(matches(each, entry, digest) for each in states[place + 1 :]):
        return Refuse(entry_changed(replace(first, effect=first.undo or first.effect), entry))
    if matches(states[-1], entry, digest):
        return LeaveInPlace(steps[0], why_completed_entry_stays(at.plan, arn))
    planned = next(each for each in at.plan.principals if each.principal_arn == arn)
    return LeaveInPlace(steps[0], why_thin_entry_stays(at.plan, planned))


def _on_a_dead_bridge(at: RunState, sequence: Sequence) -> bool:
    """Whether the entry, as the plan found it, carried the bridge group of another run."""
    first = sequence_states(sequence, at.run)[0]
    own = render_run(BRIDGE_GROUP, at.run)
    return first is not None and any(
        group.startswith(BRIDGE_PREFIX) and group != own for group in first.groups or ()
    )


def _gone_already(at: RunState, created: PlanStep) -> bool:
    """Whether the entry that the step made was seen to be absent: another operator took it back,
    and nothing of it is left to restore.
    """
    arn = created.principal_arn or ""
    return arn in at.observed.entries and at.observed.entries[arn] is None


def _carried(created: CreateEntry, last: PlanStep) -> bool:
    """Whether the last change took groups away that carried the principal until its policies were
    proven.
    """
    if not isinstance(last.effect, UpdateEntry):
        return False
    return bool(
        set(created.entry.kubernetes_groups)
        - set(last.effect.entry.kubernetes_groups)
        - {MARKER_GROUP}
    )


def _bridge_again(at: RunState, sequence: Sequence) -> Action | None:
    """Build a bridge anew for those who go back over it; None where there is nothing to build."""
    step = sequence[0]
    if not isinstance(step.effect, CreateBridge) or not any(
        _returns(at, other) for other in at.sequences.values()
    ):
        return None
    name = binding_key(rendered(step.effect, at.run))  # type: ignore[arg-type]
    if name not in at.observed.bindings:
        return ReadFirst("binding", name)
    return Do(step) if at.observed.bindings[name] is None else None


def _returns(at: RunState, sequence: Sequence) -> bool:
    """Whether a sequence is about to put the bridge's group back on its entry."""
    arn = sequence[0].principal_arn
    if arn is None or not _asked_for(at, arn):
        return False
    steps = standing(sequence, at.progress.states)
    made = next((step for step in steps if isinstance(step.effect, CreateEntry)), None)
    if made is None or _gone_already(at, made) or not at.observed.rows.get(arn, True):
        return False
    created = made.effect
    if not isinstance(created, CreateEntry) or BRIDGE_GROUP not in created.entry.kubernetes_groups:
        return False
    return _carried(created, steps[0]) and not any(at.progress.of(step.id).held for step in steps)


def _bridge_missing(at: RunState, created: CreateEntry) -> Action | None:
    """What stands between an entry and the bridge's group: None where it can be put back."""
    if BRIDGE_GROUP not in created.entry.kubernetes_groups:
        return None
    step = next((step for step in at.plan.steps if isinstance(step.effect, CreateBridge)), None)
    if step is None:
        return None
    name = binding_key(rendered(step.effect, at.run))  # type: ignore[arg-type]
    if name not in at.observed.bindings:
        return ReadFirst("binding", name)
    return None if bridge_seen(at, step) else Finished()


def _row_answers(at: RunState, created: PlanStep) -> Action | None:
    """What keeps an entry from being deleted: None where the row answers in its place."""
    arn = created.principal_arn or ""
    if arn not in at.observed.rows:
        return ReadFirst("row", arn)
    if at.observed.rows[arn]:
        return None
    refusal = refusal_of(at.sequences[at.sequence_of[created.id]], at.progress)
    if refusal is not None and refusal.effect.get("code") == ROW_CHANGED:
        # An administrator deleted or edited the row while the entry was being made, as the journal
        # says. Where aws-auth, read again, still says so, the entry gives more than is wanted, and
        # deleting it locks out no one who should have access.
        if arn not in at.observed.sources:
            return ReadFirst("source", arn)
        now = at.observed.sources[arn]
        if now is not None and now.code == ROW_CHANGED:
            return None
    return LeaveInPlace(
        created, f"aws-auth no longer gives {arn} what it had: deleting its entry would lock it out"
    )


def _shortest(steps: list[PlanStep]) -> PlanStep:
    """Deleting the entry that the sequence created takes everything on it along, at once: no
    half-way state.
    """
    return next((step for step in steps if isinstance(step.effect, CreateEntry)), steps[0])


def _undo(at: RunState, sequence: Sequence, step: PlanStep) -> Action:
    if isinstance(step.effect, CreateBridge | CreateBinding):
        name = binding_key(rendered(step.effect, at.run))  # type: ignore[arg-type]
        if name not in at.observed.bindings:
            return ReadFirst("binding", name)
        group = render_run(step.effect.group, at.run)
        whose = whose_binding(at.observed.bindings[name], group)
        is_bridge = isinstance(step.effect, CreateBridge)
        if whose == "shared" and is_bridge:
            return Refuse(shared_binding(name, group))
        if whose != "ours":  # what an administrator put under this name stays
            return Undo(step, gone=True)
        return Undo(
            step,
            first=(
                *((ReadFirst("carriers", group),) if is_bridge else ()),
                ReadFirst("binding", name),
            ),
        )
    arn = step.principal_arn or ""
    if arn not in at.observed.entries:
        return ReadFirst("entry", arn)
    entry, states = at.observed.entries[arn], sequence_states(sequence, at.run)
    place = sequence.index(step)
    if matches(states[place], entry, at.run_request.plan_digest):
        return Undo(step, gone=True)
    if not any(matches(each, entry, at.run_request.plan_digest) for each in states[place + 1 :]):
        return Refuse(entry_changed(replace(step, effect=step.undo or step.effect), entry))
    held = _row_answers(at, step) if isinstance(step.effect, CreateEntry) else None
    return Undo(step, first=_reads_before_undo(at, step)) if held is None else held


def _reads_before_undo(at: RunState, step: PlanStep) -> tuple[ReadFirst, ...]:
    """What is read directly before an entry is restored or deleted: the entry, its row, the bridge
    it goes back on.
    """
    arn = step.principal_arn or ""
    looks = [ReadFirst("entry", arn)]
    if isinstance(step.effect, CreateEntry):
        looks += [ReadFirst("row", arn), ReadFirst("source", arn)]
    bridge = bridge_for(at, step.undo)
    if bridge is not None:
        looks.append(bridge_look(at, bridge))
    return tuple(looks)
