"""What repeats across the clusters of a fleet, and what is left: values for the report and the
dashboard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrator.fleet.model.fleet import Command, FleetCluster, Inventory, Selector
from migrator.fleet.model.outcome import ClusterFacts, ClusterResult
from migrator.model.decision import Stub
from migrator.model.finding_kind import FindingKind
from migrator.model.security_note import Detection, NotedCall

_NOT_KNOWN = frozenset({"unknown", "unreachable", "denied"})  # stages


@dataclass(frozen=True, slots=True)
class FindingAcross:
    """One finding with every cluster that has it. ``principals`` counts whom it concerns, over all
    clusters.
    """

    code: str
    severity: str
    clusters: tuple[str, ...]
    principals: int


@dataclass(frozen=True, slots=True)
class SameFindings:
    """Clusters whose blocking findings and warnings are the same set: what helps one helps all of
    them.

    Every cluster of the fleet is in exactly one such group: no codes where a plan found nothing to
    act on, and ``planned`` False where there is no plan that could be read.
    """

    codes: tuple[str, ...]
    clusters: tuple[str, ...]
    planned: bool = True


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """One principal (None: the cluster itself) that blocks clusters for the same reasons: one
    answer, many plans.

    ``stubs`` are the answers that could be given. ``where`` means exactly these clusters and no
    other that has, or may have, the principal; None: the answer holds everywhere.
    """

    principal_arn: str | None
    codes: tuple[str, ...]
    clusters: tuple[str, ...]
    stubs: tuple[Stub, ...] = ()
    where: Selector | None = None


@dataclass(frozen=True, slots=True)
class AdminAcross:
    """Where one principal administers the whole cluster."""

    principal_arn: str
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountProgress:
    """How far an account is. ``stages`` counts its clusters by where they stand; ``left`` by what
    is next.

    ``migrated`` are done but for deleting aws-auth; ``finished`` have nothing left at all.
    ``reason``: why not every Region answered.
    """

    id: str
    name: str
    answered: bool
    clusters: int
    migrated: int
    stages: Mapping[str, int]
    left: Mapping[str, int]
    reason: str = ""
    finished: int = 0


@dataclass(frozen=True, slots=True)
class WaveSeen:
    """What happened in one wave of a run. ``ended`` is empty where it did not end.

    ``counts``: clusters by how they ended. ``results`` are those that are not done.
    """

    name: str
    started: str
    ended: str
    counts: Mapping[str, int]
    results: tuple[ClusterResult, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSeen:
    """One run of a command over the fleet, with all its interruptions and continuations.

    ``exit_code`` is None where its last attempt did not end; ``stopped`` says why it stopped early.
    """

    id: str
    command: Command
    started: str
    ended: str
    exit_code: int | None
    stopped: str
    attempts: int
    waves: tuple[WaveSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """One cluster with everything that is known of it. ``left``: what is to be done, in words that
    are the same for all clusters at the same point; ``command``: what to run for it, as arguments.
    ``is_open``: something is left to do or to prove, as the status of the cluster alone has it.
    """

    cluster: FleetCluster
    facts: ClusterFacts
    stage: str
    last: ClusterResult | None
    left: str = ""
    command: tuple[str, ...] = ()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class FleetSecurityNote:
    """What a SOC sees of a fleet: ``calls`` with their numbers over all ``clusters`` that have a
    plan. Reads are here where a published detection watches them; the note of one cluster has all.
    """

    clusters: int
    calls: tuple[NotedCall, ...] = ()
    detections: tuple[Detection, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetReport:
    """Everything that is known about a fleet, from its own files. ``file``: the fleet file, for
    commands to run.
    """

    fleet: str
    at: str
    inventory: Inventory
    rows: tuple[ClusterRow, ...]
    findings: tuple[FindingAcross, ...]
    same: tuple[SameFindings, ...]
    questions: tuple[OpenQuestion, ...]
    admins: tuple[AdminAcross, ...]
    accounts: tuple[AccountProgress, ...]
    stages: Mapping[str, int]
    runs: tuple[RunSeen, ...] = ()
    kinds: Mapping[str, FindingKind] = field(default_factory=dict)  # of the codes that were found
    security_note: FleetSecurityNote = FleetSecurityNote(0)
    state: str = ""
    file: str = "fleet.yaml"

    @property
    def known(self) -> bool:
        """Whether every account answered and every cluster could be read. What is not known is
        never fine.
        """
        return self.inventory.complete and not _NOT_KNOWN & set(self.stages)

    @property
    def is_open(self) -> bool:
        """Whether anything is left to do or to prove on any cluster."""
        return any(row.is_open for row in self.rows)

    @property
    def migrated(self) -> int:
        """How many clusters are done but for deleting aws-auth."""
        return sum(account.migrated for account in self.accounts)
