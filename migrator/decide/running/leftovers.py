"""What runs of a plan left in a cluster although their journal does not record it: found by tag,
label and state.
"""

from collections.abc import Mapping

from migrator.decide.running.progress import Progress, standing
from migrator.decide.steps.bindings import PLAN_LABEL, RUN_LABEL, plan_label
from migrator.decide.steps.entry_states import PLAN_TAG, matches, rendered, sequence_states
from migrator.model.access_entry import AccessEntry
from migrator.model.plan import Plan
from migrator.model.rbac import Binding
from migrator.model.snapshot import Snapshot
from migrator.model.step import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    Sequence,
    Step,
)


def what_stands(
    plan: Plan,
    progress: Progress,
    snapshot: Snapshot,
    plan_digest: str,
    run: str,
) -> tuple[Step, ...]:
    """Steps whose effect is in the cluster and that the journal does not record; in plan order.

    A run that journals them may be killed between two lines. So the rest of an entry's sequence
    counts, too, where the journal records its beginning: without the last steps, an administrator's
    entry would be deleted immediately instead of over the bridge. Only what is certainly ours
    counts: entries with this plan's tag, bindings with our labels. What the plan changed on an
    entry of another owner is not recognised without its journal.
    """
    entries = {entry.principal_arn: entry for entry in snapshot.access_entries or ()}
    bindings = _bindings_of(snapshot)
    found: list[Step] = []
    for key, sequence in plan.sequences.items():
        if sequence[0].principal_arn is None:
            stands = _bindings_stand(sequence, bindings, plan_digest, run)
        elif key in entries:
            stands = _sequence_stands(sequence, entries[key], plan_digest, run)
        else:
            continue
        # Where the journal records the beginning, it is believed about what it records.
        if standing(sequence, progress.states):
            stands = tuple(step for step in stands if progress.of(step.id).status == "pending")
        found += stands
    return tuple(found)


def _bindings_of(snapshot: Snapshot) -> dict[tuple[str | None, str], Binding]:
    """The bindings by namespace and name; empty where they were not read."""
    if snapshot.rbac is None:
        return {}
    return {(binding.namespace, binding.name): binding for binding in snapshot.rbac.bindings}


def _bindings_stand(
    sequence: Sequence,
    bindings: Mapping[tuple[str | None, str], Binding],
    plan_digest: str,
    run: str,
) -> tuple[Step, ...]:
    """The steps of a sequence about the cluster whose bindings are there."""
    return tuple(step for step in sequence if _binding_stands(step, bindings, plan_digest, run))


def _sequence_stands(
    sequence: Sequence,
    entry: AccessEntry,
    plan_digest: str,
    run: str,
) -> tuple[Step, ...]:
    """The steps that have led an entry to the state in which it is; none for an entry of another
    owner.
    """
    if entry.tags.get(PLAN_TAG) != plan_digest:
        return ()
    reached = 0
    for place, state in enumerate(sequence_states(sequence, run)):
        # Two states may look alike, as before and after a proof: the later one counts, so that
        # nothing is left out of an undo.
        if matches(state, entry, plan_digest):
            reached = place
    # Another writer changed an entry that a run of this plan made: it is named, and stays.
    if reached == 0:
        return _until_created(sequence)
    return sequence[:reached]


def _until_created(sequence: Sequence) -> tuple[Step, ...]:
    """The steps to the one that makes the entry; none where the entry was there before."""
    for place, step in enumerate(sequence):
        if isinstance(step.effect, CreateEntry):
            return sequence[: place + 1]
    return ()


def _binding_stands(
    step: Step,
    bindings: Mapping[tuple[str | None, str], Binding],
    plan_digest: str,
    run: str,
) -> bool:
    """Whether the binding that a step makes is there with the labels of this plan and run."""
    effect = rendered(step.effect, run)
    if not isinstance(effect, CreateBridge | CreateBinding):
        return False
    # A bridge binds a ClusterRole for the whole cluster.
    namespace = None
    if isinstance(effect, CreateBinding):
        namespace = effect.namespace
    found = bindings.get((namespace, effect.binding_name))
    if found is None:
        return False
    if found.labels.get(MANAGED_BY_LABEL) != MANAGED_BY:
        return False
    if found.labels.get(PLAN_LABEL) != plan_label(plan_digest):
        return False
    return found.labels.get(RUN_LABEL) == run
