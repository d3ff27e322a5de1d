"""Where every cluster of a fleet stands, read from the clusters' own files: nothing is asked of
AWS.

Whatever single-cluster commands did is seen, too, because the files are theirs. What cannot be read
is a problem of that cluster and of no other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from migrator.decide.planning.stubs import stubs_for
from migrator.decide.reach.security_note import calls_of_plan
from migrator.decide.running.gates import last_rehearsal
from migrator.decide.running.progress import CUT_OVER, RETIRE, SETTLED, Progress
from migrator.decide.running.second_admin import is_admin
from migrator.decide.running.unfinished import is_rolled_back, is_rolled_back_in_part
from migrator.errors import Failed, MigratorError
from migrator.fleet.decide.patterns import report_of
from migrator.fleet.model.files.records import (
    INVENTORY_FILE,
    RUNS_FILE,
    FleetRecord,
    decode_inventory,
    decode_records,
)
from migrator.fleet.model.fleet import FleetCluster
from migrator.fleet.model.outcome import ClusterFacts, ClusterResult, FindingSeen
from migrator.fleet.model.report import FleetReport
from migrator.fleet.model.short_texts import utc_seconds
from migrator.model.decision import Stub
from migrator.model.plan import ClusterRef, Plan
from migrator.model.step import EnableEntries
from migrator.ports import Clock, StateStore, TaskRunner
from migrator.run.begin_run import progress_in
from migrator.run.read_plan import read_plan
from migrator.run.show_status import StatusPorts, show_status

# See migrator.decide.running.unfinished: a line begins with the command that continues.
_CONTINUED = frozenset({"rollback", "cutover", "retire", "verify", "rehearse"})
_MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")  # a cluster only ever moves to the right


@dataclass(frozen=True, slots=True)
class FleetStatusPorts:
    """What a status of a fleet needs: its own state, that of each cluster, the clock."""

    store: StateStore
    store_of: Callable[[ClusterRef], StateStore]
    clock: Clock
    tasks: TaskRunner


@dataclass(frozen=True, slots=True)
class _Still:
    """One reading of the clock for all clusters."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def sleep(self, duration: timedelta) -> None:
        raise AssertionError(f"a status does not wait {duration}")


def fleet_report(ports: FleetStatusPorts, file: str = "fleet.yaml") -> FleetReport:
    """Everything that is known about the fleet; ``file`` is named in commands to run next.

    Raises ``no-inventory`` before the first discovery.
    """
    content = ports.store.read(INVENTORY_FILE)
    if content is None:
        raise Failed(
            "no-inventory",
            "Nothing is known of this fleet yet.",
            why=f"There is no inventory in {ports.store.location}.",
            remedy="Discover it first: migrate fleet discover FLEET.",
        )
    inventory = decode_inventory(content)
    records = decode_records(ports.store.read(RUNS_FILE) or b"")
    now = ports.clock.now()
    proven = {
        each.arn: each
        for each in _results(records, "verify")
        if each.detail.get("phase", "after") == "after"
    }
    still = _Still(now)

    def facts(cluster: FleetCluster) -> ClusterFacts:
        try:
            return facts_of(
                cluster, ports.store_of(ref_of(cluster)), still, proven.get(cluster.arn)
            )
        except MigratorError as error:
            return ClusterFacts(cluster.arn, problem=f"{error.message} {error.why}".strip())

    found = ports.tasks.map(facts, inventory.clusters)
    at = utc_seconds(now)
    return report_of(
        inventory,
        found,
        records,
        at=at,
        state=ports.store.location,
        file=file,
    )


def _results(records: Iterable[FleetRecord], command: str) -> Iterable[ClusterResult]:
    return (each.result for each in records if each.command == command and each.result is not None)


def ref_of(cluster: FleetCluster) -> ClusterRef:
    """A cluster of the fleet as plans and folders name it."""
    mode = cluster.mode or "CONFIG_MAP"
    return ClusterRef(
        cluster.name,
        cluster.arn,
        cluster.account,
        cluster.region,
        cluster.partition,
        mode,
    )


def facts_of(
    cluster: FleetCluster,
    store: StateStore,
    clock: Clock,
    proven: ClusterResult | None = None,
) -> ClusterFacts:
    """What the files of one cluster say; ``proven`` is its latest verification, which counts for
    the plan that it was of.

    Raises what keeps them from being read: a damaged plan, journal or gate file is an error here,
    and a problem of the cluster in the report.
    """
    content = store.read("plan.json")
    if content is None:
        return ClusterFacts(
            cluster.arn, mode=cluster.mode, next="make a plan", folder=store.location
        )
    plan, digest = read_plan(content)
    status = show_status(cluster.name, StatusPorts(store, clock, None), plan, digest)
    journal = store.journal()
    progress = progress_in(journal, plan, digest)
    mode = _latest_mode(cluster, plan, progress)
    rolled_back = is_rolled_back(plan, progress) and mode != "API"
    following = _next(mode, status.next)
    if rolled_back:
        following = "apply"
    verdict = ""
    if proven and proven.plan_digest == digest:
        verdict = str(proven.detail.get("verdict", ""))
    return ClusterFacts(
        arn=cluster.arn,
        plan_digest=digest,
        planned_at=plan.created_at,
        mode=mode,
        target=plan.target,
        blocked=plan.blocked,
        summary=plan.summary,
        principals={p.principal_arn: p.action for p in plan.principals},
        admins=tuple(p.principal_arn for p in plan.principals if is_admin(p)),
        findings=tuple(
            FindingSeen(f.code, f.severity, f.principal_arn, f.source or "", f.message)
            for f in plan.findings
        ),
        steps=status.total,
        done=status.done,
        next=following,
        verdict=verdict,
        stubs=_stubs(plan),
        rehearsed=last_rehearsal(progress),
        retired=progress.of(f"{RETIRE}-delete").status in SETTLED,
        folder=store.location,
        begun=_begun(status.next),
        rolled_back=rolled_back,
        rolled_back_in_part=is_rolled_back_in_part(plan, progress) and mode != "API",
        calls=calls_of_plan(plan, journal),
    )


def _begun(following: str) -> str:
    """The command that a status names because it was begun and did not end; else empty."""
    command = following.partition(":")[0]
    return command if command in _CONTINUED else ""


def _stubs(plan: Plan) -> dict[str, tuple[Stub, ...]]:
    """The answers that could be given, by who blocks: the ARN, or nothing for the cluster
    itself.
    """
    blocking = [finding for finding in plan.findings if finding.severity == "block"]
    found: dict[str, tuple[Stub, ...]] = {}
    for arn in dict.fromkeys(finding.principal_arn for finding in blocking):
        about = tuple(finding for finding in plan.findings if finding.principal_arn == arn)
        stubs = stubs_for(replace(plan, findings=about))
        if stubs:
            found[arn or ""] = stubs
    return found


def _next(mode: str, told: str) -> str:
    """What is next in words that are the same for all clusters at the same point: without the
    step's own name.
    """
    if mode == "API":
        return "verify, then retire aws-auth"
    if told.startswith("`migrate apply PLAN`, "):
        return "apply"
    return told


def _latest_mode(cluster: FleetCluster, plan: Plan, progress: Progress) -> str:
    """The furthest mode that was seen: discovery, the plan, or the journal of what was done since.
    A cluster never goes back (EKS user guide, "Change authentication mode to use access entries"),
    so the furthest one is the latest.
    """
    seen: list[str] = [plan.cluster.authentication_mode, cluster.mode or _MODES[0]]
    if progress.of(f"{CUT_OVER}-switch").status in SETTLED:
        seen.append("API")
    for step in plan.steps:
        if isinstance(step.effect, EnableEntries) and progress.of(step.id).status in SETTLED:
            seen.append("API_AND_CONFIG_MAP")
    return max(seen, key=_MODES.index)
