"""Whether the nodes of a role live by its access entry: from leases, and from logins in the
control-plane logs.

A kubelet takes a new token at least every 15 minutes (aws-iam-authenticator ``pkg/token``: tokens
count 15 minutes from their date, and clients give them up a minute earlier). So a lease that is
renewed later than that after an entry came into force was renewed with a token taken after it: the
node is let in. By what, the lease does not say: while aws-auth is asked, a dead entry falls through
to the row. The groups of the login do: node rows give ``system:bootstrappers``, node entries do
not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from migrator.decide.proving.how_known import clock_time
from migrator.decide.reading.row_keys import principal_key
from migrator.model.access_entry import AccessEntry
from migrator.model.node_health import LEASE_GRACE, NodesNow, NodeState
from migrator.model.observation import SeenLogin

TOKEN_LIFE = timedelta(minutes=15)
SPREAD = timedelta(seconds=60)  # an entry takes up to 30 seconds to reach the authenticator
LOG_DELAY = timedelta(minutes=5)  # CloudWatch Logs gets control-plane logs "within a few minutes"
PATIENCE = SPREAD + TOKEN_LIFE + LOG_DELAY
JOINING = (
    SPREAD + LOG_DELAY
)  # so long after a node joined, its first login may be missing in the log
STALE = timedelta(minutes=2)  # so long without a renewal is no hiccup
BOOTSTRAPPERS = "system:bootstrappers"
WINDOWS_PROXY = "eks:kube-proxy-windows"
_NODE_USER = "system:node:"
_MOST_NAMED = 3

NodeFinding: TypeAlias = Literal[
    "proven", "alive", "joining", "waiting", "by-row", "stale", "down-before", "leaving"
]


@dataclass(frozen=True, slots=True)
class NodeWindow:
    """What a judgement rests on. ``since``: when the entry got its present shape, None where that
    is not known.

    ``row_groups``: what aws-auth gives the role, None where it has nothing for it. ``api_mode``:
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
        """Whether nothing but the entry can let the role in."""
        return self.api_mode or self.row_groups is None

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

    ``proven`` counts nodes that logged in through the entry, or that are alive where only the entry
    can let them in.
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
        if self.counted == 0:
            return bool(self.named("joining"))
        return self.window.now < self.window.end

    @property
    def until(self) -> datetime:
        """From when on looking again shows nothing more, at the latest."""
        joined = [
            node.created
            for node, finding in self.findings
            if finding == "joining" and node.created is not None
        ]
        return max([self.window.end, *(moment + JOINING for moment in joined)])

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
    named = {
        login.username.removeprefix(_NODE_USER)
        for login in logins
        if principal_key(login.arn) == key
    }
    return tuple(
        node
        for node in now.nodes
        if (
            principal_key(node.role_arn) == key if node.role_arn is not None else node.name in named
        )
    )


def judge_nodes(nodes: Sequence[NodeState], window: NodeWindow) -> NodeJudgement:
    """Judge the nodes of one role. ``window.logins`` are the role's only."""
    logins = window.logins or ()
    latest: dict[str, SeenLogin] = {}
    for login in sorted((each for each in logins if not each.refused), key=lambda each: each.at):
        if login.at >= window.begin:
            latest[login.username.removeprefix(_NODE_USER)] = login
    findings = tuple((node, _finding(node, latest.get(node.name), window)) for node in nodes)
    proven = any(finding == "proven" for _, finding in findings)
    found = {node.name for node, finding in findings if finding in ("proven", "alive")}
    return NodeJudgement(
        findings=findings,
        refused=tuple(each for each in logins if each.refused and each.at >= window.in_force),
        attributable=proven or window.only_entry,
        joined=sum(
            node.name in found and node.created is not None and node.created > window.begin
            for node in nodes
        ),
        window=window,
    )


def _finding(node: NodeState, login: SeenLogin | None, window: NodeWindow) -> NodeFinding:
    fresh = node.fresh(window.now)
    through = None if login is None else _through(login, window)
    if through == "entry" and fresh:
        return "proven"
    if through == "row":
        return "by-row"
    if not fresh:
        return _why_not_fresh(node, window)
    renewed_later = node.renewed is not None and node.renewed >= window.in_force + TOKEN_LIFE
    if (renewed_later or _born_later(node, window)) and (
        window.logins is None or window.only_entry
    ):
        return "alive"
    young = (
        node.created is not None
        and node.created > window.begin
        and window.now - node.created < JOINING
    )
    return (
        "joining"
        if young and login is None and window.now >= window.in_force + TOKEN_LIFE
        else "waiting"
    )


def _born_later(node: NodeState, window: NodeWindow) -> bool:
    """A Fargate node is a machine made for one pod: what joined after the entry was in force never
    had a token from before it.
    """
    return (
        node.compute == "fargate" and node.created is not None and node.created >= window.in_force
    )


def _why_not_fresh(node: NodeState, window: NodeWindow) -> NodeFinding:
    if node.leaving:
        return "leaving"
    if node.renewed is None:
        new = node.created is not None and window.now - node.created < STALE
        return "waiting" if new else "down-before"
    if window.since is not None and node.renewed < window.since - LEASE_GRACE:
        return "down-before"
    return "stale" if window.now - node.renewed >= STALE else "waiting"


def _through(login: SeenLogin, window: NodeWindow) -> Literal["entry", "row", "either"]:
    """What let a login in. Where no row can, it was the entry as soon as that is in force for
    sure.
    """
    telling = window.row_groups is not None and BOOTSTRAPPERS in window.row_groups
    if telling and BOOTSTRAPPERS not in login.groups:
        return "entry"
    if login.at < window.in_force:
        return "either"
    if window.only_entry:
        return "entry"
    return "row" if telling else "either"  # a row without that group gives what the entry gives


def _differences(found: NodeJudgement) -> Iterable[str]:
    if found.named("proven"):
        # the entry works: what else happens under the role is the node's own affair, or somebody
        # else's
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
    by = (
        "logged in through the entry"
        if found.named("proven")
        else "renewed the lease with a token taken after it"
    )
    parts = [f"{found.seen} of {found.counted} nodes {by}"]
    if window.since is not None:
        parts[0] += f" (since {clock_time(window.since)})"
    if found.joined:
        parts.append(f"{found.joined} joined since")
    for finding, text in (
        ("waiting", "not seen yet"),
        ("joining", "joined too recently for the log"),
        ("by-row", "through aws-auth so far"),
        ("stale", "stopped renewing its lease"),
        ("down-before", "was down before"),
        ("leaving", "is on its way out"),
    ):
        names = found.named(finding)  # type: ignore[arg-type]
        if names:
            parts.append(f"{text}: {_some(names)}")
    if not found.attributable and found.seen:
        parts.append("leases do not tell the entry from the row")
    return "; ".join(parts)


def without_kube_proxy(nodes: Iterable[NodeState], entry: AccessEntry | None) -> tuple[str, ...]:
    """Windows nodes whose kube-proxy cannot work: it is a Windows service there and logs in as the
    node, whose entry must give ``eks:kube-proxy-windows`` (EKS user guide, "Deploy Windows nodes on
    EKS clusters"). On Linux it has a service account of its own.
    """
    if entry is None or entry.type == "EC2_WINDOWS" or WINDOWS_PROXY in entry.kubernetes_groups:
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
    nodes = [
        f"{node.name} has no lease"
        if node.renewed is None
        else f"{node.name} renewed its lease {clock_time(node.renewed)}"
        for node in now.nodes
        if not node.fresh(at) and not node.leaving
    ]
    profiles = [
        f"Fargate profile {profile.name} is {profile.status}"
        + "".join(f"; {issue}" for issue in profile.issues)
        for profile in now.profiles
        if not profile.healthy
    ]
    return (*nodes, *profiles)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
