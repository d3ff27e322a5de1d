"""Apply a plan: one-way mode step, entries in proven order, each journaled, each undone when its
proof fails.

The same call resumes: what is seen decides what happened to a step that was started. Nothing here
decides the next step; see :mod:`migrator.decide.running.next_action`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from migrator.decide.running.actions import Finished, RunRequest
from migrator.decide.running.changes import surprising_entries
from migrator.decide.running.gates import in_force
from migrator.decide.running.progress import APPLY, ROLL_BACK, SETTLED, Progress, refusal_of
from migrator.decide.running.proposals import apply_proposal, writes_left
from migrator.decide.running.second_admin import GATE as SECOND_ADMIN
from migrator.decide.running.second_admin import admins_to_prove, second_admin
from migrator.decide.running.source_differences import (
    CHANGED_CODES,
    Difference,
    added_rows,
    one_each,
)
from migrator.decide.running.waiting import LONG_AGO, STALE_READ_TIMEOUT, moment
from migrator.errors import Changed, Interrupted, MigratorError, WrongUse
from migrator.model.decision import Acceptance, CreatorAnswer
from migrator.model.files.plan import encode_plan
from migrator.model.outcome import NOT_ASKED_FOR, RunOutcome, StepOutcome
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.run.begin_run import (
    RunPorts,
    all_entries,
    back_up,
    begun_run,
    note_run,
    observed_at_start,
    progress_in,
    refuse_blocked,
    refuse_changed,
    refuse_going_back,
    refuse_other_cluster,
    refuse_rehearsing,
    refuse_unannounced,
    refuse_without_entries,
    row_check,
    run_id_for,
)
from migrator.run.break_glass import look_at_break_glass
from migrator.run.denied_caller import explained
from migrator.run.drive import POLL, drive
from migrator.run.entries_beyond_rows import with_entries_beyond_rows
from migrator.run.hold_cluster import HeldCluster, hold_cluster
from migrator.run.look_again import (
    SourceReader,
    binding_differences,
    changed_since,
    differences_now,
    entry_differences,
)
from migrator.run.may_write import refuse_without_bindings, refuse_without_iam
from migrator.run.one_run import OneRun, RunSettings
from migrator.run.own_entry import OwnEntry
from migrator.run.prove_principal import prove_admin, shown_before
from migrator.run.read_leftovers import with_bridges
from migrator.run.what_was_begun import with_what_was_begun


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """``only``: these principals; ``mode_only``: what comes before any principal, the one-way mode
    step with it. ``max_rate``: writes per second; ``keep_going``: a failed proof does not stop the
    others. ``abandon_rollback``: go forward although a roll-back was started and did not finish.
    ``waive_verification`` and ``waive_gates`` come from decisions.yaml.
    """

    only: tuple[str, ...] = ()
    mode_only: bool = False
    max_rate: float | None = None
    keep_going: bool = False
    abandon_rollback: bool = False
    waive_verification: Mapping[str, Acceptance] = field(default_factory=dict)
    waive_gates: Mapping[str, Acceptance] = field(default_factory=dict)
    creator: CreatorAnswer | None = None

    @property
    def principals(self) -> frozenset[str] | None:
        """The principals of the run; None: all."""
        return frozenset() if self.mode_only else frozenset(self.only) or None


def apply_plan(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    options: ApplyOptions = ApplyOptions(),
) -> RunOutcome:
    """Apply, or continue to apply. Before anything is written it raises ``Blocked`` (3),
    ``Refused`` (4: another cluster, locked), ``Changed`` (5) or ``WrongUse``; what stops it later
    is in the outcome's ``error``.
    """
    refuse_blocked(plan)
    _refuse_unknown(plan, options.only)
    with hold_cluster(ports, APPLY, plan_digest) as held:
        own = OwnEntry(plan, plan_digest, held, APPLY, abandon_rollback=options.abandon_rollback)
        try:
            outcome = _apply(plan, plan_digest, held, own, options)
        except MigratorError as error:
            if own.run is None:
                raise
            outcome = _ended_after(own.run, held.ports, error)
        outcome = with_what_was_begun(plan, plan_digest, outcome, held.ports.store)
        return with_bridges(plan, outcome, held.ports)


def _apply(
    plan: Plan,
    plan_digest: str,
    held: HeldCluster,
    own: OwnEntry,
    options: ApplyOptions,
) -> RunOutcome:
    """Apply under the cluster's lock: compare with the cluster that was read afresh, then start or
    continue the run. Nothing is written before every refusal has been asked.
    """
    ports, chain = held.ports, held.chain
    snapshot = own.read_snapshot()
    refuse_other_cluster(plan, snapshot)
    progress = progress_in(ports.store.journal(), plan, plan_digest)
    refuse_rehearsing(progress, snapshot)
    refuse_without_entries(plan, snapshot)
    if not options.abandon_rollback:
        refuse_going_back(progress, plan)
    # Where a roll-back was the last command, this one is journaled although it changes nothing.
    if _all_settled(plan, progress) and progress.command != ROLL_BACK:
        observed = observed_at_start(plan, ports, snapshot, chain)
        finished = drive(
            OneRun(plan, ports, RunRequest(plan_digest), progress, observed)
        )  # only looks: is it still so?
        error = changed_since(plan, differences_now(plan, plan_digest, progress, ports, snapshot))
        outcome = outcome_of(plan, progress, ports, finished, error)
        return with_entries_beyond_rows(plan, outcome, ports, progress.automatic, options.creator)
    begun = begun_run(ports.store, plan_digest)
    run_id = run_id_for(plan, progress, snapshot, plan_digest, ports.entropy, begun=begun)
    refuse_changed(
        plan,
        plan_digest,
        snapshot,
        progress,
        ports.basis_of,
        begun=run_id if begun else None,
    )
    if not any(progress.of(step.id).status in SETTLED for step in plan.steps):
        # Later the cluster differs from the one on which the plan's access was compared: bridges
        # were made and removed.
        refuse_unannounced(plan, snapshot)
    refuse_without_bindings(plan, progress, ports.reviewers, chain[-1])
    _ask(plan, ports, options, snapshot, progress)
    run = _start(
        plan,
        plan_digest,
        ports,
        options,
        snapshot,
        progress,
        chain,
        run_id,
    )
    return _go(run, ports, options, chain)


def _ended_after(run: OneRun, ports: RunPorts, error: MigratorError) -> RunOutcome:
    """The outcome of a run that deleted the caller's own entry, and did no more."""
    progress = progress_in(ports.store.journal(), run.plan, run.digest)
    outcome = outcome_of(run.plan, progress, ports, Finished(), error)
    run.journal.end(outcome.exit_code)
    return outcome


def _ask(
    plan: Plan,
    ports: RunPorts,
    options: ApplyOptions,
    snapshot: Snapshot,
    progress: Progress,
) -> None:
    """Ask IAM about what is about to be written, show it, and ask the operator. Raises ``Blocked``
    where IAM refuses a step, ``Refused`` without a yes.
    """
    mode = snapshot.cluster.authentication_mode
    writes = writes_left(plan, progress, options.principals, mode)
    if not writes:
        return
    rights = writes
    # The round of the mode step alone is one-way, too: what comes after it is asked about now.
    if options.mode_only:
        rights = writes_left(plan, progress, None, mode)
    unknown = refuse_without_iam(plan, rights, ports.own_permissions)
    if unknown:
        ports.events.say("info", unknown, event="not-read")
    ports.approver.show(apply_proposal(plan, writes))
    ports.approver.confirm(f"Apply this to cluster {plan.cluster.name}?")


def _refuse_unknown(plan: Plan, only: tuple[str, ...]) -> None:
    """Raises ``WrongUse`` for an ARN of ``--only`` that the plan does not have: it would leave a
    principal out without a word.
    """
    known = {p.principal_arn for p in plan.principals}
    for arn in only:
        if arn not in known:
            raise WrongUse(
                "principal-not-in-plan",
                f"The plan has no principal {arn}.",
                remedy="Give the ARN as `migrate show PLAN` prints it.",
            )


def _all_settled(plan: Plan, progress: Progress) -> bool:
    """Whether every step is done or adopted: then the run only looks whether that is still so."""
    return all(progress.of(step.id).status in SETTLED for step in plan.steps)


def _start(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    options: ApplyOptions,
    snapshot: Snapshot,
    progress: Progress,
    chain: tuple[str, ...],
    run_id: str,
) -> OneRun:
    sources = SourceReader(plan, ports, snapshot)
    sources.read_ids()
    ports.store.write("plan.json", encode_plan(plan))
    note_run(ports.store, plan_digest, run_id)
    files = back_up(ports.store, ports.reader, ports.config_maps, snapshot, run_id)
    check = row_check(plan, ports.config_maps, ports.mode)
    run_request = RunRequest(plan_digest, options.principals, options.keep_going)
    run = OneRun(
        plan,
        ports,
        run_request,
        progress,
        observed_at_start(plan, ports, snapshot, chain),
        RunSettings(
            waived_proofs=options.waive_verification,
            max_rate=options.max_rate,
            difference_of=sources.difference,
            row_gives_before=check,
            list_entries=lambda: all_entries(ports.reader),
            after_mode_step=lambda run: _look_at_automatic_entries(run, ports),
        ),
    )
    run.journal.start(APPLY, run=run_id, plan_digest=plan_digest, caller=chain[-1])
    run.journal.backed_up(files)
    waivers = in_force(options.waive_gates, ports.clock.now())
    callers = run.state.observed.callers
    proven = second_admin(plan, run.progress, callers, {})
    waiver = waivers.get(SECOND_ADMIN)
    if not proven and waiver is not None and callers:
        run.record(None, "waived", {"gate": SECOND_ADMIN, "by": f"{waiver.by}: {waiver.reason}"})
    run.see(
        second_admin=proven or second_admin(plan, run.progress, callers, waivers),
        shown=shown_before(plan, ports.store, snapshot, ports.clock.now()),
    )
    return run


def _look_at_automatic_entries(run: OneRun, ports: RunPorts) -> None:
    """All entries, right after the mode step. Raises ``Changed`` for an unexpected one."""
    found = {entry.principal_arn: entry for entry in all_entries(ports.reader)}
    surprises = surprising_entries(run.plan, found.values(), run.digest)
    if surprises:
        raise Changed(
            "unexpected-entries",
            "After the mode step there are access entries that the plan does not know.",
            why="; ".join(surprises),
            remedy="Plan again: the new plan starts from what is there.",
        )
    for arn, entry in found.items():
        run.see_entry(arn, entry)


def _go(
    run: OneRun,
    ports: RunPorts,
    options: ApplyOptions,
    chain: tuple[str, ...],
) -> RunOutcome:
    """Carry the steps out and end the run in the journal. An error is part of the outcome, with
    what was reached before it.
    """
    error: MigratorError | None = None
    finished = Finished()
    try:
        finished = _drive_to_the_end(run, ports, options, chain)
        error = _last_look(run, ports)
    except MigratorError as stopped:
        error = explained(stopped, ports.reader)
    except KeyboardInterrupt:
        error = Interrupted(
            "interrupted",
            "Stopped on the way.",
            remedy="The same command continues from here; nothing is lost.",
        )
    outcome = with_entries_beyond_rows(
        run.plan,
        outcome_of(run.plan, run.progress, ports, finished, error),
        ports,
        run.progress.automatic,
        options.creator,
    )
    run.journal.end(outcome.exit_code)
    return outcome


def _last_look(run: OneRun, ports: RunPorts) -> MigratorError | None:
    """Rows, unique ids and entries of all principals once more: what changed during the run.

    Principals whose sequence ended for such a change come first. A read of EKS may lag behind the
    run's own last writes: an entry that differs is read again for as long as that can be.
    """
    given_up: list[Difference] = []
    for key, sequence in run.plan.sequences.items():
        state = refusal_of(sequence, run.progress)
        if state is None:
            continue
        if state.effect.get("code") in CHANGED_CODES:
            message = str(state.effect.get("message", ""))
            given_up.append(Difference(str(state.effect["code"]), key, message))
    sources = SourceReader(run.plan, ports)
    data = sources.rows_now()
    found = (*sources.all_differences(data), *added_rows(run.plan, data))
    until = LONG_AGO
    for state in run.progress.states.values():
        until = max(until, moment(state.at) or LONG_AGO)
    while True:
        there = all_entries(ports.reader)
        entries = entry_differences(run.plan, run.progress, there, run.digest)
        # A read of EKS may be older than the last write of this run.
        may_be_stale = run.now() < until + STALE_READ_TIMEOUT
        if entries and may_be_stale:
            run.pause(POLL)
            continue
        bindings = binding_differences(run.plan, run.progress, there, ports.rbac)
        return changed_since(run.plan, one_each(run.plan, given_up, (*found, *entries, *bindings)))


def _drive_to_the_end(
    run: OneRun,
    ports: RunPorts,
    options: ApplyOptions,
    chain: tuple[str, ...],
) -> Finished:
    """Drive the run. Where only the operator's own principal is left because no second admin is
    proven, try to prove one; then try to show that the break-glass principal can make its entry.
    """
    finished = drive(run)
    observed = run.state.observed
    if observed.second_admin:
        return finished
    if not any(step.principal_arn in observed.callers for step, _ in finished.left):
        return finished
    for arn in admins_to_prove(run.plan, observed.callers):
        shown = prove_admin(run, arn)
        if shown:
            run.see(second_admin=shown)
            return drive(run)
    waivers = in_force(options.waive_gates, ports.clock.now())
    found = second_admin(run.plan, run.progress, observed.callers, waivers)
    if not found:
        found = _shown_break_glass(run.plan, ports, chain)
    run.see(second_admin=found)
    if not found:
        return finished
    return drive(run)


def _shown_break_glass(plan: Plan, ports: RunPorts, chain: tuple[str, ...]) -> str:
    """The break-glass principal, where it was shown that it can make its entry; else empty."""
    glass = look_at_break_glass(plan, ports.permissions, chain)
    if glass is None:
        return ""
    ports.events.say("info" if glass.shown else "warn", str(glass), event="break-glass")
    if not glass.shown:
        return ""
    return str(glass)


def outcome_of(
    plan: Plan,
    progress: Progress,
    ports: RunPorts,
    finished: Finished,
    error: MigratorError | None,
) -> RunOutcome:
    """The outcome as a value, and its exit code: 0 every step of the plan is done and proven; 1 a
    principal was refused; 6 a proof failed; 7 not finished, the same command continues it (a later
    observation gives the proof, or ``--only`` left principals out); else the error's own.
    """
    sequences = plan.sequences
    refused = {
        key: (str(state.effect.get("code", "")), str(state.effect.get("message", "")))
        for key, sequence in sequences.items()
        if (state := refusal_of(sequence, progress)) is not None
    }
    outstanding = tuple(
        (step.principal_arn or step.id, str(progress.of(step.id).effect.get("why", "")))
        for step in plan.steps
        if progress.of(step.id).status == "deferred"
    )
    outcome = RunOutcome(
        command=APPLY,
        run=progress.run or "",
        exit_code=0,
        done=sum(progress.of(step.id).status in SETTLED for step in plan.steps),
        total=len(plan.steps),
        left=tuple(
            StepOutcome(s.id, s.effect.kind, s.principal_arn, why) for s, why in finished.left
        ),
        refused=tuple((key, message) for key, (_, message) in refused.items()),
        outstanding=outstanding,
        error=error,
        state=ports.store.location,
    )
    return replace(outcome, exit_code=_exit_code(outcome, {code for code, _ in refused.values()}))


def _exit_code(outcome: RunOutcome, codes: set[str]) -> int:
    """The exit code of a run: that of its error, else the worst reason for which a principal was
    given up. ``codes`` are those reasons.
    """
    if outcome.error is not None:
        return outcome.error.exit_code
    if codes & CHANGED_CODES:
        return 5
    if "proof-failed" in codes:
        return 6
    if codes:
        return 1
    if _has_unexplained(outcome):
        return 6
    # A principal that is not proven yet is no end: the same command continues when it can be
    # proven. Neither is a principal that was not asked for: the plan is not applied yet.
    if outcome.outstanding or outcome.left:
        return 7
    return 0


def _has_unexplained(outcome: RunOutcome) -> bool:
    """Whether a step of a principal is left that was asked for and waits for no proof."""
    waiting = {arn for arn, _ in outcome.outstanding}
    for step in outcome.left:
        if step.why == NOT_ASKED_FOR:
            continue
        # A step about the cluster waits for the principals that it serves.
        if step.principal_arn is None:
            continue
        if step.principal_arn not in waiting:
            return True
    return False
