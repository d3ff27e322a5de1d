"""The plan: one action per principal, the findings, the ordered steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from migrator.model.access_entry import AuthenticationMode, EntrySpec, Identity
from migrator.model.finding import Finding
from migrator.model.log_ins import LogInPopulation
from migrator.model.rbac import PermissionRow
from migrator.model.step import ProofClass, Sequence, Step

Action: TypeAlias = Literal["create", "update", "recreate", "keep", "await", "skip", "block"]
ACTIONS: tuple[Action, ...] = ("create", "update", "recreate", "keep", "await", "skip", "block")
Strategy: TypeAlias = Literal["preserve", "policies"]
Target: TypeAlias = Literal["API", "API_AND_CONFIG_MAP"]


@dataclass(frozen=True, slots=True)
class ClusterRef:
    """Which cluster: enough to refuse a plan for another one."""

    name: str
    arn: str
    account_id: str
    region: str
    partition: str
    authentication_mode: AuthenticationMode


@dataclass(frozen=True, slots=True)
class AccessChange:
    """What the principal may do after that it may not before (``gained``), and the other way round
    (``lost``); and which of its log-ins are admitted after and refused before, and the other way
    round. Permissions are compared for logins that are admitted: a log-in that is gained gets all
    that the principal may do after.
    """

    gained: tuple[PermissionRow, ...] = ()
    lost: tuple[PermissionRow, ...] = ()
    log_ins_gained: LogInPopulation = ()
    log_ins_lost: LogInPopulation = ()


@dataclass(frozen=True, slots=True)
class PlannedPrincipal:
    """A principal with its one action. ``sources`` are all its rows, shadowed ones included, in
    document order; ``lines`` are theirs, each inside its section, empty in plans of before.

    ``entry`` is None for ``skip`` and ``block`` (``proposed`` may hold a block's best answer); for
    ``await`` it is what EKS is expected to make, and ``entry_after`` what it is updated to, where
    that differs.
    """

    principal_arn: str
    action: Action
    before: Identity
    sources: tuple[str, ...] = ()
    principal_id: str | None = None
    entry: EntrySpec | None = None
    proposed: EntrySpec | None = None
    required_proof: ProofClass = "live"
    access: AccessChange = AccessChange()
    findings: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()


# The finding of a plan that was made of a ConfigMap in a file.
MODE_NOT_READ = (
    "Mode and access entries were not read from the cluster: the mode is taken as CONFIG_MAP, and "
    "as if there were no access entry. In another mode the steps are others."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan. ``basis`` is the normalised object that the decisions depend on.

    ``sequences`` are the steps in plan order by key: all steps of one principal under its ARN, or
    one step about the cluster under ``step ID``.
    """

    created_at: str
    cluster: ClusterRef
    basis: Mapping[str, Any]
    snapshot_digest: str
    strategy: Strategy
    target: Target
    principals: tuple[PlannedPrincipal, ...]
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    break_glass: str | None = None
    sequences: Mapping[str, Sequence] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.principal_arn or f"step {step.id}", []).append(step)
        sequences = {key: tuple(steps) for key, steps in found.items()}
        object.__setattr__(self, "sequences", sequences)

    @property
    def lines(self) -> dict[str, int]:
        """``mapRoles[3]`` -> its line inside the section, for every row that the plan names with
        one: a row without a principal has a finding.
        """
        found = {
            finding.source: finding.line
            for finding in self.findings
            if finding.source is not None and finding.line is not None
        }
        for principal in self.principals:
            found.update(zip(principal.sources, principal.lines, strict=False))
        return found

    @property
    def blocked(self) -> bool:
        """True while a person must decide something first."""
        if any(principal.action == "block" for principal in self.principals):
            return True
        # A finding may be about the cluster and about no principal.
        return any(finding.severity == "block" for finding in self.findings)

    @property
    def is_mode_read(self) -> bool:
        """False for a plan of a ConfigMap in a file, whose mode is taken as CONFIG_MAP."""
        return all(finding.message != MODE_NOT_READ for finding in self.findings)

    @property
    def summary(self) -> dict[str, int]:
        """How many principals end in each action; every action is counted, zeros too."""
        found: dict[str, int] = {action: 0 for action in ACTIONS}
        for principal in self.principals:
            found[principal.action] += 1
        return found
