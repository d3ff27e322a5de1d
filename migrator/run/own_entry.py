"""Open the cluster again for a caller whose own access entry a run left without its access policy.

The API server refuses that caller every read with which a command begins. EKS does not: what there
is to do is decided from the entry and the journal alone, and is over before the cluster is read.
"""

from migrator.decide.running.actions import Observed, RunRequest, Undo, Wait
from migrator.decide.running.own_entry import own_entry_action
from migrator.decide.running.progress import APPLY, ROLL_BACK
from migrator.decide.running.proposals import own_entry_proposal
from migrator.errors import Failed, MigratorError
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.run.begin_run import callers_in, progress_in, refuse_other_arn, refuse_rehearsing
from migrator.run.denied_caller import DENIED
from migrator.run.drive import POLL, one_action
from migrator.run.hold_cluster import HeldCluster
from migrator.run.one_run import OneRun

# Where neither an entry nor a row knows the caller, the API server answers 401 and not 403.
_NOT_LET_IN = frozenset({DENIED, "not-authenticated"})


def read_with_own_entry(plan: Plan, plan_digest: str, held: HeldCluster, command: str) -> Snapshot:
    """The cluster, read afresh. Where the API server refuses that because a run of this plan left
    the caller's own entry without its policy, the entry is deleted first, so that the row decides.

    Raises what keeps the cluster from being read, ``Refused`` without a yes.
    """
    try:
        return held.ports.read_snapshot()
    except MigratorError as error:
        if error.code not in _NOT_LET_IN:
            raise
        run = _run_on_own_entry(plan, plan_digest, held, command)
        if run is None:
            raise
        _open(run, held, error)
    return held.ports.read_snapshot()


def _run_on_own_entry(
    plan: Plan, plan_digest: str, held: HeldCluster, command: str
) -> OneRun | None:
    """A run about the caller's own principal alone; None where the plan makes no entry for it, or
    the command may not go on with the runs of before.
    """
    ports = held.ports
    progress = progress_in(ports.store.journal(), plan, plan_digest)
    # To apply again is refused until the roll-back has ended.
    if progress.going_back and command != ROLL_BACK:
        return None
    # The principals that the caller arrived through are not asked by the API server.
    for arn in callers_in(plan, (held.caller,)):
        refuse_other_arn(plan.cluster.arn, str(ports.reader.describe_cluster()["arn"]))
        refuse_rehearsing(progress)
        mode, status = ports.mode.read()
        observed = Observed(
            now=ports.clock.now(),
            mode=mode,
            cluster_status=status,
            entries={arn: ports.entries.describe(arn)},
            callers=frozenset({arn}),
        )
        request = RunRequest(plan_digest, only=frozenset({arn}))
        return OneRun(plan, ports, request, progress, observed)
    return None


def _open(run: OneRun, held: HeldCluster, denied: MigratorError) -> None:
    """Do what lets the caller in again, and wait until it does. Raises ``denied`` where there is
    nothing to do, or it did not help.
    """
    (arn,) = run.state.observed.callers
    action = own_entry_action(run.state, arn)
    if isinstance(action, Undo):
        run.ports.approver.show(own_entry_proposal(run.plan, action.step))
        run.ports.approver.confirm(f"Delete your own access entry on {run.plan.cluster.name}?")
        action = _decided_again(run, arn)
    if isinstance(action, Undo):
        _start(run, held.caller)
        one_action(run, action)
        # How long the deletion takes to be in force is counted from its record.
        action = _decided_again(run, arn)
    if not isinstance(action, Wait):
        raise denied
    if _is_let_in(run, action):
        return
    if run.state.observed.entries[arn] is not None:
        raise denied
    raise Failed(
        denied.code,
        denied.message,
        why="Your own access entry, which a run had left without its access policy, is deleted, "
        "and your row in aws-auth does not permit this: it is not as it was when the plan was "
        "made.",
        remedy="Ask another administrator of the cluster whether your row was changed on purpose. "
        "Once it is as it was, the same command continues.",
    ) from denied


def _decided_again(run: OneRun, arn: str) -> Undo | Wait | None:
    """The decision by what EKS says now: a question may have been answered minutes later."""
    run.see(mode=run.ports.mode.read()[0])
    run.see_entry(arn, run.ports.entries.describe(arn))
    run.see_time()
    return own_entry_action(run.state, arn)


def _start(run: OneRun, caller: str) -> None:
    """Begin a run. The deletion belongs to what the runs of before were doing: forward, or back."""
    command: str = APPLY
    only: tuple[str, ...] = ()
    if run.progress.going_back:
        command, only = ROLL_BACK, run.progress.only
    run.journal.start(command, run=run.run_id, plan_digest=run.digest, caller=caller, only=only)


def _is_let_in(run: OneRun, action: Wait) -> bool:
    """Whether the API server answers the caller again, by the end of the wait at the latest."""
    while True:
        try:
            run.ports.config_maps.read()
        except MigratorError as error:
            if error.code not in _NOT_LET_IN:
                raise
        else:
            return True
        if run.now() >= action.until:
            return False
        run.ports.events.say("info", f"waiting: {action.why}", event="waiting")
        run.pause(POLL)
