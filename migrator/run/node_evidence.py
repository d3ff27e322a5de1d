"""The nodes of a role: one look at leases and logs, a judgement, and the evidence that it makes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from migrator.decide.proving.node_proof import (
    NodeJudgement,
    NodeWindow,
    judge_nodes,
    nodes_of,
    without_kube_proxy,
)
from migrator.decide.running.row_identity import groups_by_row
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry
from migrator.model.evidence import Attribution, Evidence
from migrator.model.node_health import NodesNow, NodesUnread
from migrator.model.principal import last_part
from migrator.ports import NodeHealth
from migrator.run.login_evidence import logins_of
from migrator.run.one_run import StepPorts

LOOK_AGAIN = timedelta(seconds=20)
RECENT = timedelta(
    minutes=25
)  # every kubelet logs in within 15 minutes; the log gets it some minutes later


@dataclass(frozen=True, slots=True)
class Looked:
    """A look at the nodes of a role; ``why_no_log`` is empty when a log was read."""

    judgement: NodeJudgement
    why_no_log: str
    api_mode: bool


def read_nodes(nodes: NodeHealth | None) -> NodesNow | NodesUnread:
    """The state of all nodes, or why that may not be read."""
    if nodes is None:
        return NodesUnread("the leases are not read")
    try:
        return nodes.read()
    except MigratorError as error:
        if error.code in ("kubernetes-denied", "not-authenticated"):
            return NodesUnread(error.message.rstrip("."), error.remedy)
        raise


def look_at_nodes(
    ports: StepPorts,
    role_arn: str,
    *,
    since: datetime | None,
    api_mode: bool,
) -> Looked | NodesUnread:
    """One look at the nodes of a role.

    ``since``: when the role's entry got its present shape. ``api_mode``: no row is asked.
    """
    found = read_nodes(ports.nodes)
    if isinstance(found, NodesUnread):
        return found
    now = ports.clock.now()
    start = now - RECENT
    if since is not None:
        start = max(since, start)
    logins = logins_of(ports.logs, role_arn, start, now)
    data: dict[str, str] | None = None
    live = ports.config_maps.read()
    if live is not None:
        data = dict(live.get("data") or {})
    row_groups = groups_by_row(data, role_arn)
    window = NodeWindow(
        since=since, now=now, row_groups=row_groups, api_mode=api_mode, logins=logins.found
    )
    return Looked(
        judge_nodes(nodes_of(role_arn, found, logins.found or ()), window), logins.why, api_mode
    )


def evidence_of_nodes(
    looked: Looked,
    role_arn: str,
    *,
    entry: AccessEntry | None,
    state: str,
) -> Evidence:
    """What was seen, as evidence: ``observed`` only where every node that counts was seen."""
    found = looked.judgement
    wrong = list(found.differences)
    wrong += without_kube_proxy((node for node, _ in found.findings), entry)
    observed = found.complete or bool(wrong)
    attribution: Attribution = "none"
    # In API mode no row can explain that a node works.
    if observed and found.attributable:
        attribution = "node"
        if looked.api_mode:
            attribution = "api-mode"
    if entry is None:
        wrong.insert(0, "there is no entry")
    how = found.how
    if looked.why_no_log and not found.attributable:
        how += f"; {looked.why_no_log}"
    return Evidence(
        principal_arn=role_arn,
        proof_class="observed" if observed else "simulated",
        phase="after",
        at=found.window.now.isoformat(),
        state_digest=state,
        attribution=attribution,
        differences=tuple(wrong),
        how=how,
    )


def baseline_of_nodes(looked: Looked, role_arn: str, *, state: str) -> Evidence:
    """The nodes as they are before: how many renew their leases."""
    nodes, now = [node for node, _ in looked.judgement.findings], looked.judgement.window.now
    fresh = sum(node.fresh(now) for node in nodes)
    return Evidence(
        principal_arn=role_arn,
        proof_class="observed",
        phase="before",
        at=now.isoformat(),
        state_digest=state,
        how=f"{fresh} of {len(nodes)} nodes renew their leases",
    )


def progress_line(role_arn: str, looked: Looked) -> str:
    """How far the proof by nodes is: one line for the operator who waits."""
    found = looked.judgement
    how = found.how
    # With the log most of the wait is spared.
    if looked.why_no_log:
        how += f"; {looked.why_no_log}".rstrip(".")
    return f"nodes of {last_part(role_arn)}: {how}; until {found.until:%H:%M:%SZ} at most"


def watch_nodes(
    ports: StepPorts,
    role_arn: str,
    *,
    since: datetime | None,
    api_mode: bool,
    newcomer: str = "",
) -> Looked | NodesUnread:
    """Look until every node was seen, something is wrong, or there is nothing more to wait for.

    ``newcomer``: a node that joined just now, and whose login is waited for, too.
    """
    said = ""
    while True:
        looked = look_at_nodes(ports, role_arn, since=since, api_mode=api_mode)
        if isinstance(looked, NodesUnread):
            return looked
        expected = looked.judgement.finding_of(newcomer) == "joining"
        if not looked.judgement.waits and not (expected and not looked.judgement.differences):
            return looked
        line = progress_line(role_arn, looked)
        if line != said:
            ports.events.say("info", f"waiting: {line}", event="node")
        said = line
        ports.clock.sleep(LOOK_AGAIN)
