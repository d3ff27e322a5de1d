"""What repeats across the clusters of a fleet, and what is left: values for the report and the dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass

from migrator.model.fleet import ClusterFacts, ClusterResult, Inventory


@dataclass(frozen=True, slots=True)
class FindingAcross:
    """One finding with every cluster that has it. ``principals`` counts whom it concerns, over all clusters."""

    code: str
    severity: str
    clusters: tuple[str, ...]
    principals: int


@dataclass(frozen=True, slots=True)
class SameFindings:
    """Clusters whose blocking findings and warnings are the same set: what helps one helps all of them."""

    codes: tuple[str, ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """One principal (None: the cluster itself) that blocks clusters for the same reasons: one answer, many plans."""

    principal_arn: str | None
    codes: tuple[str, ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdminAcross:
    """Where one principal administers the whole cluster."""

    principal_arn: str
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountProgress:
    """How far an account is. ``stages`` counts its clusters by where they stand; ``left`` by what is next."""

    id: str
    name: str
    answered: bool
    clusters: int
    migrated: int
    stages: Mapping[str, int]
    left: Mapping[str, int]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FleetReport:
    """Everything that is known about a fleet, from its own files."""

    fleet: str
    at: str
    inventory: Inventory
    facts: tuple[ClusterFacts, ...]
    last: Mapping[str, ClusterResult]  # the latest result of each cluster, whatever the command
    findings: tuple[FindingAcross, ...]
    same: tuple[SameFindings, ...]
    questions: tuple[OpenQuestion, ...]
    admins: tuple[AdminAcross, ...]
    accounts: tuple[AccountProgress, ...]
    stages: Mapping[str, int]
    stage_by_cluster: tuple[str, ...] = ()  # in the order of ``facts``
    state: str = ""
