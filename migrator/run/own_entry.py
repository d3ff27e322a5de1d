"""Open the cluster again for a caller whose own access entry a run left without its access policy.

The API server refuses that caller every read with which a command begins. EKS does not: what there
is to do is decided from the entry and the journal alone, and is over before the cluster is read.
"""

from migrator.decide.running.actions import Observed, Refuse, RunRequest, Undo, Wait
from migrator.decide.running.own_entry import own_entry_action
from migrator.decide.running.progress import ROLL_BACK
from migrator.decide.running.proposals import own_entry_proposal
from migrator.errors import Failed, MigratorError
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.model.step import BRIDGE_GROUP, CreateEntry
from migrator.run.begin_run import (
    RunPorts,
    callers_in,
    progress_in,
    refuse_going_back,
    refuse_other_arn,
    refuse_rehearsing,
)
from migrator.run.denied_caller import DENIED
from migrator.run.drive import POLL, one_action
from migrator.run.hold_cluster import HeldCluster
from migrator.run.look_again import SourceReader, changed_since
from migrator.run.one_run import OneRun

# Where neither an entry nor a row knows the caller, the API server answers 401 and not 403.
_NOT_LET_IN = frozenset({DENIED, "not-authenticated"})
# A ClusterRoleBinding that kube-apiserver makes (Kubernetes, "Using RBAC Authorization").
_OF_EVERY_CLUSTER = "cluster-admin"


class OwnEntry:
    """The caller's own entry at the start of a command. ``run``: the run that deleted it, None
    where there was nothing to delete.
    """

    def __init__(
        self,
        plan: Plan,
        plan_digest: str,
        held: HeldCluster,
        command: str,
        *,
        abandon_rollback: bool = False,
    ) -> None:
        self.run: OneRun | None = None
        self._plan, self._digest, self._held = plan, plan_digest, held
        self._command = command
        self._may_go_back = abandon_rollback or command == ROLL_BACK
        # An operator who never might read RBAC may not when the entry is gone, either.
        self._reads_rbac = plan.basis.get("rbac") is not None

    def read_snapshot(self, only: tuple[str, ...] = ()) -> Snapshot:
        """The cluster, read afresh. Where the API server refuses that because a run of this plan
        left the caller's own entry without its policy, the entry is deleted first, so that the row
        decides. ``only``: the principals that a roll-back is asked for.

        Raises what keeps the cluster from being read, ``Changed`` where another writer changed the
        entry, ``Refused`` without a yes.
        """
        ports = self._held.ports
        denied: MigratorError | None = None
        try:
            snapshot = ports.read_snapshot()
        except MigratorError as error:
            if error.code not in _NOT_LET_IN:
                raise
            denied = error
        else:
            if snapshot.rbac is not None or not self._reads_rbac:
                return snapshot
        run = self._run()
        if denied is not None:
            self._open(run, denied, only)
        # The groups of the entry, or one policy of several, permit to read aws-auth and no RBAC.
        elif run is not None and _keeps_out(run, only):
            self._open(run, Failed(DENIED, "The API server does not let you read RBAC."), only)
        else:
            return snapshot
        return ports.read_snapshot()

    def _run(self) -> OneRun | None:
        """A run about the caller's own principal alone; None where no run of the plan started, or
        the plan does not have the caller. Raises ``Refused`` where a roll-back has not ended, or a
        rehearsal.
        """
        plan, ports = self._plan, self._held.ports
        progress = progress_in(ports.store.journal(), plan, self._digest)
        if progress.run is None:
            return None
        if not self._may_go_back:
            refuse_going_back(progress, plan)
        # The principals that the caller arrived through are not asked by the API server.
        arn = next(iter(callers_in(plan, (self._held.caller,))), None)
        if arn is None:
            return None
        refuse_other_arn(plan.cluster.arn, str(ports.reader.describe_cluster()["arn"]))
        refuse_rehearsing(progress)
        observed = Observed(now=ports.clock.now(), callers=frozenset({arn}))
        request = RunRequest(self._digest, only=frozenset({arn}))
        run = OneRun(plan, ports, request, progress, observed)
        _look(run, arn)
        return run

    def _open(self, run: OneRun | None, denied: MigratorError, only: tuple[str, ...]) -> None:
        """Do what lets the caller in again, and wait until it does. Raises ``denied`` where there
        is nothing to do, or it did not help.
        """
        if run is None:
            raise denied
        (arn,) = run.state.observed.callers
        action = own_entry_action(run.state, arn)
        if isinstance(action, Undo):
            _refuse_changed(run, self._held.ports, arn)
            run.ports.approver.show(own_entry_proposal(run.plan, action.step))
            run.ports.approver.confirm(f"Delete your own access entry on {run.plan.cluster.name}?")
            # A question may be answered minutes later.
            _look(run, arn)
            action = own_entry_action(run.state, arn)
        if isinstance(action, Undo):
            self.run = run
            run.journal.start(
                self._command,
                run=run.run_id,
                plan_digest=run.digest,
                caller=self._held.caller,
                only=only,
            )
            one_action(run, action)
            # How long the deletion takes to be in force is counted from its record.
            _look(run, arn)
            action = own_entry_action(run.state, arn)
        if isinstance(action, Refuse):
            raise action.error from denied
        if not isinstance(action, Wait):
            raise denied
        if not _is_let_in(run, action, reads_rbac=self._reads_rbac):
            raise _why_not(run, arn, denied)


def _keeps_out(run: OneRun, only: tuple[str, ...]) -> bool:
    """Whether the caller's own entry, half-made, changed, or deleted a moment ago, is why RBAC
    cannot be read and aws-auth can. A caller who never may read RBAC has another entry.
    """
    (arn,) = run.state.observed.callers
    for step in run.state.sequences[arn]:
        # By the bridge its principal is an administrator meanwhile.
        if isinstance(step.effect, CreateEntry) and (
            BRIDGE_GROUP in step.effect.entry.kubernetes_groups
        ):
            return False
    match own_entry_action(run.state, arn):
        case Undo():
            return True
        case Wait():
            return run.state.observed.entries[arn] is None
        case Refuse(error):
            # What another writer changed is no obstacle to a roll-back of other principals.
            return error.code == "update-in-progress" or not only or arn in only
        case _:
            return False


def _refuse_changed(run: OneRun, ports: RunPorts, arn: str) -> None:
    """Raises ``Changed`` where the caller's row can be read and is not as the plan has it: without
    the entry it may give less.
    """
    try:
        difference = SourceReader(run.plan, ports).difference(arn)
    except MigratorError as error:
        if error.code not in _NOT_LET_IN:
            raise
        return
    changed = changed_since(run.plan, filter(None, (difference,)))
    if changed is not None:
        raise changed


def _look(run: OneRun, arn: str) -> None:
    """Read what is decided by: the mode, the entry, the time."""
    mode, status = run.ports.mode.read()
    run.see(mode=mode, cluster_status=status)
    run.see_entry(arn, run.ports.entries.describe(arn))
    run.see_time()


def _why_not(run: OneRun, arn: str, denied: MigratorError) -> MigratorError:
    """Why the caller is still refused when the wait is over."""
    if run.state.observed.entries[arn] is not None:
        return denied
    return Failed(
        denied.code,
        denied.message,
        why="Your own access entry, which a run had left without its access policy, is deleted, "
        "and your row in aws-auth does not permit this: it is not as it was when the plan was "
        "made.",
        remedy="Ask another administrator of the cluster whether your row was changed on purpose. "
        "Once it is as it was, the same command continues.",
    )


def _is_let_in(run: OneRun, action: Wait, *, reads_rbac: bool) -> bool:
    """Whether the API server answers the caller again, by the end of the wait at the latest."""
    while True:
        try:
            run.ports.config_maps.read()
            if reads_rbac:
                run.ports.rbac.read_binding(_OF_EVERY_CLUSTER, None)
        except MigratorError as error:
            if error.code not in _NOT_LET_IN:
                raise
        else:
            return True
        if run.now() >= action.until:
            return False
        run.ports.events.say("info", f"waiting: {action.why}", event="waiting")
        run.pause(POLL)
