"""What repeats across clusters: findings, questions that one answer lifts everywhere,
administrators, progress.

Everything is counted from the clusters that the inventory names, in whatever order they come; a
cluster that could not be read is counted with the rest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.fleet.decide.endings import NO_PLAN, unread_of
from migrator.fleet.decide.history import runs_of
from migrator.fleet.decide.questions import open_questions
from migrator.fleet.decide.soc import fleet_security_note
from migrator.fleet.decide.stages import (
    FINISHED,
    MIGRATED,
    STAGES,
    is_open,
    left_of,
    next_command,
    stage_of,
)
from migrator.fleet.model.files.records import FleetRecord
from migrator.fleet.model.fleet import FleetCluster, Inventory
from migrator.fleet.model.outcome import ClusterFacts
from migrator.fleet.model.report import (
    AccountProgress,
    AdminAcross,
    ClusterRow,
    FindingAcross,
    FleetReport,
    SameFindings,
)
from migrator.model.state_folder import DEFAULT_STATE_DIR

_SEVERITIES = ("block", "warn", "info")


def report_of(
    inventory: Inventory,
    facts: Iterable[ClusterFacts],
    records: Sequence[FleetRecord] = (),
    *,
    at: str,
    state: str = "",
    file: str = "fleet.yaml",
) -> FleetReport:
    """The report on the clusters of the inventory. ``records`` in the order in which they came: the
    latest result of a cluster counts. A cluster without facts is one of which nothing is known.
    """
    found = {each.arn: each for each in facts}
    results = [record.result for record in records if record.result is not None]
    last = {each.arn: each for each in results}
    unread = unread_of(results)
    accounts = {account.id: account for account in inventory.accounts}
    root = state.removesuffix(f"/fleet/{inventory.fleet}") or DEFAULT_STATE_DIR
    rows = []
    for cluster in sorted(inventory.clusters, key=_place):
        known = found.get(cluster.arn) or ClusterFacts(
            cluster.arn, problem="nothing is known of it"
        )
        result = last.get(cluster.arn)
        # A record of an earlier version may end with the command that found no plan.
        if result is not None and result.code == NO_PLAN:
            result = unread.get(cluster.arn, result)
        stage = stage_of(known, result)
        command = next_command(
            cluster,
            known,
            stage,
            file,
            accounts.get(cluster.account),
            state=root,
        )
        left = _left(cluster, known, stage)
        is_left = is_open(known, stage)
        rows.append(
            ClusterRow(
                cluster,
                known,
                stage,
                result,
                left,
                command,
                is_left,
            )
        )
    everything = [row.facts for row in rows]
    findings = findings_across(everything)
    return FleetReport(
        fleet=inventory.fleet,
        at=at,
        inventory=inventory,
        rows=tuple(rows),
        findings=findings,
        same=same_findings(everything),
        questions=open_questions(everything, inventory.clusters),
        admins=admins_across(everything),
        accounts=account_progress(inventory, rows),
        stages=_in_order(Counter(row.stage for row in rows)),
        runs=runs_of(records),
        kinds={each.code: CATALOGUE[each.code] for each in findings if each.code in CATALOGUE},
        state=state,
        file=file,
        security_note=fleet_security_note(everything),
    )


def _left(cluster: FleetCluster, facts: ClusterFacts, stage: str) -> str:
    """What is left, behind the moment of the last reading where the account is silent since."""
    left = left_of(facts, stage)
    if not cluster.not_read_since:
        return left
    said = f"not read since {cluster.not_read_since}"
    return f"{said}; {left}" if left else said


def _place(cluster: FleetCluster) -> tuple[str, str, str]:
    return cluster.account, cluster.region, cluster.arn


def findings_across(facts: Iterable[ClusterFacts]) -> tuple[FindingAcross, ...]:
    """Each finding with its clusters: blocking ones first, then the most frequent. A finding about
    the cluster itself counts no principal.
    """
    clusters: dict[tuple[str, str], dict[str, None]] = {}
    principals: Counter[tuple[str, str]] = Counter()
    for each in facts:
        for finding in each.findings:
            key = (finding.code, finding.severity)
            clusters.setdefault(key, {})[each.arn] = None
            principals[key] += finding.principal_arn is not None
    found = [
        FindingAcross(code, severity, tuple(sorted(where)), principals[code, severity])
        for (code, severity), where in clusters.items()
    ]
    return tuple(
        sorted(found, key=lambda f: (_SEVERITIES.index(f.severity), -len(f.clusters), f.code))
    )


def same_findings(facts: Iterable[ClusterFacts]) -> tuple[SameFindings, ...]:
    """Every cluster in one group: those with the same blocking findings and warnings, the largest
    group first. Clusters without a plan are groups of their own: of them nothing was found.
    """
    groups: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
    for each in facts:
        codes = {finding.code for finding in each.findings if finding.severity != "info"}
        key = (each.plan_digest is not None, tuple(sorted(codes)))
        groups.setdefault(key, []).append(each.arn)
    found = [
        SameFindings(codes, tuple(sorted(arns)), planned)
        for (planned, codes), arns in groups.items()
    ]
    found.sort(key=lambda group: (-len(group.clusters), group.codes, group.planned))
    return tuple(found)


def admins_across(facts: Iterable[ClusterFacts]) -> tuple[AdminAcross, ...]:
    """Who administers which clusters, those with the most first."""
    where: dict[str, list[str]] = {}
    for each in facts:
        for arn in dict.fromkeys(each.admins):
            where.setdefault(arn, []).append(each.arn)
    found = [AdminAcross(arn, tuple(sorted(clusters))) for arn, clusters in where.items()]
    return tuple(sorted(found, key=lambda admin: (-len(admin.clusters), admin.principal_arn)))


def account_progress(
    inventory: Inventory, rows: Iterable[ClusterRow]
) -> tuple[AccountProgress, ...]:
    """How far each account is, in the order of the inventory, with the reason where it did not
    answer in every Region.
    """
    by_account: dict[str, list[ClusterRow]] = {}
    for row in rows:
        by_account.setdefault(row.cluster.account, []).append(row)
    silent: dict[str, dict[str, list[str]]] = {}
    for answer in inventory.silent:
        silent.setdefault(answer.account, {}).setdefault(answer.status, []).append(answer.region)
    reasons = {account: _reason(found) for account, found in silent.items()}
    return tuple(
        _progress(account.id, account.name, by_account.get(account.id, ()), reasons.get(account.id))
        for account in inventory.accounts
    )


def _reason(found: Mapping[str, Sequence[str]]) -> str:
    """Why an account did not answer, from its Regions by status; ``*`` is all of them."""
    parts = []
    for status, regions in found.items():
        where = "" if regions == ["*"] else f" in {', '.join(regions)}"
        parts.append(status + where)
    return "; ".join(parts)


def _progress(
    account: str,
    name: str,
    rows: Sequence[ClusterRow],
    silent: str | None,
) -> AccountProgress:
    """The counts of one account; what is left comes with the most clusters first. ``silent`` is why
    it did not answer completely, None where it did.
    """
    left = Counter(row.left for row in rows if row.left)
    return AccountProgress(
        id=account,
        name=name,
        answered=silent is None,
        clusters=len(rows),
        migrated=sum(row.stage in MIGRATED for row in rows),
        finished=sum(row.stage in FINISHED for row in rows),
        stages=_in_order(Counter(row.stage for row in rows)),
        left=dict(sorted(left.items(), key=lambda item: (-item[1], item[0]))),
        reason=silent or "",
    )


def _in_order(stages: Mapping[str, int]) -> dict[str, int]:
    """Counts in the order of the migration, those of zero left out."""
    return {stage: stages[stage] for stage in STAGES if stages.get(stage)}
