"""What is watched while no row admits a principal: nodes' leases, refused logins, and each
principal as which the tool can log in.
"""

from datetime import datetime, timedelta

from migrator.decide.observing.log_lines import login_of
from migrator.decide.proving.expected_log_in import is_usual_refusal
from migrator.decide.reading.row_keys import principal_key
from migrator.errors import MigratorError
from migrator.model.node_health import NodesNow, NodesUnread
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.ports import AccessReviewer
from migrator.run.begin_run import RunPorts
from migrator.run.node_evidence import read_nodes
from migrator.run.rehearsal_conditions import authenticator_log_is_on

LOGINS_EVERY = timedelta(seconds=60)
_LOG_DELAY = timedelta(minutes=5)  # how late a line may come into the log


class Trouble(MigratorError):
    """Something that ends the rehearsal: who or what would have lost access."""

    exit_code = 6


class Watcher:
    """Notes which nodes and principals are well at the start, and looks again and again."""

    def __init__(self, plan: Plan, ports: RunPorts) -> None:
        self._plan, self._ports = plan, ports
        self._healthy: frozenset[str] = frozenset()
        self._reviewers: dict[str, AccessReviewer] = {}
        self._logins_at: datetime | None = None

    def note_start(self) -> None:
        """Nodes that renew their leases, and principals that can be logged in as, while rows still
        answer.
        """
        now = self._ports.clock.now()
        self._healthy, self._reviewers = frozenset(), {}
        found = read_nodes(self._ports.nodes)
        if isinstance(found, NodesNow):
            healthy = [node.name for node in found.nodes if node.fresh(now)]
            self._healthy = frozenset(healthy)
        arns: list[str] = []
        for principal in self._plan.principals:
            if principal.entry is not None and principal.action != "skip":
                arns.append(principal.principal_arn)
        reviewers = self._ports.tasks.map(self._become, arns)
        for arn, reviewer in zip(arns, reviewers, strict=True):
            # What could not be logged in as before shows nothing later.
            if reviewer is not None:
                self._reviewers[arn] = reviewer

    def _become(self, arn: str) -> AccessReviewer | None:
        """A login as the principal before the map is blanked; None where it is not possible, so
        that later silence shows nothing.
        """
        try:
            reviewer = self._ports.reviewers.as_principal(arn)
        except MigratorError as error:
            if error.code != "cannot-become":
                raise
            return None
        if reviewer.who_am_i() is not None:
            return reviewer
        return None

    def look(self, began: datetime) -> None:
        """Everything once. Raises :class:`Trouble`. ``began``: since when no row is asked."""
        now = self._ports.clock.now()
        self._look_at_nodes(now)
        self._look_at_log(began, now)
        is_due = self._logins_at is None or now - self._logins_at >= LOGINS_EVERY
        # Each login is a token and a request: they are not made at every look.
        if is_due:
            self._log_in_as_everybody()
            self._logins_at = now

    def _look_at_nodes(self, now: datetime) -> None:
        """Raises ``Trouble`` where a node that renewed its lease before does not any more: its next
        token was refused.
        """
        found = read_nodes(self._ports.nodes)
        if isinstance(found, NodesUnread):
            return
        for node in found.nodes:
            # A node that was not healthy before, or that is drained, shows nothing of API mode.
            if node.name not in self._healthy or node.leaving:
                continue
            if node.fresh(now):
                continue
            raise Trouble(
                "rehearsal-node", f"The lease of node {node.name} is not renewed any more."
            )

    def _look_at_log(self, began: datetime, now: datetime) -> None:
        """Refused logins of principals that the plan keeps, as far as the log has them."""
        if self._ports.logs is None:
            return
        if not authenticator_log_is_on(self._ports):
            return
        kept: dict[str, PlannedPrincipal] = {}
        for principal in self._plan.principals:
            if principal.entry is not None:
                kept[principal_key(principal.principal_arn)] = principal
        start = max(began, now - _LOG_DELAY)
        events = self._ports.logs.events(
            "authenticator", start, now + timedelta(seconds=1), pattern='"access denied"'
        )
        for event in events:
            login = login_of(event["message"], event["timestamp"])
            if login is None or not login.refused:
                continue
            # What was refused before may have had another reason.
            if login.at < began:
                continue
            refused = kept.get(principal_key(login.arn))
            if refused is None:
                continue
            # A session of a node role that is no instance's, for example one of migrate itself.
            if is_usual_refusal(refused, login.refused):
                continue
            who = refused.principal_arn
            raise Trouble("rehearsal-denied", f"A login of {who} was refused.", why=login.refused)

    def _log_in_as_everybody(self) -> None:
        """Raises ``Trouble`` for the first principal that cannot log in any more."""
        arns = list(self._reviewers)
        for arn, let_in in zip(arns, self._ports.tasks.map(self._lets_in, arns), strict=True):
            if not let_in:
                raise Trouble("rehearsal-login", f"{arn} cannot log in.")

    def _lets_in(self, arn: str) -> bool:
        """Whether the principal can log in; a single refusal may be transient."""
        return any(self._reviewers[arn].who_am_i() is not None for _ in range(2))
