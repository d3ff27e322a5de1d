"""The next action of a lane that is taken back, because one of its steps was refused or by roll-back."""

from dataclasses import replace

from migrator.decide.actions import Action, Finished, Hold, Look, Refuse, Situation, Undo, Wait
from migrator.decide.bindings import binding_key
from migrator.decide.entry_states import lane_states, matches, rendered
from migrator.decide.go_forward import entry_changed
from migrator.decide.progress import SETTLED, Lane, refusal_of, standing
from migrator.decide.waiting import LONG_AGO, spread_by
from migrator.model.step import CreateBinding, CreateBridge, CreateEntry, EnableEntries, RemoveBridge
from migrator.model.step import Step as PlanStep


def give_up(at: Situation, lane: Lane) -> Action:
    """Take back what a lane did after one of its steps was refused, so that the row answers again."""
    refusal = refusal_of(lane, at.progress)
    reason = str(refusal.effect.get("message", "")) if refusal else ""
    steps = [step for step in standing(lane, at.progress.states) if not at.progress.of(step.id).held]
    if not steps or any(at.progress.of(step.id).held for step in lane):
        return Finished(tuple((step, reason) for step in lane if at.progress.of(step.id).status not in SETTLED))
    return _undo(at, lane, _shortest(steps))


def back(at: Situation, lane: Lane) -> Action:
    """Take back what a lane did; bindings only when no entry of ours is left that may need them."""
    if at.wish.only is not None and lane[0].principal_arn not in at.wish.only:
        return Finished()
    steps = [s for s in standing(lane, at.progress.states) if not isinstance(s.effect, EnableEntries | RemoveBridge)]
    held = [step for step in steps if at.progress.of(step.id).held]
    if held:
        return Finished(tuple((step, at.progress.of(step.id).held) for step in held))
    if not steps:
        return Finished()
    if isinstance(steps[0].effect, CreateBridge | CreateBinding):
        others = [s for key in at.lanes for s in standing(at.lanes[key], at.progress.states) if s.principal_arn]
        if others:
            return Finished(((steps[0], "entries that need it are still there"),))
        spread = max((spread_by(at, each) for each in at.lanes.values() if each[0].principal_arn), default=LONG_AGO)
        if at.observed.now < spread:
            return Wait(steps[0], "the last deletion of an entry may not have reached the authenticator", spread)
    return _undo(at, lane, _shortest(steps))


def _shortest(steps: list[PlanStep]) -> PlanStep:
    """Deleting the entry that the lane created takes everything on it along, at once: no half-way state."""
    return next((step for step in steps if isinstance(step.effect, CreateEntry)), steps[0])


def _undo(at: Situation, lane: Lane, step: PlanStep) -> Action:
    if isinstance(step.effect, CreateBridge | CreateBinding):
        name = binding_key(rendered(step.effect, at.run))  # type: ignore[arg-type]
        if name not in at.observed.bindings:
            return Look("binding", name)
        return Undo(step, gone=at.observed.bindings[name] is None)
    arn = step.principal_arn or ""
    if arn not in at.observed.entries:
        return Look("entry", arn)
    entry, states = at.observed.entries[arn], lane_states(lane, at.run)
    place = lane.index(step)
    if matches(states[place], entry, at.wish.plan_digest):
        return Undo(step, gone=True)
    if not any(matches(each, entry, at.wish.plan_digest) for each in states[place + 1 :]):
        return Refuse(entry_changed(replace(step, effect=step.undo or step.effect), entry))
    if isinstance(step.effect, CreateEntry):
        if arn not in at.observed.rows:
            return Look("row", arn)
        if not at.observed.rows[arn]:
            return Hold(step, f"aws-auth no longer gives {arn} what it had: deleting its entry would lock it out")
    return Undo(step)
