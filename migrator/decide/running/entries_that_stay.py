"""Entries that EKS made at the mode step and that shadow a row: what roll-back leaves as it is, and
why.

To undo an entry that EKS made, so that the row is in force again, roll-back would have to delete
it. What EKS made gives less than the row: the default username and no group (EKS user guide,
"Access entries", legacy cluster access). So an entry that a run completed stays completed, and one
that no run completed is named.
"""

from collections.abc import Iterable, Iterator, Mapping

from migrator.decide.planning.entries.automatic_entry import is_creators
from migrator.decide.running.automatic_entries import made_by_eks
from migrator.decide.running.progress import Progress, sequences_of
from migrator.decide.running.row_identity import groups_by_row
from migrator.decide.steps.entry_states import matches, sequence_states
from migrator.model.access_entry import AccessEntry
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import CreateEntry, DeleteEntry, EnableEntries, Sequence, Step


def begins_from_entry_of_eks(plan: Plan, sequence: Sequence) -> bool:
    """Whether a principal that had its access from a row has a sequence that changes an entry which
    is there already: without the entry's steps it would still shadow the row.
    """
    arn = sequence[0].principal_arn
    planned = next((each for each in plan.principals if each.principal_arn == arn), None)
    # A step about the cluster has no principal.
    if planned is None:
        return False
    # Without a row there is nothing to shadow.
    if planned.before.via != "config-map":
        return False
    return not any(isinstance(step.effect, CreateEntry | DeleteEntry) for step in sequence)


def why_completed_entry_stays(plan: Plan, arn: str) -> str:
    """Why the entry that a run completed is not restored to what EKS had made, and the way out."""
    return (
        f"EKS made the entry of {arn} at the mode step, and a run of this plan put the username "
        "and groups of its row on it. It stays as it is: as EKS made it, it would shadow the row "
        "without them. If the row is to answer again instead, delete the entry; the principal "
        f"then has what the row gives, and no longer what EKS gave: `{_delete(plan, arn)}`"
    )


def why_thin_entry_stays(plan: Plan, planned: PlannedPrincipal) -> str:
    """Why an entry that EKS made, and that no run completed, still shadows its row."""
    arn = planned.principal_arn
    ways = "Delete"
    # The plan completes standard entries only: it has none for a principal that it leaves out, and
    # EKS fixes username and groups of the node types (EKS API, CreateAccessEntry).
    if planned.entry is not None and planned.entry.type == "STANDARD":
        ways = f"Complete it: `migrate apply PLAN --only {arn}`. Or delete"
    return (
        f"EKS made the entry of {arn} at the mode step. It shadows the row and does not have all "
        f"of the row's username and groups. {ways} it, so that the row answers again: "
        f"`{_delete(plan, arn)}`"
    )


def _delete(plan: Plan, arn: str) -> str:
    """The command that deletes the entry of a principal."""
    cluster = plan.cluster
    return (
        f"aws eks delete-access-entry --cluster-name {cluster.name} --principal-arn {arn} "
        f"--region {cluster.region}"
    )


def rows_shadowed_by_eks(
    plan: Plan,
    progress: Progress,
    entries: Iterable[AccessEntry],
    data: Mapping[str, str] | None,
    plan_digest: str,
) -> Iterator[tuple[Step, str, str]]:
    """``(step, principal ARN, why)`` of rows that EKS's own entries shadow and that, by this
    journal, no run of the plan has completed.

    ``data`` is the live ConfigMap's: where no row admits a principal, no row is shadowed.
    """
    found = {entry.principal_arn: entry for entry in entries}
    sequences = sequences_of(plan, progress)
    for planned in plan.principals:
        arn = planned.principal_arn
        entry = found.get(arn)
        if entry is None:
            continue
        if planned.before.via != "config-map":
            continue
        sequence = sequences.get(arn, ())
        # EKS made the entry of a principal without steps at the mode step.
        step = sequence[0] if sequence else _mode_step(plan)
        if step is None:
            continue
        if groups_by_row(data, arn) is None:
            continue
        if _completed_elsewhere(plan, planned, sequence, entry):
            yield step, arn, why_completed_entry_stays(plan, arn)
        elif _as_eks_made_it(plan, progress, planned, entry, plan_digest):
            yield step, arn, why_thin_entry_stays(plan, planned)


def _mode_step(plan: Plan) -> Step | None:
    """The step that leaves CONFIG_MAP mode; None in a plan that was made after it."""
    for step in plan.steps:
        if isinstance(step.effect, EnableEntries):
            return step
    return None


def _as_eks_made_it(
    plan: Plan,
    progress: Progress,
    planned: PlannedPrincipal,
    entry: AccessEntry,
    plan_digest: str,
) -> bool:
    """Whether the entry is as EKS made it, without the username and groups of the row."""
    sequence = sequences_of(plan, progress).get(planned.principal_arn, ())
    changes = [step for step in sequence if step.undo is not None]
    if not changes:
        # The entry that EKS makes is all that the plan wants, unless it leaves the principal out.
        if planned.action != "skip":
            return False
        if plan.cluster.authentication_mode != "CONFIG_MAP":
            return False
        return is_creators(entry)
    if isinstance(sequence[0].effect, CreateEntry):
        # EKS's entry of a managed node group gives a node what its row gave.
        if entry.type != "STANDARD":
            return False
        return made_by_eks(entry, sequence[0], plan, progress.automatic)
    if not begins_from_entry_of_eks(plan, sequence):
        return False
    before = sequence_states(sequence, progress.run or "")[sequence.index(changes[0])]
    return matches(before, entry, plan_digest)


def _completed_elsewhere(
    plan: Plan,
    planned: PlannedPrincipal,
    sequence: Sequence,
    entry: AccessEntry,
) -> bool:
    """Whether a run from another state folder completed the entry: it has no tag of ours, for EKS
    made it, and has what the plan wants besides EKS's own policy.
    """
    wanted = planned.entry
    if wanted is None:
        return False
    if plan.cluster.authentication_mode != "CONFIG_MAP":
        return False
    # EKS sets no tags, and to complete an entry adds none.
    if entry.tags:
        return False
    if not sequence or not isinstance(sequence[0].effect, CreateEntry):
        return False
    # What EKS gives the creator of a cluster (EKS user guide, "Access entries").
    given = {policy.policy_name for policy in entry.access_policies}
    if "AmazonEKSClusterAdminPolicy" not in given:
        return False
    if (entry.type, entry.username) != (wanted.type, wanted.username):
        return False
    return set(entry.kubernetes_groups) == set(wanted.kubernetes_groups)
