"""The action that leads an entry back to its proof: the entry is past the proof, and this state has
no evidence of it.

Another operator's run, or one whose journal was lost, proved the entry and took the marker group
away. Beside a row, a login without the marker shows nothing of the entry (the row may have admitted
it), so the steps after the proof are undone, the proof is taken, and they are done again.
"""

from dataclasses import replace

from migrator.decide.running.actions import Action, RunState, Undo
from migrator.decide.running.undo_step import undo_step
from migrator.decide.steps.entry_states import matches, sequence_states
from migrator.model.evidence import PROOF_CLASSES
from migrator.model.step import Prove, Sequence
from migrator.model.step import Step as PlanStep

_WHY = "this state has no proof of the entry, which is taken now"
# Logins: what is only evaluated, or attested by a person, needs no marker on the entry.
_OF_LOGINS = frozenset(PROOF_CLASSES[: PROOF_CLASSES.index("observed") + 1])


def back_to_proof(state: RunState, sequence: Sequence, place: int) -> Action | None:
    """The undo of the last step that the entry has had since the proof at ``place``; None where the
    step is no such proof, or the entry is not past it.
    """
    if not _must_be_shown(state, sequence, place):
        return None
    arn = sequence[place].principal_arn or ""
    # The journal was lost, and the evidence was not.
    if arn in state.observed.shown:
        return None
    if arn not in state.observed.entries:
        return None
    entry, digest = state.observed.entries[arn], state.run_request.plan_digest
    fits = [matches(each, entry, digest) for each in sequence_states(sequence, state.run)]
    # The entry is as the proof needs it.
    if fits[place]:
        return None
    since = sequence[place + 1 :]
    for step, is_after in zip(reversed(since), reversed(fits), strict=False):
        if is_after and step.undo is not None:
            action = undo_step(state, sequence, step)
            return replace(action, why=_WHY) if isinstance(action, Undo) else action
    return None


def _must_be_shown(state: RunState, sequence: Sequence, place: int) -> bool:
    """Whether the step is the proof of the finished entry, and only a login shows it."""
    effect = sequence[place].effect
    if not isinstance(effect, Prove):
        return False
    # Without rows every login comes through an entry.
    if state.observed.mode == "API":
        return False
    if effect.proof_class not in _OF_LOGINS:
        return False
    return not any(map(_is_proof, sequence[place + 1 :]))


def _is_proof(step: PlanStep) -> bool:
    return isinstance(step.effect, Prove)
