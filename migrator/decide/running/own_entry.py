"""What opens the cluster again for a caller whose own access entry locks the caller out.

From its creation the entry decides and not the row (EKS user guide, "Access entries"). Where a run
stopped before the entry's access policy, the API server refuses the caller every read with which a
command begins. EKS does not. The entry is deleted, and the row decides again. The missing policy is
not associated: whether the row is still there cannot be read before, and to associate a cluster
administrator's policy without it may be a grant that another administrator withdrew.
"""

from migrator.decide.running.actions import RunState, Undo, Wait
from migrator.decide.running.progress import STANDING
from migrator.decide.running.waiting import LONG_AGO, REMEMBERED, SPREAD, moment
from migrator.decide.steps.entry_states import matches, sequence_states
from migrator.model.step import AssociatePolicy, CreateEntry, Sequence, Step


def own_entry_action(state: RunState, arn: str) -> Undo | Wait | None:
    """``Undo``: delete the entry, which runs of this plan made and left without its policies.
    ``Wait``: the last change of the entry is not in force yet, at the latest by ``until``. None:
    the entry is not what keeps the caller out, or deleting it would not help.

    ``state`` holds the entry and the mode as they were read.
    """
    # EKS user guide, "Authentication mode": in API mode aws-auth is never asked.
    if state.observed.mode == "API":
        return None
    sequence = state.sequences.get(arn, ())
    created = _creation(sequence)
    if created is None or state.progress.run is None:
        return None
    entry = state.observed.entries[arn]
    if entry is None:
        return _until_the_row_decides(state, created)
    reached = _reached(state, sequence, created, arn)
    if reached is None:
        return None
    if any(isinstance(step.effect, AssociatePolicy) for step in sequence[reached:]):
        return Undo(created, why="it has no access policy yet, and your row decides without it")
    # What came last may be missing in a journal that lost its end.
    return Wait(created, "your own access entry is not in force yet", state.observed.now + SPREAD)


def _creation(sequence: Sequence) -> Step | None:
    """The step that makes the entry, where the entry also gives by access policies."""
    if not any(isinstance(step.effect, AssociatePolicy) for step in sequence):
        return None
    for step in sequence:
        if isinstance(step.effect, CreateEntry):
            return step
    return None


def _until_the_row_decides(state: RunState, created: Step) -> Wait | None:
    """How long an entry that is no longer there may still be asked, and logins by it remembered;
    None where no run made it, or it was deleted long ago.
    """
    record = state.progress.of(created.id)
    # A deletion that this journal does not have the time of may have been a moment ago.
    deleted = state.observed.now
    if record.status not in STANDING:
        deleted = moment(record.at) or LONG_AGO
    until = deleted + SPREAD + REMEMBERED
    if state.observed.now >= until:
        return None
    return Wait(created, "your row in aws-auth does not decide again yet", until)


def _reached(state: RunState, sequence: Sequence, created: Step, arn: str) -> int | None:
    """How many steps of the sequence the entry shows; None where it is not as any of them left it.
    The journal may have lost its end.
    """
    states = sequence_states(sequence, state.run)
    entry, digest = state.observed.entries[arn], state.run_request.plan_digest
    for place in range(len(sequence), sequence.index(created), -1):
        if matches(states[place], entry, digest):
            return place
    return None
