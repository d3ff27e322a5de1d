"""Back to the state before: delete what runs of the plan made, restore what they changed. Possible
until the cut-over.

Each deletion waits for a look at aws-auth: where a row no longer gives a principal what it had, its
entry stays and the outcome says so. The mode step is one-way, and entries that EKS made stay: where
one shadows a row, the outcome names it.
"""

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace

from migrator.decide.running.actions import RunRequest
from migrator.decide.running.entries_that_stay import rows_shadowed_by_eks
from migrator.decide.running.leftovers import what_stands
from migrator.decide.running.progress import ROLL_BACK, Progress
from migrator.decide.running.proposals import roll_back_proposal
from migrator.decide.running.source_differences import row_difference
from migrator.decide.running.unfinished import asked_to_undo, still_to_undo, undone_steps
from migrator.errors import Interrupted, MigratorError, Refused
from migrator.model.outcome import TO_BE_UNDONE, RunOutcome, StepOutcome
from migrator.model.plan import Plan
from migrator.model.step import CreateEntry, Step
from migrator.run.begin_run import (
    RunPorts,
    all_entries,
    begun_run,
    observed_at_start,
    progress_in,
    refuse_other_cluster,
    refuse_rehearsing,
    row_check,
    run_id_for,
    wait_until_updated,
)
from migrator.run.drive import drive
from migrator.run.hold_cluster import HeldCluster, hold_cluster
from migrator.run.look_again import SourceReader, rows_changed
from migrator.run.one_run import OneRun, RunSettings
from migrator.run.own_entry import OwnEntry
from migrator.run.read_leftovers import with_bridges


@dataclass(frozen=True, slots=True)
class RollBackOptions:
    """``only``: these principals; bindings stay then. ``max_rate``: writes per second."""

    only: tuple[str, ...] = ()
    max_rate: float | None = None


DEFAULTS = RollBackOptions()


class _Rows:
    """The looks at aws-auth before entries are deleted; ``answered``: whose row gave what they had
    before the run.
    """

    def __init__(self, check: Callable[[str], bool]) -> None:
        self.answered: set[str] = set()
        self._check = check

    def give_before(self, principal_arn: str) -> bool:
        """Whether the row, read now, gives a principal what it had."""
        gives = self._check(principal_arn)
        if gives:
            self.answered.add(principal_arn)
        return gives


def roll_back(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    options: RollBackOptions = DEFAULTS,
) -> RunOutcome:
    """Undo what runs of the plan did.

    Exit code 0: what was asked for is undone. 7: a bridge of any run is still there. 4: something
    stays, because to undo it would take access from a principal, or because EKS made it. 5: another
    writer changed an entry meanwhile. Else the error's.

    Raises ``Refused``: ``no-way-back`` after the cut-over, another cluster, locked, not confirmed.
    """
    with hold_cluster(ports, ROLL_BACK, plan_digest) as held:
        own = OwnEntry(plan, plan_digest, held, ROLL_BACK)
        try:
            return _roll_back(plan, plan_digest, held, own, options)
        except MigratorError as error:
            if own.run is None:
                raise
            # The same command continues: its end is not journaled.
            progress = progress_in(ports.store.journal(), plan, plan_digest)
            left = _left_with_reasons(plan, progress, options.only)
            return _outcome(plan, progress, ports, left, error)


def _roll_back(
    plan: Plan,
    plan_digest: str,
    held: HeldCluster,
    own: OwnEntry,
    options: RollBackOptions,
) -> RunOutcome:
    """Roll back under the cluster's lock."""
    ports, chain = held.ports, held.chain
    # To delete entries while the mode becomes API would leave their principals without access.
    wait_until_updated(plan, ports, "the cluster is being updated, and its mode may change")
    snapshot = own.read_snapshot(options.only)
    refuse_other_cluster(plan, snapshot)
    if snapshot.cluster.authentication_mode == "API":
        raise Refused(
            "no-way-back",
            "The cluster is in API mode: there is no way back to aws-auth.",
            why="EKS never asks the ConfigMap again.",
            remedy="Entries can still be created and changed; the backup of aws-auth in the "
            "state says what "
            "each principal had.",
        )
    progress = progress_in(ports.store.journal(), plan, plan_digest)
    refuse_rehearsing(progress)
    begun = begun_run(ports.store, plan_digest)
    run_id = run_id_for(plan, progress, snapshot, plan_digest, ports.entropy, begun=begun)
    forgotten = what_stands(plan, progress, snapshot, plan_digest, run_id)
    rows = _Rows(row_check(plan, ports.config_maps, ports.mode))
    settings = RunSettings(
        max_rate=options.max_rate,
        row_gives_before=rows.give_before,
        difference_of=SourceReader(plan, ports).difference,
    )
    run_request = RunRequest(plan_digest, frozenset(options.only) or None, back=True)
    run = OneRun(
        plan,
        ports,
        run_request,
        progress,
        observed_at_start(plan, ports, snapshot, chain),
        settings,
    )
    if not still_to_undo(plan, progress) and not forgotten:
        outcome = _outcome(plan, progress, ports, (), None)
        # Everything was undone before the last roll-back could say that it ended.
        if progress.going_back:
            run.journal.end(outcome.exit_code)
        return _ended(plan, plan_digest, progress, outcome, ports, options)
    undone = asked_to_undo(
        plan, progress, (*still_to_undo(plan, progress), *forgotten), options.only
    )
    # A roll-back that has nothing of these principals to undo does not begin: a finished
    # migration stays finished.
    if not undone and progress.command != ROLL_BACK:
        return with_bridges(plan, _outcome(plan, progress, ports, (), None), ports)
    if undone:
        ports.approver.show(roll_back_proposal(plan, undone))
        ports.approver.confirm(f"Roll back on cluster {plan.cluster.name}?")
    run.journal.start(
        ROLL_BACK,
        run=run_id,
        plan_digest=plan_digest,
        caller=chain[-1],
        only=options.only,
    )
    for step in forgotten:
        run.record(step.id, "adopted", {"why": "it is there, and the journal does not tell"})
    outcome = _go(run, ports, rows)
    return _ended(plan, plan_digest, run.progress, outcome, ports, options)


def _go(run: OneRun, ports: RunPorts, rows: _Rows) -> RunOutcome:
    """Undo the steps and end the run in the journal; an error is part of the outcome."""
    error: MigratorError | None = None
    left: tuple[tuple[Step, str], ...] | None = None
    try:
        left = drive(run).left
        error = _rows_changed_meanwhile(run, ports, rows.answered, is_done=not left)
    except MigratorError as stopped:
        error = stopped
    except KeyboardInterrupt:
        error = Interrupted(
            "interrupted", "Stopped on the way.", remedy="The same command continues from here."
        )
    if left is None:
        left = _not_reached(run)
    outcome = _outcome(run.plan, run.progress, ports, left, error)
    run.journal.end(outcome.exit_code)
    return outcome


def _not_reached(run: OneRun) -> tuple[tuple[Step, str], ...]:
    """What was asked for and is still to be undone where an error stopped the run, as a status has
    it.
    """
    return _left_with_reasons(run.plan, run.progress, tuple(run.state.run_request.only or ()))


def _left_with_reasons(
    plan: Plan, progress: Progress, only: tuple[str, ...]
) -> tuple[tuple[Step, str], ...]:
    """What was asked for and is still to be undone, each with the reason that is known."""
    asked = asked_to_undo(plan, progress, still_to_undo(plan, progress), only)
    return tuple((step, progress.of(step.id).held or TO_BE_UNDONE) for step in asked)


def _rows_changed_meanwhile(
    run: OneRun,
    ports: RunPorts,
    answered: Set[str],
    *,
    is_done: bool,
) -> MigratorError | None:
    """The error that names principals whose row gave what they had when this run looked, and no
    longer does: between that look and the deletion of the entry, an edit can go unseen.
    """
    deleted = {
        step.principal_arn
        for step in run.plan.steps
        if isinstance(step.effect, CreateEntry) and run.progress.of(step.id).status == "undone"
    }
    if not answered & deleted:
        return None
    data = SourceReader(run.plan, ports).rows_now()
    found = (
        row_difference(data, each)
        for each in run.plan.principals
        if each.principal_arn in answered & deleted
    )
    return rows_changed((each for each in found if each is not None), is_done=is_done)


def _ended(
    plan: Plan,
    plan_digest: str,
    progress: Progress,
    outcome: RunOutcome,
    ports: RunPorts,
    options: RollBackOptions,
) -> RunOutcome:
    """The outcome with what was found in the cluster at the end."""
    shown = _with_shadowed_rows(plan, plan_digest, progress, outcome, ports, options)
    return with_bridges(plan, shown, ports)


def _with_shadowed_rows(
    plan: Plan,
    plan_digest: str,
    progress: Progress,
    outcome: RunOutcome,
    ports: RunPorts,
    options: RollBackOptions,
) -> RunOutcome:
    """The outcome of a roll-back: not 0 while an entry that EKS made shadows a row."""
    if outcome.error is not None:
        return outcome
    try:
        live = ports.config_maps.read()
        data = None
        if live is not None:
            data = dict(live.get("data") or {})
        entries = all_entries(ports.reader)
    except MigratorError as error:  # an unknown is not 0
        why = f"not known: whether an entry of EKS's own shadows a row ({error.message})"
        return replace(outcome, exit_code=outcome.exit_code or 1, leftovers=(why,))
    named = {each.principal_arn for each in outcome.left}
    left: list[StepOutcome] = []
    for step, arn, why in rows_shadowed_by_eks(plan, progress, entries, data, plan_digest):
        # Another line says already why this one is left.
        if arn in named:
            continue
        if options.only and arn not in options.only:
            continue
        left.append(StepOutcome(step.id, step.effect.kind, arn, why))
    if not left:
        return outcome
    return replace(
        outcome, exit_code=4, total=outcome.total + len(left), left=(*outcome.left, *left)
    )


def _outcome(
    plan: Plan,
    progress: Progress,
    ports: RunPorts,
    left_steps: Iterable[tuple[Step, str]],
    error: MigratorError | None,
) -> RunOutcome:
    """What was undone and what is left, each with its reason. Exit code 4 where entries stay in
    place.
    """
    still = {step.id for step in still_to_undo(plan, progress)}
    undone = len(undone_steps(plan, progress))
    left = tuple(
        StepOutcome(step.id, step.effect.kind, step.principal_arn, why)
        for step, why in left_steps
        # What was never done is not left to be undone.
        if step.id in still
    )
    exit_code = 0
    if left:
        exit_code = 4
    if error is not None:
        exit_code = error.exit_code
    return RunOutcome(  # what was not asked for is no part of it
        ROLL_BACK,
        progress.run or "",
        exit_code,
        undone,
        undone + len(left),
        left,
        error=error,
        state=ports.store.location,
    )
