"""How the clusters of a fleet stand, by their files, and how every one ended a command. Values
only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from migrator.fleet.model.fleet import Command, Inventory
from migrator.model.decision import Stub
from migrator.model.security_note import NotedCall

ClusterStatus: TypeAlias = Literal[
    "done",  # exit code 0
    "blocked",  # a person must decide first
    "refused",  # a gate, or no answer
    "changed",  # not the cluster that was planned for
    "unproven",  # verification failed
    "unreachable",  # the AWS API or the API server does not answer
    "denied",  # not allowed to
    "interrupted",
    "failed",
    # Not started (an earlier wave failed, a freeze, a stop), or a proof is open; nothing failed.
    "waiting",
]
STATUSES: tuple[ClusterStatus, ...] = (
    "done",
    "blocked",
    "refused",
    "changed",
    "unproven",
    "unreachable",
    "denied",
    "interrupted",
    "failed",
    "waiting",
)


@dataclass(frozen=True, slots=True)
class FindingSeen:
    """A finding as patterns across clusters need it; ``source`` and ``message`` are for a person
    who reads about one.
    """

    code: str
    severity: str
    principal_arn: str | None = None
    source: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What is known of one cluster from its own files: what reports and patterns are made of.

    ``principals``: ARN -> action. ``admins``: who administers the whole cluster after the plan.
    ``steps`` and ``done`` count the plan's steps; ``next`` is one line. None: not known. ``stubs``:
    the answers that could be given, by the ARN of the principal that blocks (empty: the cluster
    itself). ``rehearsed``: when a rehearsal of this plan passed. ``folder``: where the files are.
    ``calls``: those of the plan's steps and of the switch, for the note for the SOC.
    """

    arn: str
    plan_digest: str | None = None
    planned_at: str | None = None
    mode: str | None = None
    target: str | None = None
    blocked: bool | None = None
    summary: Mapping[str, int] = field(default_factory=dict)
    principals: Mapping[str, str] = field(default_factory=dict)
    admins: tuple[str, ...] = ()
    findings: tuple[FindingSeen, ...] = ()
    steps: int = 0
    done: int = 0
    next: str = ""
    verdict: str = ""
    problem: str = ""  # why the files could not be read
    stubs: Mapping[str, tuple[Stub, ...]] = field(default_factory=dict)
    rehearsed: datetime | None = None
    retired: bool = False
    calls: tuple[NotedCall, ...] = ()
    folder: str = ""
    begun: str = ""  # the command of the plan that was begun and did not end
    rolled_back: bool = False  # the last command on the entries left no step of the plan
    rolled_back_in_part: bool = False  # it left those of the principals that it was not asked for


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """How one command ended on one cluster. ``code`` to ``remedy`` say why it is not done."""

    arn: str
    command: Command
    status: ClusterStatus
    exit_code: int
    at: str
    code: str = ""
    message: str = ""
    why: str = ""
    remedy: str = ""
    plan_digest: str | None = None
    wave: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether nothing is left to do for this command."""
        return self.status == "done"


@dataclass(frozen=True, slots=True)
class FleetOutcome:
    """How a command ended on a fleet. ``stopped``: why later clusters were not started.
    ``unapproved``: the wave before which it stopped, where that waits for approval.
    """

    fleet: str
    command: Command
    run: str
    inventory: Inventory
    results: tuple[ClusterResult, ...]
    exit_code: int
    stopped: str = ""
    unapproved: str = ""
    state: str = ""
    seconds: float = 0.0

    @property
    def left(self) -> tuple[ClusterResult, ...]:
        """Clusters that are not done."""
        return tuple(result for result in self.results if not result.done)

    def count(self, status: ClusterStatus) -> int:
        """How many clusters ended so."""
        return sum(result.status == status for result in self.results)
