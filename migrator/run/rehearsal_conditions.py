"""The conditions under which a rehearsal causes no outage: all of them are checked before anything
is written.
"""

from migrator.decide.proving.verdicts import state_digest
from migrator.decide.running.gates import steps_left
from migrator.errors import MigratorError, Refused
from migrator.model.evidence import evidence_in
from migrator.model.node_health import NodesUnread
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.run.begin_run import RunPorts, callers_in, progress_in
from migrator.run.node_evidence import read_nodes
from migrator.run.one_run import EVIDENCE_FILE


def refuse_conditions(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    snapshot: Snapshot,
    chain: tuple[str, ...],
) -> None:
    """Raises ``Refused("rehearsal-conditions")`` naming every condition that is not met."""
    mode, status = ports.mode.read()
    wrong: list[str] = []
    if mode != "API_AND_CONFIG_MAP":
        wrong.append(
            f"the cluster is in {mode} mode; only in API_AND_CONFIG_MAP is this a rehearsal and no "
            f"outage"
        )
    if status != "ACTIVE":
        wrong.append(f"the cluster is {status}, not ACTIVE")
    left = steps_left(plan, progress_in(ports.store.journal(), plan, plan_digest))
    if left:
        wrong.append(f"{len(left)} steps of the plan are not done: apply it first")
    if mode == "API_AND_CONFIG_MAP" and not _operator_proven(plan, ports, snapshot, chain):
        wrong.append(
            "the operator's own access entry is not proven, and without it this run could not put "
            "aws-auth back: "
            "run `migrate verify PLAN`"
        )
    nodes = read_nodes(ports.nodes)
    if isinstance(nodes, NodesUnread) and not authenticator_log_is_on(ports):
        wrong.append(
            "neither the nodes' leases nor the authenticator's log can be read: this run "
            f"would not see a node fail ({nodes.why})"
        )
    if not any(snapshot.aws_auth_data.values()):
        wrong.append("aws-auth is empty or absent: there is nothing to rehearse")
    if wrong:
        raise Refused(
            "rehearsal-conditions",
            "The rehearsal is refused, and nothing was touched.",
            why="; ".join(wrong) + ".",
            remedy="Put that right, and run the same command again.",
        )


def _operator_proven(
    plan: Plan,
    ports: RunPorts,
    snapshot: Snapshot,
    chain: tuple[str, ...],
) -> bool:
    """A login of the operator's own principal that only its entry can explain, on the entry as it
    is now.
    """
    entries = {entry.principal_arn: entry for entry in snapshot.access_entries or ()}
    mode = snapshot.cluster.authentication_mode
    callers = callers_in(plan, chain[-1:])
    for evidence in evidence_in(ports.store.read(EVIDENCE_FILE) or b""):
        arn = evidence.principal_arn
        if arn not in callers or not evidence.holds:
            continue
        if evidence.proof_class not in ("live", "observed"):
            continue
        # The row can explain the login, too: it says nothing of API mode.
        if evidence.attribution == "none":
            continue
        if evidence.state_digest == state_digest(entries.get(arn), mode):
            return True
    return False


def authenticator_log_is_on(ports: RunPorts) -> bool:
    """Whether refused logins can be read."""
    try:
        return ports.logs is not None and "authenticator" in ports.logs.log_types()
    except MigratorError:
        return False
