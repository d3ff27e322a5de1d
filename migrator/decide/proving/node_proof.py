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
        """Whether only the entry can admit the role's logins.

        In API mode no row is asked; without a matching row there is none that could answer.
        """
        return self.api_mode or self.row_groups is None

    @property
    def lease_is_enough(self) -> bool:
        """Whether a renewed lease counts.

        With a log, and a row that can admit the node, only the login says which of the two did.
        """
        if self.only_entry:
            return True
        return self.logins is None

    @property
    def begin(self) -> datetime:
        """From when on logins count; the oldest moment there is where ``since`` is not known."""
        return self.since or datetime.fromtimestamp(0, tz=self.now.tzinfo)

    @property
    def in_force(self) -> datetime:
        """From when on the entry decides for sure: until then the authenticator may not have it."""
        return self.begin + SPREAD

    @property
    def end(self) -> datetime:
        """From when on there is nothing more to wait for.

        Then every older token has expired, and every log line has been delivered.
        """
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
        """Names of the nodes with one of these findings, in the order of the nodes."""
        return tuple(node.name for node, finding in self.findings if finding in wanted)

    @property
    def counted(self) -> int:
        """Nodes that must be seen.

        These are all but those that were down before, are on their way out, or joined just now.
        """
        return len(self.findings) - len(self.named("down-before", "leaving", "joining"))

    @property
    def seen(self) -> int:
        """Nodes that were seen."""
        return len(self.named("proven", "alive"))

    @property
    def complete(self) -> bool:
        """Every node that counts was seen, and there is one: no node is no proof."""
        return self.seen == self.counted > 0

    @property
    def differences(self) -> tuple[str, ...]:
        """What shows the entry to be wrong, one line each; empty while nothing does."""
        return tuple(_differences(self))

    @property
    def waits(self) -> bool:
        """Whether looking again can show more; it cannot once everything or a fault was seen."""
        if self.complete:
            return False
        # A fault does not mend itself by waiting.
        if self.differences:
            return False
        # No node can be seen yet, unless one joined just now.
        if self.counted == 0:
            return bool(self.named("joining"))
        return self.window.now < self.window.end

    @property
    def until(self) -> datetime:
        """From when on looking again shows nothing more, at the latest.

        A node that joined just now is waited for a little longer than the others: its first login
        may not be in the log.
        """
        latest = self.window.end
        for node, finding in self.findings:
            if finding != "joining" or node.created is None:
                continue
            latest = max(latest, node.created + JOINING)
        return latest

    def finding_of(self, name: str) -> NodeFinding | None:
        """What is known of one node; None where the role has no node of that name."""
        for node, finding in self.findings:
            if node.name == name:
                return finding
        return None

    @property
    def how(self) -> str:
        """One line for people."""
        return _how(self)


def nodes_of(
    role_arn: str, now: NodesNow, logins: Iterable[SeenLogin] = ()
) -> tuple[NodeState, ...]:
    """The live nodes whose kubelets log in with the role.

    By their instance, or where that was not read by their own logins, whose username is
    ``system:node:NAME`` and whose ARN is the role's. ``logins`` may be of all roles.
    """
    key = principal_key(role_arn)
    mine = [login for login in logins if principal_key(login.arn) == key]
    named = {login.username.removeprefix(_NODE_USER) for login in mine}

    def under_role(node: NodeState) -> bool:
        """Whether the node's kubelet logs in with the role."""
        # The instance was not read: the node's own login names the role.
        if node.role_arn is None:
            return node.name in named
        return principal_key(node.role_arn) == key

    return tuple(node for node in now.nodes if under_role(node))


def judge_nodes(nodes: Sequence[NodeState], window: NodeWindow) -> NodeJudgement:
    """Judge the nodes of one role. ``window.logins`` are the role's only.

    The judgement is attributable where at least one node logged in through the entry, or where no
    row can have admitted any.
    """
    logins = window.logins or ()
    latest = _latest_by_node(logins, window)
    findings: list[tuple[NodeState, NodeFinding]] = []
    proven = False
    joined = 0
    for node in nodes:
        finding = _finding(node, latest.get(node.name), window)
        findings.append((node, finding))
        proven = proven or finding == "proven"
        if finding in ("proven", "alive") and _joined_later(node, window):
            joined += 1
    # Before the entry is in force a login can be refused without a fault of the entry.
    refused = [each for each in logins if each.refused and each.at >= window.in_force]
    return NodeJudgement(
        findings=tuple(findings),
        refused=tuple(refused),
        attributable=proven or window.only_entry,
        joined=joined,
        window=window,
    )


def _latest_by_node(logins: Iterable[SeenLogin], window: NodeWindow) -> dict[str, SeenLogin]:
    """Node -> its last admitted login since the entry got its present shape."""
    latest: dict[str, SeenLogin] = {}
    for login in sorted(logins, key=lambda each: each.at):
        # A refused login says nothing of a node: it has no username.
        if login.refused:
            continue
        if login.at < window.begin:
            continue
        latest[login.username.removeprefix(_NODE_USER)] = login
    return latest


def _finding(node: NodeState, login: SeenLogin | None, window: NodeWindow) -> NodeFinding:
    """What is known of one node: ``login`` is its last admitted one, None where there is none.

    A login says more than a lease: it is looked at first.
    """
    fresh = node.fresh(window.now)
    if login is not None:
        through = _through(login, window)
        if through == "entry" and fresh:
            return "proven"
        # The entry could have admitted this login and did not: the row answered instead.
        if through == "row":
            return "by-row"
    # A login in the past says nothing of a node that has stopped since.
    if not fresh:
        return _why_not_fresh(node, window)
    # The kubelet has had to log in again since, and was admitted.
    if window.lease_is_enough and _token_is_new(node, window):
        return "alive"
    if login is None and _may_be_missing_in_log(node, window):
        return "joining"
    return "waiting"


def _token_is_new(node: NodeState, window: NodeWindow) -> bool:
    """Whether the lease was renewed with a token that was taken after the entry was in force.

    A kubelet keeps its token until shortly before it expires: a renewal soon after the entry says
    nothing, one that is later than a token lives says all.
    """
    # A token lives 15 minutes (aws-iam-authenticator pkg/token): every older one has expired.
    if node.renewed is not None and node.renewed >= window.in_force + TOKEN_LIFE:
        return True
    # A Fargate node is a machine made for one pod: one that joined after the entry was in force
    # never had an older token.
    if node.compute != "fargate":
        return False
    if node.created is None:
        return False
    return node.created >= window.in_force


def _may_be_missing_in_log(node: NodeState, window: NodeWindow) -> bool:
    """Whether the node joined so recently that its first login may not be in the log yet.

    CloudWatch Logs shows control-plane logs minutes later (EKS user guide, "Send control plane logs
    to CloudWatch Logs").
    """
    # Until now the other nodes are waited for too.
    if window.now < window.in_force + TOKEN_LIFE:
        return False
    if not _joined_later(node, window):
        return False
    return _younger(node, JOINING, window)


def _joined_later(node: NodeState, window: NodeWindow) -> bool:
    """Whether the node is known to be younger than the entry's present shape."""
    if node.created is None:
        return False
    return node.created > window.begin


def _younger(node: NodeState, age: timedelta, window: NodeWindow) -> bool:
    """Whether the node is known to be younger than ``age``."""
    if node.created is None:
        return False
    return window.now - node.created < age


def _why_not_fresh(node: NodeState, window: NodeWindow) -> NodeFinding:
    """The finding for a node that does not renew its lease now.

    A fault of the entry is one cause of several: a node that was down or is being removed shows
    nothing about the entry.
    """
    if node.leaving:
        return "leaving"
    # A new node has no lease yet; an older one without a lease was never ready.
    if node.renewed is None:
        if _younger(node, STALE, window):
            return "waiting"
        return "down-before"
    # The lease had expired before the entry got its shape: the entry is not the cause.
    if window.since is not None and node.renewed < window.since - LEASE_GRACE:
        return "down-before"
    if window.now - node.renewed >= STALE:
        return "stale"
    # A short disturbance: the next renewal decides.
    return "waiting"


def _through(login: SeenLogin, window: NodeWindow) -> Literal["entry", "row", "either"]:
    """What admitted a login: the entry, the row, or either of the two.

    The groups tell where the row gives ``system:bootstrappers``; else the moment and the mode do.
    """
    # Node rows give this group, node entries do not (EKS gives them system:nodes).
    telling = window.row_groups is not None and BOOTSTRAPPERS in window.row_groups
    # A login without the group cannot be the row's, however young the entry is.
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
    """What shows the entry to be wrong, one line for people each."""
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
    """One line for people: how many nodes were seen by what, and how the others are.

    For example ``2 of 3 nodes logged in through the entry (since 2026-01-01 10:00:00Z); not seen
    yet: ip-10-0-0-7``.
    """
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
    # While a row may answer, a live node does not show that the entry is right.
    if not found.attributable and found.seen:
        parts.append("leases do not tell the entry from the row")
    return "; ".join(parts)


def without_kube_proxy(nodes: Iterable[NodeState], entry: AccessEntry | None) -> tuple[str, ...]:
    """Windows nodes whose kube-proxy cannot work by this entry, as one line or none.

    It is a Windows service there and logs in as the node, whose entry must give
    ``eks:kube-proxy-windows`` (EKS user guide, "Deploy Windows nodes on EKS clusters"). On Linux it
    logs in by its service account.
    """
    if entry is None:
        return ()
    # EKS gives the group to entries of this type; others may show it where EKS gives it to them.
    if entry.type == "EC2_WINDOWS":
        return ()
    if WINDOWS_PROXY in entry.kubernetes_groups:
        return ()
    windows = [node.name for node in nodes if node.system == "windows"]
    if not windows:
        return ()
    text = (
        f"{_some(windows)}: kube-proxy on Windows needs {WINDOWS_PROXY}, which a {entry.type} "
        f"entry does not give"
    )
    return (text,)


def unhealthy_nodes(now: NodesNow, at: datetime) -> tuple[str, ...]:
    """What the cut-over gate wants to know, one line each.

    Nodes without a fresh lease ``at`` that moment, and Fargate profiles that are not well, with the
    issues that EKS shows.
    """
    found: list[str] = []
    for node in now.nodes:
        # A node that is on its way out is meant to stop.
        if node.fresh(at) or node.leaving:
            continue
        if node.renewed is None:
            found.append(f"{node.name} has no lease")
            continue
        found.append(f"{node.name} renewed its lease {clock_time(node.renewed)}")
    for profile in now.profiles:
        if profile.healthy:
            continue
        status = f"Fargate profile {profile.name} is {profile.status}"
        found.append("; ".join((status, *profile.issues)))
    return tuple(found)


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return some_of(names, _MOST_NAMED)
