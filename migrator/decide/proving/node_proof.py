"""Whether the nodes of a role live by its access entry: from leases, and from logins in the
control-plane logs.

A kubelet takes a new token at least every 15 minutes (aws-iam-authenticator ``pkg/token``: tokens
count 15 minutes from their date, and clients give them up a minute earlier). So a lease that is
renewed later than that after an entry came into force was renewed with a token taken after it: the
node is admitted. The lease does not say by what: while aws-auth is asked, a dead entry falls
through to the row. The groups of the login do: node rows give ``system:bootstrappers``, node
entries do not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from migrator.decide.proving.how_known import clock_time
from migrator.decide.reading.row_keys import principal_key
from migrator.model.access_entry import AccessEntry
from migrator.model.long_lists import some_of
from migrator.model.node_health import LEASE_GRACE, NodesNow, NodeState
from migrator.model.observation import SeenLogin

TOKEN_LIFE = timedelta(minutes=15)
# An entry takes up to 30 seconds to reach the authenticator.
SPREAD = timedelta(seconds=60)
# CloudWatch Logs gets control-plane logs "within a few minutes".
LOG_DELAY = timedelta(minutes=5)
PATIENCE = SPREAD + TOKEN_LIFE + LOG_DELAY
# So long after a node joined, its first login may be missing in the log.
JOINING = SPREAD + LOG_DELAY
# A kubelet renews its lease every 10 seconds: so long without a renewal is no short disturbance.
STALE = timedelta(minutes=2)
BOOTSTRAPPERS = "system:bootstrappers"
WINDOWS_PROXY = "eks:kube-proxy-windows"
_NODE_USER = "system:node:"
_MOST_NAMED = 3

NodeFinding: TypeAlias = Literal[
    "proven", "alive", "joining", "waiting", "by-row", "stale", "down-before", "leaving"
]
# How nodes that were not seen are described.
_TEXTS: tuple[tuple[NodeFinding, str], ...] = (
    ("waiting", "not seen yet"),
    ("joining", "joined too recently for the log"),
    ("by-row", "through aws-auth so far"),
    ("stale", "stopped renewing its lease"),
    ("down-before", "was down before"),
    ("leaving", "is on its way out"),
)


@dataclass(frozen=True, slots=True)
class NodeWindow:
    """What a judgement rests on. ``since``: when the entry got its present shape, None where that
    is not known.

    ``row_groups``: what aws-auth gives the role, None where no row matches it. ``api_mode``:
    aws-auth is not asked (any more). ``logins`` None: there is no log to read; else what the log
    holds since ``since``, refusals included.
    """

    since: datetime | None
    now: datetime
    row_groups: frozenset[str] | None
    api_mode: bool = False
    logins: tuple[SeenLogin, ...] | None = None

    @property
    def only_entry(self) -> bool:
        """Whether only the entry can admit the role's logins."""
        return self.api_mode or self.row_groups is None

    @property
    def lease_is_enough(self) -> bool:
        """Whether a renewed lease counts. With a log, and a row that can admit the node, only the
        login says which of the two did.
        """
        return self.logins is None or self.only_entry

    @property
    def begin(self) -> datetime:
        """From when on logins count."""
        return self.since or datetime.fromtimestamp(0, tz=self.now.tzinfo)

    @property
    def in_force(self) -> datetime:
        """From when on the entry decides for sure."""
        return self.begin + SPREAD

    @property
    def end(self) -> datetime:
        """From when on there is nothing more to wait for."""
        return self.begin + PATIENCE


@dataclass(frozen=True, slots=True)
class NodeJudgement:
    """What is known of a role's nodes: each node's finding, and refused logins of the role.

    ``proven`` are nodes that logged in through the entry; ``alive`` are nodes that renewed their
    lease with a token taken after it.
    """

    findings: tuple[tuple[NodeState, NodeFinding], ...]
    refused: tuple[SeenLogin, ...]
    attributable: bool
    joined: int
    window: NodeWindow

    def named(self, *wanted: NodeFinding) -> tuple[str, ...]:
        """Names of the nodes with one of these findings."""
        return tuple(node.name for node, finding in self.findings if finding in wanted)

    @property
    def counted(self) -> int:
        """Nodes that must be seen: all but those that were down before, are on their way out, or
        joined just now.
        """
        return len(self.findings) - len(self.named("down-before", "leaving", "joining"))

    @property
    def seen(self) -> int:
        """Nodes that were seen."""
        return len(self.named("proven", "alive"))

    @property
    def complete(self) -> bool:
        """Every node that counts was seen, and there is one."""
        return self.seen == self.counted > 0

    @property
    def differences(self) -> tuple[str, ...]:
        """What shows the entry to be wrong; empty while nothing does."""
        return tuple(_differences(self))

    @property
    def waits(self) -> bool:
        """Whether looking again can show more."""
        if self.complete or self.differences:
            return False
        # No node can be seen yet, unless one joined just now.
        if self.counted == 0:
            return bool(self.named("joining"))
        return self.window.now < self.window.end

    @property
    def until(self) -> datetime:
        """From when on looking again shows nothing more, at the latest."""
        joining = [node for node, finding in self.findings if finding == "joining"]
        moments = [node.created + JOINING for node in joining if node.created is not None]
        return max([self.window.end, *moments])

    def finding_of(self, name: str) -> NodeFinding | None:
        """What is known of one node; None where the role has no node of that name."""
        return next((finding for node, finding in self.findings if node.name == name), None)

    @property
    def how(self) -> str:
        """One line for people."""
        return _how(self)


def nodes_of(
    role_arn: str, now: NodesNow, logins: Iterable[SeenLogin] = ()
) -> tuple[NodeState, ...]:
    """The live nodes whose kubelets log in with the role: by their instance, or by their own
    logins.
    """
    key = principal_key(role_arn)
    mine = [login for login in logins if principal_key(login.arn) == key]
    named = {login.username.removeprefix(_NODE_USER) for login in mine}

    def under_role(node: NodeState) -> bool:
        # The instance was not read: the node's own login names the role.
        if node.role_arn is None:
            return node.name in named
        return principal_key(node.role_arn) == key

    return tuple(node for node in now.nodes if under_role(node))


def judge_nodes(nodes: Sequence[NodeState], window: NodeWindow) -> NodeJudgement:
    """Judge the nodes of one role. ``window.logins`` are the role's only."""
    logins = window.logins or ()
    latest = _latest_by_node(logins, window)
    findings = tuple((node, _finding(node, latest.get(node.name), window)) for node in nodes)
    proven = any(finding == "proven" for _, finding in findings)
    found = {node.name for node, finding in findings if finding in ("proven", "alive")}
    joined = [node for node in nodes if node.name in found and _joined_later(node, window)]
    # Before the entry is in force a login can be refused without a fault of the entry.
    refused = [each for each in logins if each.refused and each.at >= window.in_force]
    return NodeJudgement(
        findings=findings,
        refused=tuple(refused),
        attributable=proven or window.only_entry,
        joined=len(joined),
        window=window,
    )


def _latest_by_node(logins: Iterable[SeenLogin], window: NodeWindow) -> dict[str, SeenLogin]:
    """The last admitted login of each node since the entry got its present shape."""
    admitted = [each for each in logins if not each.refused and each.at >= window.begin]
    in_order = sorted(admitted, key=lambda each: each.at)
    return {login.username.removeprefix(_NODE_USER): login for login in in_order}


def _finding(node: NodeState, login: SeenLogin | None, window: NodeWindow) -> NodeFinding:
    fresh = node.fresh(window.now)
    through = None if login is None else _through(login, window)
    if through == "entry" and fresh:
        return "proven"
    if through == "row":
        return "by-row"
    if not fresh:
        return _why_not_fresh(node, window)
    if window.lease_is_enough and _token_is_new(node, window):
        return "alive"
    if login is None and _may_be_missing_in_log(node, window):
        return "joining"
    return "waiting"


def _token_is_new(node: NodeState, window: NodeWindow) -> bool:
    """Whether the lease was renewed with a token that was taken after the entry was in force."""
    # A token lives 15 minutes (aws-iam-authenticator pkg/token): every older one has expired.
    if node.renewed is not None and node.renewed >= window.in_force + TOKEN_LIFE:
        return True
    # A Fargate node is a machine made for one pod: one that joined after the entry was in force
    # never had an older token.
    if node.compute != "fargate" or node.created is None:
        return False
    return node.created >= window.in_force


def _may_be_missing_in_log(node: NodeState, window: NodeWindow) -> bool:
    """Whether the node joined so recently that its first login may not be in the log yet."""
    # Until now the other nodes are waited for too.
    if window.now < window.in_force + TOKEN_LIFE:
        return False
    return _joined_later(node, window) and _younger(node, JOINING, window)


def _joined_later(node: NodeState, window: NodeWindow) -> bool:
    return node.created is not None and node.created > window.begin


def _younger(node: NodeState, age: timedelta, window: NodeWindow) -> bool:
    return node.created is not None and window.now - node.created < age


def _why_not_fresh(node: NodeState, window: NodeWindow) -> NodeFinding:
    if node.leaving:
        return "leaving"
    # A new node has no lease yet; an older one without a lease was never ready.
    if node.renewed is None:
        return "waiting" if _younger(node, STALE, window) else "down-before"
    # The lease had expired before the entry got its shape: the entry is not the cause.
    if window.since is not None and node.renewed < window.since - LEASE_GRACE:
        return "down-before"
    if window.now - node.renewed >= STALE:
        return "stale"
    return "waiting"


def _through(login: SeenLogin, window: NodeWindow) -> Literal["entry", "row", "either"]:
    """What admitted a login: the entry or the row."""
    # Node rows give this group, node entries do not (EKS gives them system:nodes).
    telling = window.row_groups is not None and BOOTSTRAPPERS in window.row_groups
    if telling and BOOTSTRAPPERS not in login.groups:
        return "entry"
    # The entry may not have reached the authenticator yet.
    if login.at < window.in_force:
        return "either"
    if window.only_entry:
        return "entry"
    if telling:
        return "row"
    # A row without that group gives what the entry gives.
    return "either"


def _differences(found: NodeJudgement) -> Iterable[str]:
    # The entry works: other failures under the role have another cause.
    if found.named("proven"):
        return
    if found.refused:
        last = max(found.refused, key=lambda each: each.at)
        yield f"a login of the role was refused at {clock_time(last.at)}: {last.refused}"
    by_row = found.named("by-row")
    if by_row:
        yield (
            f"{_some(by_row)} logged in through aws-auth, not through the entry: the entry does "
            f"not match the role"
        )
    stale = found.named("stale")
    if stale:
        yield f"{_some(stale)} stopped renewing the lease after the entry came"


def _how(found: NodeJudgement) -> str:
    window = found.window
    if not found.findings:
        return "no node runs under the role now"
    by = "renewed the lease with a token taken after it"
    if found.named("proven"):
        by = "logged in through the entry"
    parts = [f"{found.seen} of {found.counted} nodes {by}"]
    if window.since is not None:
        parts[0] += f" (since {clock_time(window.since)})"
    if found.joined:
        parts.append(f"{found.joined} joined since")
    for finding, text in _TEXTS:
        names = found.named(finding)
        if names:
            parts.append(f"{text}: {_some(names)}")
    if not found.attributable and found.seen:
        parts.append("leases do not tell the entry from the row")
    return "; ".join(parts)


def without_kube_proxy(nodes: Iterable[NodeState], entry: AccessEntry | None) -> tuple[str, ...]:
    """Windows nodes whose kube-proxy cannot work: it is a Windows service there and logs in as the
    node, whose entry must give ``eks:kube-proxy-windows`` (EKS user guide, "Deploy Windows nodes on
    EKS clusters"). On Linux it logs in by its service account.
    """
    if entry is None:
        return ()
    if entry.type == "EC2_WINDOWS" or WINDOWS_PROXY in entry.kubernetes_groups:
        return ()
    windows = [node.name for node in nodes if node.system == "windows"]
    if not windows:
        return ()
    return (
        f"{_some(windows)}: kube-proxy on Windows needs {WINDOWS_PROXY}, which a {entry.type} "
        f"entry does not give",
    )


def unhealthy_nodes(now: NodesNow, at: datetime) -> tuple[str, ...]:
    """What the cut-over gate wants to know: nodes without a fresh lease, and Fargate profiles that
    are not well.
    """
    nodes = [node for node in now.nodes if not node.fresh(at) and not node.leaving]
    found = [_last_renewal(node) for node in nodes]
    for profile in now.profiles:
        if not profile.healthy:
            status = f"Fargate profile {profile.name} is {profile.status}"
            found.append("; ".join((status, *profile.issues)))
    return tuple(found)


def _last_renewal(node: NodeState) -> str:
    if node.renewed is None:
        return f"{node.name} has no lease"
    return f"{node.name} renewed its lease {clock_time(node.renewed)}"


def _some(names: Sequence[str]) -> str:
    return some_of(names, _MOST_NAMED)
