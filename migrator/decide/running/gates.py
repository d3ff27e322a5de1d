"""The gates of the cut-over, in one place: all of them must pass before an irreversible step.

A gate that was not evaluated is ``unknown``, and unknown does not pass. A named person may waive a
gate, with a reason and until a date, in decisions.yaml; the waiver is journaled. Three gates cannot
be waived: the plan itself must end in API mode, and in another mode or during an update the switch
would fail.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.findings.node_join import NodeJoin
from migrator.decide.proving.announced import unannounced_changes
from migrator.decide.reading.aws_auth_owners import AwsAuthWriters
from migrator.decide.reading.entry_owners import EntryReconcilers
from migrator.decide.running.automatic_entries import without_wider
from migrator.decide.running.changes import basis_changes, finished_state, remedy_of_unread
from migrator.decide.running.code_gate import QUESTION, judge_code, named_writers, not_covered
from migrator.decide.running.progress import REHEARSE, SETTLED, Progress, sequences_of
from migrator.decide.running.second_admin import GATE as SECOND_ADMIN
from migrator.decide.running.second_admin import BreakGlass, admins_to_prove, is_admin
from migrator.decide.running.waiting import moment
from migrator.decide.steps.entry_states import EntryState, matches, sequence_states, state_of
from migrator.model.access_entry import AccessEntry, AuthenticationMode
from migrator.model.cluster_updates import ClusterUpdates, UpdatesUnread
from migrator.model.decision import Acceptance
from migrator.model.evidence import PrincipalVerdict
from migrator.model.gate import Gate, GateState
from migrator.model.long_lists import some_of
from migrator.model.node_health import NodesUnread
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot, UnreadPart
from migrator.model.step import Prove, Sequence, Step

REHEARSAL_AGE = timedelta(days=7)
NOT_WAIVABLE = frozenset({"plan", "mode", "no-update-running"})
_MOST_NAMED = 5
# Classes of proof that a login of the principal gave.
_BY_LOGIN = frozenset({"live", "observed"})


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What the gates judge. None is "not known".

    ``left``: steps of the plan that are not done; ``proofs_left``: those that prove. ``changes``:
    how a fresh read differs from the plan's end state. ``unread``: what of it may not be read.
    ``writers``: who writes aws-auth from code. ``reconcilers``: who writes entries of the plan
    again. ``callers``: the plan's principals that the operator is. ``of_eks``: roles of Auto Mode
    and of EKS capabilities. ``break_glass``: what was found of the principal that the plan names,
    None where it names none. ``rehearsed``: when a rehearsal last passed. ``updates``: what runs
    now. ``upgrade_from``: when EKS upgrades the cluster unasked. ``nodes_unhealthy``: nodes with a
    stale lease or not ready. ``node_join``: how nodes leave their VPC, where they may not be able
    to join; else None.
    """

    now: datetime
    mode: AuthenticationMode | None = None
    cluster_status: str | None = None
    updates: ClusterUpdates | UpdatesUnread | None = None
    upgrade_from: datetime | None = None
    left: tuple[str, ...] | None = None
    proofs_left: tuple[str, ...] = ()
    changes: tuple[str, ...] | None = None
    unread: tuple[UnreadPart, ...] = ()
    verdicts: tuple[PrincipalVerdict, ...] | None = None
    callers: frozenset[str] = frozenset()
    of_eks: frozenset[str] = frozenset()
    break_glass: BreakGlass | None = None
    rehearsed: datetime | None = None
    writers: AwsAuthWriters | None = None
    reconcilers: EntryReconcilers | None = None
    nodes_unhealthy: tuple[str, ...] | NodesUnread | None = None
    node_join: NodeJoin | None = None
    waivers: Mapping[str, Acceptance] = field(default_factory=dict)


def cut_over_gates(plan: Plan, facts: GateFacts) -> tuple[Gate, ...]:
    """All gates in order, evaluated, waivers applied."""
    gates = (
        _plan_gate(plan),
        _mode(facts),
        _update(facts),
        _end_state(facts),
        _proofs(plan, facts),
        _admins(plan, facts),
        _rehearsal(facts),
        _code(facts),
        _nodes(facts),
    )
    return tuple(_waived(gate, facts) for gate in gates)


def unknown_waivers(plan: Plan, waivers: Mapping[str, Acceptance]) -> tuple[str, ...]:
    """Names under ``waive_gates`` that are no gate, or none that can be waived."""
    names = {gate.name for gate in cut_over_gates(plan, GateFacts(now=_EPOCH))} - NOT_WAIVABLE
    return tuple(sorted(set(waivers) - names))


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _waived(gate: Gate, facts: GateFacts) -> Gate:
    """The gate with its waiver, where it has one that is in force; a passed gate needs none."""
    waiver = facts.waivers.get(gate.name)
    if waiver is None:
        return gate
    if gate.state == "pass":
        return gate
    # No person can answer for a switch that would fail.
    if gate.name in NOT_WAIVABLE:
        return gate
    if waiver.ended(facts.now):
        detail = f"{gate.detail}; the waiver of {waiver.by} ended {waiver.until}"
        return replace(gate, detail=detail)
    # A person answers for what was there when the waiver was written, not for what came later.
    missing = not_covered(gate.writers, waiver.covers)
    if missing:
        detail = f"{gate.detail}; the waiver of {waiver.by} does not cover: {'; '.join(missing)}"
        return replace(gate, detail=detail)
    return replace(gate, waived_by=f"{waiver.by}: {waiver.reason}")


def in_force(waivers: Mapping[str, Acceptance], now: datetime) -> dict[str, Acceptance]:
    """The waivers whose date has not passed."""
    return {name: each for name, each in waivers.items() if not each.ended(now)}


def _plan_gate(plan: Plan) -> Gate:
    """Gate 1, which cannot be waived: a finding of the plan is answered in decisions.yaml."""
    if plan.blocked:
        state: GateState = "fail"
        detail = "the plan has findings that a person must decide"
    elif plan.target != "API":
        state = "fail"
        detail = f"the plan ends at {plan.target}"
    else:
        state = "pass"
        detail = "no open finding; its target is API"
    return _gate(
        1, "plan", "Is the plan decided, and does it end in API mode?", state, detail, "Plan again."
    )


def _mode(facts: GateFacts) -> Gate:
    """Gate 2: EKS refuses a switch from CONFIG_MAP to API (EKS API, UpdateClusterConfig)."""
    question = "Is the cluster in API_AND_CONFIG_MAP mode?"
    if facts.mode is None:
        return _gate(
            2, "mode", question, "unknown", "the mode was not read", "Check access to EKS."
        )
    state: GateState = "fail"
    if facts.mode == "API_AND_CONFIG_MAP":
        state = "pass"
    return _gate(2, "mode", question, state, f"it is in {facts.mode}", "Apply the plan first.")


def _update(facts: GateFacts) -> Gate:
    """Gate 3: EKS refuses an update while the cluster is not ACTIVE (EKS API,
    UpdateClusterConfig), and a second change at the same time hides what the switch did.
    """
    question = "Is no update of the cluster running, and no rotation of its CA?"
    name = "no-update-running"
    if facts.cluster_status is None:
        return _gate(
            3, name, question, "unknown", "the status was not read", "Check access to EKS."
        )
    detail = f"the cluster is {facts.cluster_status}"
    if facts.cluster_status != "ACTIVE":
        return _gate(3, name, question, "fail", detail, "Wait for ACTIVE.")
    # ACTIVE does not mean that no update runs: a VersionRollback keeps the status (EKS user guide).
    updates = facts.updates or UpdatesUnread("they were not read", "Check access to EKS.")
    if isinstance(updates, UpdatesUnread):
        unread = f"{detail}; its updates could not be listed: {updates.why}"
        return _gate(3, name, question, "unknown", unread, updates.remedy)
    if updates.running:
        return _gate(
            3,
            name,
            question,
            "fail",
            f"{detail}; in progress: {_some(str(each) for each in updates.running)}",
            "Wait until the update has ended: `aws eks describe-update` shows its status.",
        )
    # An ACTIVE cluster has a certificate authority: none means that its text was not understood.
    if updates.certificate_authorities < 1:
        return _gate(
            3,
            name,
            question,
            "unknown",
            f"{detail}; its certificate authority could not be read",
            "Look at `aws eks describe-cluster`: certificateAuthority.data has to be a bundle in "
            "base64.",
        )
    # A node that never received the new CA leaves the cluster when it is activated. The effect
    # would look like one of the switch.
    if updates.certificate_authorities > 1:
        return _gate(
            3,
            name,
            question,
            "fail",
            f"{detail}; it has {updates.certificate_authorities} certificate authorities: "
            f"a rotation is under way",
            "Finish the rotation first: activate the new certificate authority, see that all "
            "nodes are ready, and delete the old one.",
        )
    return _gate(
        3, name, question, "pass", f"{detail}; no update is in progress{_forced(facts)}", ""
    )


def _forced(facts: GateFacts) -> str:
    """A warning where EKS upgrades the cluster unasked soon, or already could."""
    if facts.upgrade_from is None:
        return ""
    return f"; EKS upgrades Kubernetes without a request from {facts.upgrade_from.date()} on"


def _end_state(facts: GateFacts) -> Gate:
    """Gate 4: every step is done, and nothing else in the cluster has changed since the plan."""
    question = "Is the cluster, read afresh, what the plan ends in?"
    remedy = (
        "Run `migrate apply` until nothing is left; plan again if another writer changed the "
        "cluster."
    )
    if facts.left is None or facts.changes is None:
        return _gate(4, "end-state", question, "unknown", "it was not compared", remedy)
    wrong = (*(f"not done: {step}" for step in facts.left), *facts.changes)
    unread = tuple(
        f"{each.what} was read for the plan, and is not known now: {each.message.rstrip('.')}"
        for each in facts.unread
    )
    state: GateState = "pass"
    if unread:
        state = "unknown"
        read = remedy_of_unread(facts.unread)
        # No step that is left, and no new plan, makes known what may not be read.
        remedy = f"{read} {remedy}" if wrong else read
    if wrong:
        state = "fail"
    detail = _some((*wrong, *unread)) or _nothing_differs(facts)
    return _gate(4, "end-state", question, state, detail, remedy)


def _nothing_differs(facts: GateFacts) -> str:
    """What a passed gate 4 says. A step that proves writes nothing; where one is open, gate 5 says
    whether its principal is proven.
    """
    if not facts.proofs_left:
        return "every step is done and nothing differs"
    open_ones = _some(facts.proofs_left)
    return f"every write is done and nothing differs; not proven by an apply yet: {open_ones}"


def _proofs(plan: Plan, facts: GateFacts) -> Gate:
    """Gate 5: ``fail`` where a proof shows too little or another access, ``unknown`` where proofs
    are only missing.
    """
    question = "Is every principal's access proven as its policy demands?"
    remedy = (
        "Run `migrate verify`. For a principal that migrate cannot log in as, use "
        "waive_verification in decisions.yaml."
    )
    if facts.verdicts is None:
        return _gate(5, "proofs", question, "unknown", "no verdicts were made", remedy)
    wrong: list[str] = []
    # A proof that could not be had is unknown; one that shows too little or another access fails.
    state: GateState = "unknown"
    for verdict in facts.verdicts:
        if verdict.verdict == "ok":
            continue
        wrong.append(f"{verdict.principal_arn}: {verdict.verdict} ({verdict.why})")
        if verdict.verdict != "unknown":
            state = "fail"
    for arn in _without_verdict(plan, facts.verdicts):
        wrong.append(f"{arn}: unknown (no verdict)")
    if wrong:
        return _gate(5, "proofs", question, state, _some(wrong), remedy)
    return _gate(5, "proofs", question, "pass", _proven(facts.verdicts, facts.of_eks), remedy)


def _without_verdict(plan: Plan, verdicts: tuple[PrincipalVerdict, ...]) -> list[str]:
    """Principals of the plan that no verdict is about, in plan order."""
    judged = {verdict.principal_arn for verdict in verdicts}
    missing: list[str] = []
    for principal in plan.principals:
        # The plan gives a skipped principal nothing that could be proven.
        if principal.action == "skip":
            continue
        if principal.principal_arn not in judged:
            missing.append(principal.principal_arn)
    return missing


def _proven(verdicts: tuple[PrincipalVerdict, ...], of_eks: frozenset[str]) -> str:
    """How the principals are proven, where all verdicts are ``ok``: for people."""
    judged = {verdict.principal_arn for verdict in verdicts}
    if not judged:
        return "the plan has no principal to prove"
    weak = [v.principal_arn for v in verdicts if v.proof_class not in _BY_LOGIN]
    own = [arn for arn in weak if arn in of_eks]
    others = [arn for arn in weak if arn not in of_eks]
    words = [f"all {len(judged)} are"]
    if others:
        words.append(f"by the rules or a person's word alone: {_some(others)}")
    if own:
        words.append(
            f"EKS made these entries for its own roles, and no run changes them: {_some(own)}"
        )
    return "; ".join(words)


def _admins(plan: Plan, facts: GateFacts) -> Gate:
    """Gate 6: after the switch no row admits an administrator whose entry turns out to be wrong."""
    question = (
        "Are two administrators proven, one of them not the operator, or one and a "
        "break-glass principal?"
    )
    remedy = (
        "Verify as a second administrator (verify_as in decisions.yaml), or plan with a "
        "break_glass principal."
    )
    if facts.verdicts is None:
        return _gate(6, SECOND_ADMIN, question, "unknown", "no verdicts were made", remedy)
    admins = _proven_admins(plan, facts.verdicts)
    state: GateState = "fail"
    if _enough_admins(admins, facts):
        state = "pass"
    detail = "proven: " + (_some(admins) or "no principal")
    if facts.break_glass is not None:
        detail += f"; {facts.break_glass}"
    gate = _gate(6, SECOND_ADMIN, question, state, detail, remedy)
    others = admins_to_prove(plan, facts.callers)
    return replace(gate, unproven=tuple(arn for arn in others if arn not in admins))


def _proven_admins(plan: Plan, verdicts: tuple[PrincipalVerdict, ...]) -> list[str]:
    """Administrators whose access was shown by a login, in plan order."""
    shown: set[str] = set()
    for verdict in verdicts:
        if verdict.verdict == "ok" and verdict.proof_class in _BY_LOGIN:
            shown.add(verdict.principal_arn)
    return [
        principal.principal_arn
        for principal in plan.principals
        if principal.principal_arn in shown and is_admin(principal)
    ]


def _enough_admins(admins: list[str], facts: GateFacts) -> bool:
    """Whether the proven administrators could mend an access that is wrong after the switch."""
    if not admins:
        return False
    # An entry of the operator alone proves too little: where it is wrong, the operator cannot
    # mend it. A second administrator can.
    independent = set(admins) - facts.callers
    if len(admins) >= 2 and independent:
        return True
    # The break-glass principal makes an access entry for itself when no login is admitted.
    if facts.break_glass is None:
        return False
    return facts.break_glass.shown


def _rehearsal(facts: GateFacts) -> Gate:
    """Gate 7: API mode was on trial lately. ``unknown`` where no rehearsal of this plan passed."""
    question = f"Did a rehearsal pass within {REHEARSAL_AGE.days} days?"
    remedy = (
        "Run `migrate rehearse PLAN --image IMAGE`, or waive the gate by name in decisions.yaml."
    )
    if facts.rehearsed is None:
        return _gate(7, "rehearsal", question, "unknown", "there is no record of one", remedy)
    recent = facts.now - facts.rehearsed <= REHEARSAL_AGE
    return _gate(
        7,
        "rehearsal",
        question,
        "pass" if recent else "fail",
        f"at {facts.rehearsed.isoformat()}",
        remedy,
    )


def _code(facts: GateFacts) -> Gate:
    """Gate 8, with everything that its waiver would cover."""
    state, detail, remedy = judge_code(facts.writers, facts.reconcilers)
    gate = _gate(8, "code", QUESTION, state, detail, remedy)
    return replace(gate, writers=named_writers(facts.writers, facts.reconcilers))


def _nodes(facts: GateFacts) -> Gate:
    """Gate 9: a node that cannot log in does not renew its Lease in kube-node-lease (Kubernetes
    documentation, "Nodes").
    """
    question = "Do all nodes renew their leases?"
    remedy = "Look at `kubectl get nodes` and the leases in kube-node-lease."
    unhealthy = facts.nodes_unhealthy
    if unhealthy is None:
        unhealthy = NodesUnread("", remedy)
    if isinstance(unhealthy, NodesUnread):
        detail = ": ".join(filter(None, ("the leases were not read", unhealthy.why)))
        return _gate(9, "nodes", question, "unknown", detail, unhealthy.remedy or remedy)
    state: GateState = "pass"
    if unhealthy:
        state = "fail"
    detail = _some(unhealthy) or "they do"
    if facts.node_join is None:
        return _gate(9, "nodes", question, state, detail, remedy)
    # Nodes that fail to join after the switch would look like its effect, and no row helps then.
    if facts.node_join.failing:
        state = "fail"
    detail = f"{detail}; nodes join only from listed addresses: {facts.node_join.message}"
    return _gate(9, "nodes", question, state, detail, f"{remedy} {facts.node_join.remedy}")


def _gate(
    number: int,
    name: str,
    question: str,
    state: GateState,
    detail: str,
    remedy: str,
) -> Gate:
    """The gate; one that passes needs no remedy."""
    if state == "pass":
        remedy = ""
    return Gate(number, name, question, state, detail, remedy)


def _some(items: Iterable[str]) -> str:
    """The first five items and how many more there are; empty without items."""
    return some_of(list(items), _MOST_NAMED, between="; ", last=", ")


def last_rehearsal(progress: Progress) -> datetime | None:
    """When the latest rehearsal of this plan passed and was long enough to count; None where it did
    not.
    """
    state = progress.of(f"{REHEARSE}-passed")
    if state.status not in SETTLED:
        return None
    return moment(state.at)


def end_state_changes(
    plan: Plan,
    progress: Progress,
    snapshot: Snapshot,
    plan_digest: str,
    basis: Mapping[str, object],
) -> tuple[str, ...]:
    """How a fresh read differs from what the plan ends in: everything but our own changes as it was
    when the plan was made, and every entry as its last step leaves it. ``basis`` is that of
    :func:`changes.as_before`.
    """
    sequences = sequences_of(plan, progress)
    found = {entry.principal_arn: entry for entry in snapshot.access_entries or ()}
    wrong: list[str] = []
    for principal in plan.principals:
        if principal.entry is None:
            continue
        if principal.action in ("skip", "block"):
            continue
        arn = principal.principal_arn
        entry = found.get(arn)
        wanted = _last_state(sequences.get(arn), progress, entry) or state_of(principal.entry)
        if matches(wanted, entry, plan_digest):
            continue
        if entry is None:
            wrong.append(f"the entry of {arn} is missing")
        else:
            wrong.append(f"the entry of {arn} is not what the plan ends in")
    judged = _without_wider(plan, progress, snapshot)
    return (
        *wrong,
        *unannounced_changes(plan, judged, plan_digest),
        *basis_changes(plan.basis, basis),
    )


def _last_state(
    sequence: Sequence | None,
    progress: Progress,
    entry: AccessEntry | None,
) -> EntryState | None:
    """What a sequence leaves of its entry; None where it has no steps, or steps that only prove and
    know nothing of the entry.
    """
    if sequence is None:
        return None
    # What is finished is judged by what it gives, and not by who has it now.
    finished = finished_state(sequence, progress, entry)
    if finished is not None and finished.type is not None:
        return finished
    last = sequence_states(sequence, progress.run or "")[-1]
    if last is None or last.type is None:
        return None
    return last


def _without_wider(plan: Plan, progress: Progress, snapshot: Snapshot) -> Snapshot:
    """The snapshot without what EKS's own entries give beyond the rows: the proofs gate asks about
    that.
    """
    if not snapshot.access_entries:
        return snapshot
    # Only a cluster that had no entries gets one from EKS at the mode step.
    if plan.cluster.authentication_mode != "CONFIG_MAP":
        return snapshot
    index = None
    if snapshot.rbac is not None:
        index = RbacIndex(snapshot.rbac)
    planned = {principal.principal_arn: principal for principal in plan.principals}
    entries: list[AccessEntry] = []
    for entry in snapshot.access_entries:
        arn = entry.principal_arn
        # Another writer made it: there is no row to compare it with.
        if arn not in planned:
            entries.append(entry)
            continue
        automatic = progress.automatic.get(arn)
        entries.append(without_wider(planned[arn], entry, automatic, index))
    return replace(snapshot, access_entries=tuple(entries))


def steps_left(plan: Plan, progress: Progress) -> tuple[str, ...]:
    """Steps that write and are not done."""
    steps = [step for step in plan.steps if not isinstance(step.effect, Prove)]
    return _not_settled(steps, progress)


def proofs_left(plan: Plan, progress: Progress) -> tuple[str, ...]:
    """Steps that prove and are not done. The proofs gate judges whether their principals are
    proven.
    """
    steps = [step for step in plan.steps if isinstance(step.effect, Prove)]
    return _not_settled(steps, progress)


def _not_settled(steps: Iterable[Step], progress: Progress) -> tuple[str, ...]:
    """One line for each step that is not done."""
    left: list[str] = []
    for step in steps:
        if progress.of(step.id).status in SETTLED:
            continue
        # A step about the cluster has no principal to name.
        line = f"{step.id} {step.effect.kind} {step.principal_arn or ''}"
        left.append(line.rstrip())
    return tuple(left)
