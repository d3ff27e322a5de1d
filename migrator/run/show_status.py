"""The state of a migration: the journal, and the cluster as it is read now. What is not known is
shown as unknown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from migrator.decide.planning.stubs import stubs_for
from migrator.decide.reach.opened_endpoint import describe_opening, is_left, with_killed
from migrator.decide.running.actions import (
    Action,
    Adopt,
    Do,
    Finished,
    GiveUp,
    LeaveInPlace,
    Observed,
    ReadFirst,
    Refuse,
    RunRequest,
    RunState,
    TakeOver,
    Undo,
    Wait,
    run_state,
)
from migrator.decide.running.automatic_entries import automatic_in
from migrator.decide.running.changes import entries_astray, kept_entries_astray
from migrator.decide.running.cluster_leftovers import plan_made_elsewhere, runs_seen
from migrator.decide.running.dead_entries import dead_entries, principals_to_read
from migrator.decide.running.entries_that_stay import rows_shadowed_by_eks
from migrator.decide.running.next_action import next_actions
from migrator.decide.running.progress import (
    CUT_OVER,
    REHEARSE,
    RETIRE,
    ROLL_BACK,
    SETTLED,
    Progress,
    records_of,
    refusal_of,
)
from migrator.decide.running.source_differences import row_differences
from migrator.decide.running.undo_step import kept_for_withdrawal
from migrator.decide.running.unfinished import (
    begun_beside_roll_back,
    command_to_continue,
    image_of_rehearsals,
    is_rolled_back,
    is_rolled_back_in_part,
    left_of_roll_back,
    rehearsal_to_repeat,
)
from migrator.errors import MigratorError, assert_never
from migrator.model.access_entry import AccessEntry
from migrator.model.cluster_lock import LockSeen, describe_lock
from migrator.model.decision import CreatorAnswer
from migrator.model.files.snapshot import access_entry, iam_principal
from migrator.model.journal import Journal
from migrator.model.leftover import Leftover
from migrator.model.opened_endpoint import Opening
from migrator.model.outcome import (
    DECIDE_FINDINGS,
    DO_WHAT_FINDINGS_SAY,
    MAKE_A_PLAN,
    TO_BE_UNDONE,
    StatusOutcome,
    StepOutcome,
)
from migrator.model.plan import Plan
from migrator.model.principal import IamPrincipal
from migrator.model.step import BRIDGE_BINDING, BRIDGE_GROUP, Step
from migrator.ports import (
    AuthMode,
    Clock,
    ClusterLock,
    ClusterObjects,
    ClusterReader,
    ConfigMaps,
    Principals,
    Rbac,
    StateStore,
    TaskRunner,
)
from migrator.run.begin_run import progress_in
from migrator.run.entries_beyond_rows import entries_beyond_rows
from migrator.run.look_again import binding_differences
from migrator.run.open_endpoint import openings_now
from migrator.run.read_leftovers import OwnObjects, TimerReads, own_objects
from migrator.run.read_principals import read_principals
from migrator.run.what_was_begun import is_verified

_UNNAMED_BRIDGE = (BRIDGE_BINDING.format(run=""), BRIDGE_GROUP.format(run=""))


@dataclass(frozen=True, slots=True)
class StatusPorts:
    """What a status needs; it writes nothing. ``mode`` is None where the cluster cannot be asked at
    all, ``reader`` where its entries are not compared here; ``rbac`` and ``lock`` where leftovers
    and locks are not looked for; ``principals`` and ``tasks``, which ask about several principals
    in parallel, where dead entries are not looked for; ``config_maps`` where the rows of aws-auth
    are not compared; ``objects`` where the timer of a rehearsal is not read.
    ``runs`` says whether a process of this machine runs, by its mark. ``unreached``: why no way to
    the API server could be made at all; then its ports are not here.
    """

    store: StateStore
    clock: Clock
    mode: AuthMode | None
    reader: ClusterReader | None = None
    rbac: Rbac | None = None
    lock: ClusterLock | None = None
    principals: Principals | None = None
    tasks: TaskRunner | None = None
    config_maps: ConfigMaps | None = None
    objects: ClusterObjects | None = None
    runs: Callable[[str], bool | None] = lambda _: None
    unreached: str = ""


def show_status(
    cluster: str,
    ports: StatusPorts,
    plan: Plan | None = None,
    plan_digest: str | None = None,
    creator: CreatorAnswer | None = None,
) -> StatusOutcome:
    """Status of a cluster, by its plan if there is one.

    Exit code 5 where entries are no longer as they were left, or rows of aws-auth no longer as the
    plan has them; 1 where something is unknown or an entry of the plan's principals is dead; 3 for
    a plan with blocking findings; 7 where anything is left to do or to prove: a step or a proof, a
    command that was interrupted, a leftover, an entry that EKS made and that gives more than its
    row did; else 0. ``creator``: what a person answered about such an entry.

    Raises ``Failed("journal-damaged")``.
    """
    unknown: list[str] = []
    asked = _mode_and_status(ports, unknown)
    journal = ports.store.journal()
    seen = _seen_in_cluster(ports, unknown)
    openings = with_killed(openings_now(ports.reader, ports.store), ports.runs)
    if plan is None or plan_digest is None:
        found = _without_plan(cluster, ports, journal, asked, unknown, seen)
        return _with_openings(found, openings, ports.clock.now())
    beyond = _beyond_rows(plan, journal, ports, unknown, seen, creator)
    found = _of_plan(
        plan,
        plan_digest,
        ports,
        journal,
        asked,
        unknown,
        seen,
    )
    if beyond:
        found = replace(found, left=(*found.left, *beyond))
        # What is worse, or left to do before, keeps its exit code and its advice.
        if found.exit_code == 0:
            found = replace(
                found,
                next="answer `creator`, or remove the policy (see Left)",
                exit_code=7,
            )
    # What a run left and no run under way made is unfinished work, whatever the journal here says:
    # also what this plan's own last run left, which ended before it could delete it.
    is_left_over = any(not each.locked_by for each in seen.leftovers)
    if found.exit_code == 0 and is_left_over:
        found = replace(
            found,
            next="settle what is left over (see Leftover)",
            exit_code=7,
        )
    found = _with_openings(found, openings, ports.clock.now())
    return replace(
        found,
        locks=seen.locks,
        state_lock=ports.store.lock_owner(),
        leftovers=seen.leftovers,
    )


def _with_openings(
    found: StatusOutcome, openings: Sequence[Opening], now: datetime
) -> StatusOutcome:
    """The status with the addresses that commands added to the public endpoint. One that is
    overdue, or whose process was killed, is left to do.
    """
    opened = tuple(describe_opening(each, now) for each in openings)
    overdue = tuple(describe_opening(each, now) for each in openings if is_left(each, now))
    found = replace(found, opened=opened, overdue=overdue)
    if overdue and found.exit_code == 0:
        return replace(found, next="close the endpoint (see Opened)", exit_code=7)
    return found


def _mode_and_status(ports: StatusPorts, unknown: list[str]) -> tuple[str | None, str | None]:
    """The cluster's mode and status; None where they cannot be read, with the reason in
    ``unknown``.
    """
    if ports.mode is None:
        unknown.append("the cluster was not asked")
        return None, None
    try:
        return ports.mode.read()
    except MigratorError as error:
        unknown.append(f"mode and status of the cluster: {error.message}")
        return None, None


def _without_plan(
    cluster: str,
    ports: StatusPorts,
    journal: Journal,
    asked: tuple[str | None, str | None],
    unknown: list[str],
    seen: "_SeenInCluster",
) -> StatusOutcome:
    """The status of a cluster without a plan: how far anything came is unknown."""
    if journal:
        unknown.append("which plan the journal belongs to")
    else:
        unknown.append("there is no plan")
    runs = () if journal or seen.own is None else runs_seen(seen.own.entries)
    advice = MAKE_A_PLAN
    # A new plan would not know what that run has started (its plan is in its folder).
    if runs:
        unknown.append(f"how far it is: another state folder has this run ({', '.join(runs)})")
        advice = "name the state folder of that run (--state-dir)"
    mode, status = asked
    started: Mapping[str, Any] = {}
    for record in journal:
        if record.event == "run-started":
            started = record.effect
    return StatusOutcome(
        cluster=cluster,
        mode=mode,
        cluster_status=status,
        plan_digest=None,
        run=started.get("run"),
        command=started.get("command"),
        done=0,
        total=0,
        next=advice,
        unknown=tuple(unknown),
        exit_code=1,
        state=ports.store.location,
        locks=seen.locks,
        state_lock=ports.store.lock_owner(),
        leftovers=seen.leftovers,
    )


@dataclass(frozen=True, slots=True)
class _SeenInCluster:
    """Locks and leftovers; empty where they are not looked for."""

    locks: tuple[LockSeen, ...] = ()
    own: OwnObjects | None = None

    @property
    def leftovers(self) -> tuple[Leftover, ...]:
        """What runs left in the cluster; empty where it is not looked for."""
        if self.own is None:
            return ()
        return self.own.leftovers(self.locks)

    @property
    def rehearsing(self) -> bool:
        """Whether a rehearsal of any state folder works on the cluster, or has not ended."""
        if self.own is not None and self.own.rehearsal_ended_by:
            return True
        for seen in self.locks:
            if seen.record is None:
                continue
            if seen.record.holder.command == REHEARSE:
                return True
        return False


def _seen_in_cluster(ports: StatusPorts, unknown: list[str]) -> _SeenInCluster:
    """Read locks and leftovers. What cannot be read is added to ``unknown``."""
    locks: tuple[LockSeen, ...] = ()
    own: OwnObjects | None = None
    if ports.unreached:
        unknown.append(
            f"whether a run holds the lock of the cluster, and what runs left in it: "
            f"{ports.unreached}"
        )
    try:
        if ports.lock is not None:
            locks = ports.lock.current()
    except MigratorError as error:
        unknown.append(f"whether a run holds the lock of the cluster: {error.message}")
    try:
        if ports.rbac is not None and ports.reader is not None:
            own = own_objects(ports.rbac, ports.reader, _timer_reads(ports))
    except MigratorError as error:
        unknown.append(f"what runs left in the cluster: {error.message}")
    return _SeenInCluster(locks, own)


def _timer_reads(ports: StatusPorts) -> TimerReads | None:
    """Where the timer of a rehearsal is read; None where it is not."""
    if ports.objects is None or ports.config_maps is None:
        return None
    return TimerReads(ports.objects, ports.config_maps)


def _of_plan(
    plan: Plan,
    plan_digest: str,
    ports: StatusPorts,
    journal: Journal,
    seen: tuple[str | None, str | None],
    unknown: list[str],
    in_cluster: _SeenInCluster,
) -> StatusOutcome:
    """The status by a plan. ``seen``: mode and status of the cluster, None where they are not
    known.
    """
    progress = progress_in(journal, plan, plan_digest)
    elsewhere = _elsewhere(plan, plan_digest, progress, in_cluster)
    if elsewhere:
        unknown.append(elsewhere)
    at = run_state(
        plan,
        progress,
        Observed(now=ports.clock.now(), second_admin="not judged by a status"),
        RunRequest(plan_digest),
    )
    actions = next_actions(at)
    entries = _entries(ports, unknown, in_cluster.own)
    untouched = all(progress.of(step.id).status == "pending" for step in plan.steps)
    astray: tuple[tuple[str, str], ...] = ()
    if entries is not None:
        # Before the first step the entries are as the plan found them, which apply compares.
        if not untouched:
            astray += entries_astray(plan, progress, entries, plan_digest)
        astray += kept_entries_astray(plan, entries, plan_digest)
    astray += _bindings_astray(plan, progress, ports, unknown, entries or ())
    rows = _rows(progress, ports, seen[0], in_cluster, unknown)
    if rows is not None:
        astray += tuple((each.subject, each.message) for each in row_differences(plan, rows.data))
    dead = _dead(plan, plan_digest, entries or (), ports, unknown)
    withdrawn = _withdrawn(at, entries or ())
    # Whatever else was changed of such a principal, the roll-back judges its entry first.
    astray = tuple(pair for pair in astray if pair[0] not in dict(withdrawn))
    for step in plan.steps:
        if progress.of(step.id).status in ("intended", "sent", "undoing"):
            unknown.append(f"whether step {step.id} came to its end: the next run looks")
    left = _left(plan, plan_digest, progress, actions[0], entries, rows)
    begun_command = command_to_continue(
        plan, progress, is_verified=is_verified(plan, plan_digest, progress, ports.store, journal)
    )
    # What is left of an apply comes before the rehearsal, and so does what was started.
    if not left and not begun_command and seen[0] == "API_AND_CONFIG_MAP":
        begun_command = rehearsal_to_repeat(progress, records_of(journal, plan_digest))
    unfinished = bool(left or begun_command) or _rehearsing(progress)
    if astray or dead:
        advice = "plan again: the new plan starts from what is there"
    elif elsewhere:
        advice = (
            "name the state folder of that run (--state-dir), or go on from here: migrate apply "
            "adopts what it made"
        )
    elif withdrawn:
        # A new plan would give the policy again, and the roll-back alone ends as it did.
        advice = f"rollback, once it is decided: {withdrawn[0][1].remedy}"
    else:
        advice = _next(plan, progress, actions, seen[0], begun_command)
    return StatusOutcome(
        cluster=plan.cluster.name,
        mode=seen[0],
        cluster_status=seen[1],
        plan_digest=plan_digest,
        run=progress.run,
        command=_last_command(journal, plan_digest),
        done=sum(progress.of(step.id).status in SETTLED for step in plan.steps),
        total=len(plan.steps),
        next=advice,
        left=left,
        refused=(
            *_given_up(plan, progress),
            *((arn, f"{error.message} {error.why}") for arn, error in withdrawn),
        ),
        outstanding=_outstanding(plan, progress),
        going_back=progress.only if progress.going_back else (),
        image=image_of_rehearsals(records_of(journal, plan_digest)),
        unknown=tuple(unknown),
        changed=astray,
        dead=dead,
        exit_code=_exit_code(
            astray=bool(astray or withdrawn),
            unknown=bool(unknown or dead),
            blocked=plan.blocked,
            unfinished=unfinished,
        ),
        unfinished=unfinished,
        state=ports.store.location,
    )


def _withdrawn(
    state: RunState, entries: tuple[AccessEntry, ...]
) -> tuple[tuple[str, MigratorError], ...]:
    """The entries that a roll-back refuses to delete, because another writer withdrew their access
    policy, each with what the roll-back says.
    """
    if state.progress.command != ROLL_BACK:
        return ()
    found: list[tuple[str, MigratorError]] = []
    for entry in entries:
        sequence = state.sequences.get(entry.principal_arn, ())
        action = kept_for_withdrawal(state, sequence, entry)
        if isinstance(action, Refuse):
            found.append((entry.principal_arn, action.error))
    return tuple(found)


def _given_up(plan: Plan, progress: Progress) -> tuple[tuple[str, str], ...]:
    """``(principal ARN, why)`` of the sequences that a run gave up."""
    found: list[tuple[str, str]] = []
    for key, sequence in plan.sequences.items():
        refusal = refusal_of(sequence, progress)
        if refusal is not None:
            found.append((key, str(refusal.effect.get("message", ""))))
    return tuple(found)


def _outstanding(plan: Plan, progress: Progress) -> tuple[tuple[str, str], ...]:
    """``(principal ARN, why)`` of the proofs that a run could not have yet."""
    found: list[tuple[str, str]] = []
    for step in plan.steps:
        state = progress.of(step.id)
        if state.status == "deferred":
            found.append((step.principal_arn or step.id, str(state.effect.get("why", ""))))
    return tuple(found)


def _exit_code(
    *,
    astray: bool,
    unknown: bool,
    blocked: bool,
    unfinished: bool,
) -> int:
    """The exit code of a status: the worst of what was found, 0 where nothing is left."""
    if astray:
        return 5
    if unknown:
        return 1
    if blocked:
        return 3
    if unfinished:
        return 7
    return 0


def _left(
    plan: Plan,
    plan_digest: str,
    progress: Progress,
    action: Action,
    entries: tuple[AccessEntry, ...] | None,
    rows: "_Rows | None",
) -> tuple[StepOutcome, ...]:
    """The steps that are left, with the reason: to be done, or to be undone after a roll-back."""
    if progress.command == ROLL_BACK:
        return _left_of_roll_back(plan, plan_digest, progress, entries, rows)
    if isinstance(action, Finished) and action.left:
        return tuple(_step_left(step, why) for step, why in action.left)
    left: list[StepOutcome] = []
    for step in plan.steps:
        status = progress.of(step.id).status
        if status not in SETTLED:
            left.append(_step_left(step, status))
    return tuple(left)


def _left_of_roll_back(
    plan: Plan,
    plan_digest: str,
    progress: Progress,
    entries: tuple[AccessEntry, ...] | None,
    rows: "_Rows | None",
) -> tuple[StepOutcome, ...]:
    """The steps that are still to be undone; where there are none, those that an apply began;
    else the entries of EKS that shadow a row. ``entries`` and ``rows`` are None where
    they are not read.
    """
    steps = left_of_roll_back(plan, progress)
    if steps:
        return tuple(_step_left(step, progress.of(step.id).held or TO_BE_UNDONE) for step in steps)
    half_made = begun_beside_roll_back(plan, progress)
    if half_made:
        return tuple(_step_left(step, progress.of(step.id).status) for step in half_made)
    if entries is None or rows is None:
        return ()
    found = rows_shadowed_by_eks(plan, progress, entries, rows.data, plan_digest)
    return tuple(StepOutcome(step.id, step.effect.kind, arn, why) for step, arn, why in found)


def _step_left(step: Step, why: str) -> StepOutcome:
    """A step with the reason why it is left."""
    return StepOutcome(step.id, step.effect.kind, step.principal_arn, why)


def _beyond_rows(
    plan: Plan,
    journal: Journal,
    ports: StatusPorts,
    unknown: list[str],
    in_cluster: _SeenInCluster,
    creator: CreatorAnswer | None,
) -> tuple[StepOutcome, ...]:
    """Entries that EKS made, that give more than the rows did, and that no person answered for."""
    if ports.rbac is None or in_cluster.own is None:
        return ()
    try:
        return entries_beyond_rows(
            plan, automatic_in(journal), in_cluster.own.entries, ports.rbac, creator
        )
    except MigratorError as error:
        unknown.append(f"whether EKS's own entries give more than the rows: {error.message}")
        return ()


def _elsewhere(
    plan: Plan,
    plan_digest: str,
    progress: Progress,
    seen: _SeenInCluster,
) -> str:
    """That a run from another state folder made entries or bindings of this plan; empty where none
    did.
    """
    if seen.own is None:
        return ""
    if any(progress.of(step.id).status != "pending" for step in plan.steps):
        return ""
    runs = plan_made_elsewhere(plan_digest, seen.own.bindings, seen.own.entries)
    if not runs:
        return ""
    words = f"how far this plan is: another state folder has this run ({', '.join(runs)})"
    at_work = [describe_lock(lock) for lock in seen.locks if _is_of_plan(lock, plan_digest)]
    if at_work:
        words += f"; it is under way: {', '.join(at_work)}"
    return words


def _is_of_plan(lock: LockSeen, plan_digest: str) -> bool:
    """Whether the run that holds a lock carries out this plan."""
    if lock.record is None:
        return False
    return lock.record.holder.plan_digest == plan_digest


def _entries(
    ports: StatusPorts, unknown: list[str], own: OwnObjects | None
) -> tuple[AccessEntry, ...] | None:
    """All entries; None where they are not read, or cannot be, which is unknown then."""
    if own is not None:
        return own.entries
    if ports.reader is None:
        return None
    try:
        listed = ports.reader.list_access_entries() or ()
        return tuple(access_entry(raw, "accessEntry") for raw in listed)
    except MigratorError as error:
        unknown.append(f"whether the entries are as they were left: {error.message}")
        return None


def _dead(
    plan: Plan,
    plan_digest: str,
    entries: tuple[AccessEntry, ...],
    ports: StatusPorts,
    unknown: list[str],
) -> tuple[tuple[str, str], ...]:
    """Entries whose principal was deleted or created again. One that the plan read and this cannot
    is unknown.
    """
    if ports.principals is None or ports.tasks is None:
        return ()
    asked = principals_to_read(plan, entries)
    try:
        answers = read_principals(asked, ports.principals, ports.tasks)
    except MigratorError as error:
        answers = dict.fromkeys(asked, error)
    found: dict[str, IamPrincipal | None] = {}
    read_before = {p.principal_arn for p in plan.principals if p.principal_id is not None}
    for arn, answer in answers.items():
        if answer is None:
            found[arn] = None
        elif not isinstance(answer, MigratorError):
            found[arn] = iam_principal(answer, arn)
        # What the plan could not read either is no change.
        elif arn in read_before:
            unknown.append(f"whether the entry of {arn} is dead: {answer.message}")
    return dead_entries(plan, plan_digest, entries, found)


def _bindings_astray(
    plan: Plan,
    progress: Progress,
    ports: StatusPorts,
    unknown: list[str],
    entries: tuple[AccessEntry, ...],
) -> tuple[tuple[str, str], ...]:
    """Parallel bindings that an entry needs and that another writer changed or deleted."""
    if ports.rbac is None:
        return ()
    try:
        found = binding_differences(plan, progress, entries, ports.rbac)
    except MigratorError as error:
        unknown.append(f"whether the bindings are as they were left: {error.message}")
        return ()
    return tuple((each.subject, each.message) for each in found)


@dataclass(frozen=True, slots=True)
class _Rows:
    """aws-auth as it is now; ``data`` is None where there is none."""

    data: dict[str, str] | None


def _rows(
    progress: Progress,
    ports: StatusPorts,
    mode: str | None,
    in_cluster: _SeenInCluster,
    unknown: list[str],
) -> _Rows | None:
    """The rows of aws-auth; None where they are not compared. In API mode no row is in force."""
    if ports.config_maps is None or mode == "API":
        return None
    # A rehearsal blanks every value of aws-auth and puts them back: until then the rows say
    # nothing.
    if _rehearsing(progress) or in_cluster.rehearsing:
        unknown.append(
            "whether the rows of aws-auth are as the plan has them: a rehearsal is not finished"
        )
        return None
    try:
        live = ports.config_maps.read()
    except MigratorError as error:
        unknown.append(f"whether the rows of aws-auth are as the plan has them: {error.message}")
        return None
    if live is None:
        return _Rows(None)
    return _Rows(dict(live.get("data") or {}))


def _rehearsing(progress: Progress) -> bool:
    """Whether a rehearsal of this plan was started here and did not put aws-auth back."""
    if progress.of(f"{REHEARSE}-timer").status == "pending":
        return False
    return progress.of(f"{REHEARSE}-clean").status not in SETTLED


def _last_command(journal: Journal, plan_digest: str) -> str | None:
    """The command that a run of this plan was started with last; None before the first run."""
    command: str | None = None
    for record in records_of(journal, plan_digest):
        if record.event == "run-started":
            command = str(record.effect.get("command"))
    return command


def _next(
    plan: Plan,
    progress: Progress,
    actions: tuple[Action, ...],
    mode: str | None,
    begun_command: str,
) -> str:
    """One line: what the next command would do."""
    if plan.blocked:
        return DECIDE_FINDINGS if stubs_for(plan) else DO_WHAT_FINDINGS_SAY
    if _rehearsing(progress):
        return "rehearse: put back what an interrupted rehearsal left"
    if begun_command:
        return begun_command
    if mode == "API":
        return _next_after_cut_over(progress)
    if is_rolled_back(plan, progress):
        return "nothing: the plan is rolled back; `migrate apply PLAN` applies it again"
    if is_rolled_back_in_part(plan, progress):
        return (
            "nothing: what was asked for is rolled back; `migrate apply PLAN` applies it again, "
            "`migrate rollback PLAN` undoes the rest"
        )
    return _next_of_run(plan, actions[0])


def _next_after_cut_over(progress: Progress) -> str:
    """What comes after the switch, by the journal."""
    if progress.of(f"{RETIRE}-delete").status in SETTLED:
        return "nothing: aws-auth is retired"
    if progress.of(f"{CUT_OVER}-switch").status in SETTLED:
        return "verify, then retire aws-auth"
    return "verify"


def _read_first(action: ReadFirst) -> str:
    """What a run reads before its next step, for people."""
    match action.subject:
        case "cluster":
            return "the authentication mode of the cluster"
        case "update":
            return f"the update {action.name} of the cluster"
        case "entry":
            return f"the access entry of {action.name}"
        case "binding":
            return f"the binding {_name_of(action)}"
        case "row":
            return f"the row of {action.name} in aws-auth"
        case "source":
            return f"the row and the IAM id of {action.name}"
        case "carriers":
            return f"which entries have the group {_name_of(action)}"
        case _:
            assert_never(action.subject)


def _name_of(action: ReadFirst) -> str:
    """The name of a binding or of a group. A bridge gets its name when a run begins."""
    # A binding of the cluster has no namespace in front of the slash.
    name = action.name.removeprefix("/")
    return "of the bridge" if name in _UNNAMED_BRIDGE else name


def _next_of_run(plan: Plan, action: Action) -> str:
    """What ``migrate apply`` would do first."""
    match action:
        case Finished(left=()) if plan.target == "API":
            return "cut over"
        case Finished(left=()):
            return "nothing: the plan's target is reached"
        case Finished():
            return "prove who is outstanding, then apply again"
        case Do() | Adopt() | Undo() | LeaveInPlace() | GiveUp() | TakeOver() | Wait():
            step = f"{action.step.effect.kind} {action.step.principal_arn or ''}".rstrip()
            return f"`migrate apply PLAN`, whose next step is {step}"
        case ReadFirst():
            return f"`migrate apply PLAN`, which reads {_read_first(action)} first"
        case Refuse():
            return action.error.message
        case _:
            assert_never(action)
