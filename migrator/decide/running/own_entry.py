"""What opens the cluster again for a caller whose own access entry locks the caller out.

From its creation the entry decides and not the row (EKS user guide, "Access entries"). Where a run
stopped before the entry's access policy, the API server refuses the caller every read with which a
command begins. EKS does not. The entry is deleted, and the row decides again. The missing policy is
not associated: whether the row is still there cannot be read before, and to associate a cluster
administrator's policy without it may be a grant that another administrator withdrew.
"""

from collections.abc import Iterable
from datetime import datetime

from migrator.decide.running.actions import Refuse, RunState, Undo, Wait
from migrator.decide.running.progress import SETTLED, STANDING
from migrator.decide.running.waiting import LONG_AGO, REMEMBERED, SPREAD, being_updated, moment
from migrator.decide.steps.entry_states import PLAN_TAG, matches, sequence_states
from migrator.errors import Changed
from migrator.model.access_entry import AccessEntry
from migrator.model.step import AssociatePolicy, CreateEntry, Sequence, Step


def own_entry_action(state: RunState, arn: str) -> Undo | Wait | Refuse | None:
    """``Undo``: delete the entry, which runs of this plan made and left without its policies.
    ``Wait``: the last change of the entry is not in force yet, at the latest by ``until``.
    ``Refuse``: another writer changed it, or the cluster is being updated. None: the entry is not
    what keeps the caller out, or deleting it would not help.

    ``state`` holds the entry, the mode and the cluster's status as they were read.
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
        # Another writer deleted an entry that was finished.
        if all(state.progress.of(step.id).status in SETTLED for step in sequence):
            return None
        return _until_the_row_decides(state, created)
    # Another plan or another tool made it.
    if entry.tags.get(PLAN_TAG) != state.run_request.plan_digest:
        return None
    reached = _reached(state, sequence, created, entry)
    missing = _missing(sequence[reached:])
    done = [step for step in missing if state.progress.of(step.id).status in SETTLED]
    shown_by = max((_time_of(state, step) for step in done), default=LONG_AGO) + SPREAD
    # A read of EKS may be older than the write that the journal has.
    if state.observed.now < shown_by:
        return Wait(created, "your own access entry is not in force yet", shown_by)
    # What was done and is not there any more was withdrawn: it is not given once more.
    if reached == 0 or done:
        return Refuse(_changed(), alone=True)
    if missing:
        return _deletion(state, created)
    # What came last may be missing in a journal that lost its end.
    return Wait(created, "your own access entry is not in force yet", state.observed.now + SPREAD)


def _deletion(state: RunState, created: Step) -> Undo | Refuse:
    """Delete the entry, where the row decides without it."""
    # The update may be that to API mode, after which no row decides.
    if state.observed.cluster_status != "ACTIVE":
        return Refuse(being_updated(state.plan), alone=True)
    return Undo(created, why="it has no access policy yet, and your row decides without it")


def _creation(sequence: Sequence) -> Step | None:
    """The step that makes the entry, where the entry also gives by access policies."""
    if not _missing(sequence):
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
        deleted = _time_of(state, created)
    until = deleted + SPREAD + REMEMBERED
    if state.observed.now >= until:
        return None
    return Wait(created, "your row in aws-auth does not decide again yet", until)


def _reached(state: RunState, sequence: Sequence, created: Step, entry: AccessEntry) -> int:
    """How many steps of the sequence the entry shows; 0 where it is not as any of them left it.
    The journal may have lost its end.
    """
    states = sequence_states(sequence, state.run)
    for place in range(len(sequence), sequence.index(created), -1):
        if matches(states[place], entry, state.run_request.plan_digest):
            return place
    return 0


def _missing(steps: Iterable[Step]) -> list[Step]:
    """The steps that associate policies."""
    return [step for step in steps if isinstance(step.effect, AssociatePolicy)]


def _time_of(state: RunState, step: Step) -> datetime:
    """When the journal has what it says of a step; long ago where it does not say when."""
    return moment(state.progress.of(step.id).at) or LONG_AGO


def _changed() -> Changed:
    """The error for an entry that is not as the runs of the plan left it."""
    return Changed(
        "entry-changed",
        "Your own access entry is not as the runs of this plan left it.",
        why="Another writer changed it, or withdrew its access policy. The API server refuses you "
        "since, and aws-auth is not asked while the entry is there.",
        remedy="Ask another administrator of the cluster whether that was on purpose. When you can "
        "read the cluster again, plan again.",
    )
