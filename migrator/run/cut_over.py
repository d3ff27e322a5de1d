"""The cut-over: all gates, the cluster's name typed again, the switch to API mode, the wait,
verification again.

The switch to API mode cannot be undone. After a time-out the update is read, never sent again on
its account.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from migrator.decide.findings.node_join import node_join
from migrator.decide.planning.principals.candidate_principals import is_role_of_eks
from migrator.decide.proving.node_proof import unhealthy_nodes
from migrator.decide.reach.version_support import near_upgrade
from migrator.decide.reading.aws_auth_owners import writers_of
from migrator.decide.reading.entry_owners import EntryReconcilers, reconcilers_of
from migrator.decide.running.actions import Observed, RunRequest
from migrator.decide.running.changes import as_before, describe_changes, without_unread
from migrator.decide.running.gates import (
    GateFacts,
    cut_over_gates,
    end_state_changes,
    last_rehearsal,
    proofs_left,
    steps_left,
    unknown_waivers,
)
from migrator.decide.running.progress import (
    BEGUN,
    CUT_OVER,
    SETTLED,
    Progress,
    progress_of,
    records_of,
)
from migrator.decide.running.proposals import cut_over_proposal
from migrator.errors import (
    Blocked,
    Changed,
    Interrupted,
    MigratorError,
    Refused,
    WrongUse,
)
from migrator.model.access_entry import AuthenticationMode
from migrator.model.cluster_updates import ClusterUpdates, UpdatesUnread
from migrator.model.decision import Acceptance, CreatorAnswer
from migrator.model.evidence import PrincipalVerdict
from migrator.model.gate import Gate, all_pass, gates_to_documents
from migrator.model.node_health import NodesUnread
from migrator.model.outcome import CutOverOutcome
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.model.step import EnableEntries, ProofClass, Step
from migrator.ports import AuthMode
from migrator.run.begin_run import (
    UPDATING,
    RunPorts,
    aws_auth_backups,
    callers_in,
    chain_of,
    progress_in,
    refuse_blocked,
    refuse_other_cluster,
    refuse_rehearsing,
    wait_until_updated,
)
from migrator.run.break_glass import look_at_break_glass
from migrator.run.drive import drive
from migrator.run.execute_step import LOOK_AGAIN
from migrator.run.hold_cluster import HeldCluster, hold_cluster
from migrator.run.look_again import changed_since, differences_now
from migrator.run.node_evidence import read_nodes
from migrator.run.one_run import OneRun
from migrator.run.verify_access import VerifyOptions, current_verdicts, verify_access

SWITCH = Step(f"{CUT_OVER}-switch", EnableEntries("API_AND_CONFIG_MAP", "API"))


@dataclass(frozen=True, slots=True)
class CutOverOptions:
    """Waivers and policies from decisions.yaml. ``verify_first``: take fresh proofs before the
    gates are judged; ``gates_only``: judge and show the gates, switch nothing. ``canary_image``:
    canary pods on Fargate are allowed.
    """

    waive_gates: Mapping[str, Acceptance] = field(default_factory=dict)
    waive_verification: Mapping[str, Acceptance] = field(default_factory=dict)
    proof_policy: Mapping[str, ProofClass] = field(default_factory=dict)
    verify_first: bool = True
    gates_only: bool = False
    canary_image: str | None = None
    creator: CreatorAnswer | None = None


DEFAULTS = CutOverOptions()

# Answers after which a gate is unknown, and the other gates are judged; with what to do.
_UNANSWERED = {
    "iam-denied": (
        "Allow eks:ListUpdates, eks:DescribeUpdate, eks:ListNodegroups and eks:ListAddons: "
        "`migrate doctor CLUSTER --policy cutover` prints the whole policy."
    ),
    "throttled": "Run the same command again in some minutes.",
    "aws-server-error": "Run the same command again in some minutes.",
}


def cut_over(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    options: CutOverOptions = DEFAULTS,
) -> CutOverOutcome:
    """Judge the gates; when all pass and the name was typed again, switch and verify.

    Exit code 0 switched (now or earlier) and verified, 4 a gate or the person refused, 6 switched
    and the verification failed, 7 interrupted, 5 the cluster changed after the gates were judged,
    else the error's, which is in the outcome beside the mode. Raises ``Blocked``, ``Refused``
    (another cluster, locked), ``WrongUse`` for a waiver of no gate, before anything is done.
    """
    refuse_blocked(plan)
    wrong = unknown_waivers(plan, options.waive_gates)
    if wrong:
        raise WrongUse(
            "no-such-gate", f"There is no gate that can be waived named {', '.join(wrong)}."
        )
    try:
        with hold_cluster(ports, CUT_OVER, plan_digest) as held:
            return _cut_over(plan, plan_digest, held, options)
    except (Blocked, Refused, WrongUse):
        raise
    # Nothing was asked yet, or the lock could not be released: what the cluster is must be said.
    except MigratorError as error:
        return _stopped((), ports, error, may_arrive=_is_sent(plan, plan_digest, ports))


def _is_sent(plan: Plan, plan_digest: str, ports: RunPorts) -> bool:
    """Whether a switch was sent, by this run or an earlier one, that the journal does not show to
    have arrived.
    """
    with suppress(MigratorError):
        records = records_of(ports.store.journal(), plan_digest)
        return progress_of(_switch_plan(plan), records).of(SWITCH.id).status in BEGUN
    return False


def _cut_over(
    plan: Plan,
    plan_digest: str,
    held: HeldCluster,
    options: CutOverOptions,
) -> CutOverOutcome:
    """The cut-over under the cluster's lock."""
    ports, chain = held.ports, held.chain
    records = records_of(ports.store.journal(), plan_digest)
    switching = progress_of(_switch_plan(plan), records)
    is_sent = switching.of(SWITCH.id).status in BEGUN
    if is_sent and not options.gates_only:
        wait_until_updated(
            plan, ports, "an earlier cut-over sent the switch, and the cluster is being updated"
        )
    snapshot = ports.read_snapshot()
    refuse_other_cluster(plan, snapshot)
    if snapshot.cluster.authentication_mode == "API" and switching.of(SWITCH.id).status in (
        "pending",
        *SETTLED,
    ):
        return _verified(plan, ports, options, ())
    progress = progress_in(ports.store.journal(), plan, plan_digest)
    refuse_rehearsing(progress, snapshot)
    gates: tuple[Gate, ...] = ()
    if snapshot.cluster.authentication_mode != "API":
        gates, verdicts = _judge(
            plan,
            plan_digest,
            ports,
            options,
            snapshot,
            progress,
            chain,
        )
        if not all_pass(gates) or options.gates_only:
            refused = _refused(gates, snapshot, ports)
            may_arrive = is_sent and ports.mode.read()[1] == UPDATING
            return replace(refused, verdicts=verdicts, may_arrive=may_arrive)
        try:
            ports.approver.show(cut_over_proposal(plan, gates, verdicts))
            ports.approver.type_again("the cluster's name", plan.cluster.name)
        except Refused as refusal:
            return replace(
                _refused(gates, snapshot, ports), error=refusal, exit_code=refusal.exit_code
            )
        try:
            changed = _changed_since_the_gates(plan, plan_digest, ports, snapshot, progress)
        except MigratorError as error:  # the question is answered, and nothing was sent
            return _stopped(gates, ports, error)
        if changed is not None:
            return replace(
                _refused(gates, snapshot, ports), error=changed, exit_code=changed.exit_code
            )
    return _switch(
        plan,
        plan_digest,
        ports,
        options,
        gates,
        switching,
        progress.run or "",
        chain,
    )


def _changed_since_the_gates(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    judged: Snapshot,
    progress: Progress,
) -> MigratorError | None:
    """What changed while proofs were taken and the name was typed: the switch cannot be undone, and
    the gates judged an older read. A row added meanwhile would be lost with the switch. What a
    waiver permitted then is still permitted.
    """
    now = ports.read_snapshot()
    lines = describe_changes(ports.basis_of(judged), ports.basis_of(now))
    if not lines:
        return None
    remedy = (
        f"Plan again: `migrate plan {plan.cluster.name} --out plan.json`, and look at what "
        f"is "
        f"different."
    )
    named = changed_since(plan, differences_now(plan, plan_digest, progress, ports, now))
    if named is not None:
        return named
    return Changed(
        "cluster-changed",
        f"The cluster changed after the gates were judged: {lines[0]}.",
        why="; ".join(lines[1:]),
        remedy=remedy,
    )


def gates_now(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    snapshot: Snapshot,
    options: CutOverOptions = DEFAULTS,
) -> tuple[Gate, ...]:
    """The gates by the evidence there is, for a report: nothing is asked again, locked or
    written.
    """
    progress = progress_in(ports.store.journal(), plan, plan_digest)
    quietly = replace(options, verify_first=False)
    return _judge(
        plan,
        plan_digest,
        ports,
        quietly,
        snapshot,
        progress,
        chain_of(ports.reader),
    )[0]


def _switch_plan(plan: Plan) -> Plan:
    """The switch as a plan of one step, so that the same state machine decides about it."""
    return replace(plan, steps=(SWITCH,))


def _judge(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    options: CutOverOptions,
    snapshot: Snapshot,
    progress: Progress,
    chain: tuple[str, ...],
) -> tuple[tuple[Gate, ...], tuple[PrincipalVerdict, ...]]:
    """All gates of the cut-over, from a snapshot that was just read and from evidence, and the
    verdicts on principals that they were judged by.
    """
    before, surprises = as_before(snapshot, plan, progress, plan_digest)
    basis, unread = without_unread(plan.basis, ports.basis_of(before), snapshot)
    changes = end_state_changes(plan, progress, snapshot, plan_digest, basis)
    how = _verify_options(options)
    # A verification takes minutes: without the option the evidence on disk is judged as it is now.
    if options.verify_first:
        verdicts = verify_access(plan, ports, how).verdicts
    else:
        verdicts = current_verdicts(plan, ports, snapshot, how)
    # One reading for every gate, after the verification, which takes minutes.
    described = ports.reader.describe_cluster()
    facts = GateFacts(
        now=ports.clock.now(),
        mode=snapshot.cluster.authentication_mode,
        cluster_status=str(described.get("status") or ""),
        updates=_updates_now(ports),
        upgrade_from=_upgrade_from(ports, described),
        left=steps_left(plan, progress),
        proofs_left=proofs_left(plan, progress),
        changes=(*surprises, *changes),
        unread=unread,
        verdicts=verdicts,
        callers=callers_in(plan, chain),
        of_eks=_roles_of_eks(plan, snapshot),
        break_glass=look_at_break_glass(plan, ports.permissions, chain),
        rehearsed=last_rehearsal(progress),
        writers=writers_of((ports.config_maps.read(), *aws_auth_backups(ports.store))),
        reconcilers=_reconcilers(plan, snapshot),
        nodes_unhealthy=_unhealthy(ports),
        node_join=node_join(
            snapshot.cluster_raw,
            snapshot.nodegroups,
            snapshot.fargate_profiles,
            snapshot.node_network,
        ),
        waivers=options.waive_gates,
    )
    return cut_over_gates(plan, facts), verdicts


def _roles_of_eks(plan: Plan, snapshot: Snapshot) -> frozenset[str]:
    """Principals of the plan that are roles of Auto Mode and of EKS capabilities."""
    arns = (principal.principal_arn for principal in plan.principals)
    return frozenset(arn for arn in arns if is_role_of_eks(arn, snapshot))


def _reconcilers(plan: Plan, snapshot: Snapshot) -> EntryReconcilers | None:
    """Who writes entries again; None where the entries were not read."""
    if snapshot.access_entries is None:
        return None
    changed: set[str] = set()
    for principal in plan.principals:
        if principal.action in ("update", "recreate"):
            changed.add(principal.principal_arn)
    return reconcilers_of(snapshot.access_entries, frozenset(changed))


def _updates_now(ports: RunPorts) -> ClusterUpdates | UpdatesUnread:
    """What runs on the cluster now, or why that is not known."""
    try:
        return ports.reader.updates_now()
    except MigratorError as error:
        if error.code not in _UNANSWERED:
            raise
        return UpdatesUnread(error.message.rstrip("."), _remedy_of(error))


def _remedy_of(error: MigratorError) -> str:
    """What makes the updates known. AWS names a policy that limits the caller, whatever it is given
    (a boundary, one of the organization): then no policy of the caller helps.
    """
    is_limited = error.code == "iam-denied" and not error.remedy.startswith("Give the caller ")
    return error.remedy if is_limited and error.remedy else _UNANSWERED[error.code]


def _upgrade_from(ports: RunPorts, described: Mapping[str, Any]) -> datetime | None:
    """When EKS upgrades the cluster unasked, where that is near; None where it is not known: it
    only warns.
    """
    try:
        support = ports.reader.version_support(str(described.get("version") or ""))
    except MigratorError as error:
        if error.code not in _UNANSWERED:
            raise
        ports.events.say(
            "warn",
            f"when EKS upgrades the cluster unasked is not known: {error.message}",
            event="not-read",
        )
        return None
    return near_upgrade(described, support, ports.clock.now())


def _unhealthy(ports: RunPorts) -> tuple[str, ...] | NodesUnread:
    """Nodes without a fresh lease, and Fargate profiles that are not well."""
    found = read_nodes(ports.nodes)
    if isinstance(found, NodesUnread):
        return found
    return unhealthy_nodes(found, ports.clock.now())


def _verify_options(options: CutOverOptions) -> VerifyOptions:
    return VerifyOptions(
        waive_verification=options.waive_verification,
        proof_policy=options.proof_policy,
        canary_image=options.canary_image,
        creator=options.creator,
    )


def _refused(gates: tuple[Gate, ...], snapshot: Snapshot, ports: RunPorts) -> CutOverOutcome:
    """The outcome of gates without a switch: an error where one is closed."""
    closed = [f"{gate.number} ({gate.name}: {gate.state})" for gate in gates if not gate.passes]
    mode = snapshot.cluster.authentication_mode
    # Only the gates were asked for.
    if not closed:
        return CutOverOutcome(gates, mode, 0, None, None, ports.store.location)
    error = Refused(
        "gates-closed",
        "The cut-over is refused.",
        why=f"Closed gates: {', '.join(closed)}.",
        remedy="Do what is said at each of them, and run the same command again.",
    )
    return CutOverOutcome(gates, mode, error.exit_code, None, error, ports.store.location)


@dataclass(slots=True)
class _SwitchSeen:
    """:class:`migrator.ports.AuthMode` that knows whether EKS may be switching the cluster:
    ``may_arrive`` is false before the switch is sent, and where the answer was a refusal.
    """

    inner: AuthMode
    may_arrive: bool

    def read(self) -> tuple[AuthenticationMode, str]:
        return self.inner.read()

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        self.may_arrive = True
        try:
            return self.inner.switch(to, token=token)
        except MigratorError as error:
            self.may_arrive = error.code in LOOK_AGAIN
            raise

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        return self.inner.update_status(update_id)


def _switch(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    options: CutOverOptions,
    gates: tuple[Gate, ...],
    switching: Progress,
    run_id: str,
    chain: tuple[str, ...],
) -> CutOverOutcome:
    """Switch and verify. Whatever fails on the way, the outcome has the mode of the cluster."""
    seen = _SwitchSeen(ports.mode, switching.of(SWITCH.id).status in BEGUN)
    run = OneRun(
        _switch_plan(plan),
        replace(ports, mode=seen),
        RunRequest(plan_digest),
        switching,
        Observed(now=ports.clock.now()),
    )
    has_started = False
    try:
        _start(run, plan_digest, gates, run_id, chain)
        has_started = True
        drive(run)
        outcome = _verified(plan, ports, options, gates)
    except MigratorError as error:
        outcome = _stopped(gates, ports, error, may_arrive=_may_arrive(run, seen))
    except KeyboardInterrupt:
        stopped = Interrupted(
            "interrupted", "Stopped on the way.", remedy="`migrate status` reads how far it came."
        )
        outcome = _stopped(gates, ports, stopped, may_arrive=_may_arrive(run, seen))
    # The end would be read as that of an earlier run.
    if not has_started:
        return outcome
    return _ended(run, outcome)


def _start(
    run: OneRun,
    plan_digest: str,
    gates: tuple[Gate, ...],
    run_id: str,
    chain: tuple[str, ...],
) -> None:
    """Record that the cut-over begins, and the waivers that it begins by."""
    # There are no gates when an earlier attempt, whose switch succeeded, is finished.
    judged = gates_to_documents(gates)
    run.journal.start(CUT_OVER, run=run_id, plan_digest=plan_digest, caller=chain[-1], gates=judged)
    for gate in gates:
        if gate.waived_by is not None and gate.state != "pass":
            run.record(
                None,
                "waived",
                {
                    "gate": gate.name,
                    "state": gate.state,
                    "by": gate.waived_by,
                    "covers": gate.detail,
                },
            )


def _may_arrive(run: OneRun, seen: _SwitchSeen) -> bool:
    """Whether EKS may be switching the cluster; not where it said that the update failed."""
    return seen.may_arrive and run.progress.of(SWITCH.id).status != "refused"


def _ended(run: OneRun, outcome: CutOverOutcome) -> CutOverOutcome:
    """The outcome, recorded as the end of the run. A journal that cannot be written loses no word
    of it.
    """
    try:
        run.journal.end(outcome.exit_code)
    except MigratorError as error:
        # What stopped the run before is the cause.
        if outcome.error is None:
            return replace(outcome, error=error, exit_code=error.exit_code)
    return outcome


def _stopped(
    gates: tuple[Gate, ...],
    ports: RunPorts,
    error: MigratorError,
    *,
    may_arrive: bool = False,
) -> CutOverOutcome:
    """The outcome of a switch that ended in an error, with the mode that the cluster has now."""
    mode = "unknown"
    # The outcome is that of the first error.
    with suppress(MigratorError):
        mode = ports.mode.read()[0]
    return CutOverOutcome(
        gates,
        mode,
        error.exit_code,
        None,
        error,
        ports.store.location,
        may_arrive=may_arrive,
    )


def _verified(
    plan: Plan,
    ports: RunPorts,
    options: CutOverOptions,
    gates: tuple[Gate, ...],
) -> CutOverOutcome:
    """In API mode: every principal is verified again, now that EKS reads no row."""
    verification = verify_access(plan, ports, _verify_options(options))
    return CutOverOutcome(
        gates, "API", verification.exit_code, verification, None, ports.store.location
    )
