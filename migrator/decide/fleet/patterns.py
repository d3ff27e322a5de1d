"""What repeats across clusters: findings, questions that one answer lifts everywhere, administrators, progress."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from migrator.model.fleet import ClusterFacts, ClusterResult, Inventory
from migrator.model.fleet_report import (
    AccountProgress,
    AdminAcross,
    FindingAcross,
    FleetReport,
    OpenQuestion,
    SameFindings,
)

STAGES = ("unknown", "not planned", "blocked", "planned", "applying", "applied", "migrated")
_SEVERITIES = ("block", "warn", "info")


def stage_of(facts: ClusterFacts) -> str:
    """Where a cluster stands, by its own files: one of :data:`STAGES`."""
    if facts.problem:
        return "unknown"
    if facts.mode == "API":
        return "migrated"
    if facts.plan_digest is None:
        return "not planned"
    if facts.blocked:
        return "blocked"
    if facts.done == facts.steps:
        # a plan that ends in dual mode is at its end there
        return "applied" if facts.target == "API" else "migrated"
    return "applying" if facts.done else "planned"


def report_of(
    inventory: Inventory, facts: Sequence[ClusterFacts], results: Iterable[ClusterResult], *, at: str, state: str = ""
) -> FleetReport:
    """The report. ``results`` in the order in which they came: the latest of a cluster counts."""
    stages = tuple(stage_of(each) for each in facts)
    return FleetReport(
        fleet=inventory.fleet,
        at=at,
        inventory=inventory,
        facts=tuple(facts),
        last={result.arn: result for result in results},
        findings=findings_across(facts),
        same=same_findings(facts),
        questions=open_questions(facts),
        admins=admins_across(facts),
        accounts=account_progress(inventory, facts),
        stages=_in_order(Counter(stages)),
        stage_by_cluster=stages,
        state=state,
    )


def findings_across(facts: Iterable[ClusterFacts]) -> tuple[FindingAcross, ...]:
    """Each finding with its clusters: blocking ones first, then the most frequent."""
    clusters: dict[tuple[str, str], dict[str, None]] = {}
    principals: Counter[tuple[str, str]] = Counter()
    for each in facts:
        for finding in each.findings:
            key = (finding.code, finding.severity)
            clusters.setdefault(key, {})[each.arn] = None
            principals[key] += finding.principal_arn is not None
    found = [
        FindingAcross(code, severity, tuple(where), principals[code, severity])
        for (code, severity), where in clusters.items()
    ]
    return tuple(sorted(found, key=lambda f: (_SEVERITIES.index(f.severity), -len(f.clusters), f.code)))


def same_findings(facts: Iterable[ClusterFacts]) -> tuple[SameFindings, ...]:
    """Groups of at least two clusters with the same blocking findings and warnings, largest first."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for each in facts:
        codes = tuple(sorted({finding.code for finding in each.findings if finding.severity != "info"}))
        if codes:
            groups.setdefault(codes, []).append(each.arn)
    found = [SameFindings(codes, tuple(arns)) for codes, arns in groups.items() if len(arns) > 1]
    return tuple(sorted(found, key=lambda group: (-len(group.clusters), group.codes)))


def open_questions(facts: Iterable[ClusterFacts]) -> tuple[OpenQuestion, ...]:
    """Who blocks which clusters: one principal for the same reasons is one question, wherever it stands."""
    groups: dict[tuple[str | None, tuple[str, ...]], list[str]] = {}
    for each in facts:
        blocking: dict[str | None, set[str]] = {}
        for finding in each.findings:
            if finding.severity == "block":
                blocking.setdefault(finding.principal_arn, set()).add(finding.code)
        for arn, codes in blocking.items():
            groups.setdefault((arn, tuple(sorted(codes))), []).append(each.arn)
    found = [OpenQuestion(arn, codes, tuple(clusters)) for (arn, codes), clusters in groups.items()]
    return tuple(sorted(found, key=lambda q: (-len(q.clusters), q.codes, q.principal_arn or "")))


def admins_across(facts: Iterable[ClusterFacts]) -> tuple[AdminAcross, ...]:
    """Who administers which clusters, those with the most first."""
    where: dict[str, list[str]] = {}
    for each in facts:
        for arn in each.admins:
            where.setdefault(arn, []).append(each.arn)
    found = [AdminAcross(arn, tuple(clusters)) for arn, clusters in where.items()]
    return tuple(sorted(found, key=lambda admin: (-len(admin.clusters), admin.principal_arn)))


def account_progress(inventory: Inventory, facts: Iterable[ClusterFacts]) -> tuple[AccountProgress, ...]:
    """How far each account is, in the order of the inventory."""
    home = {cluster.arn: cluster.account for cluster in inventory.clusters}
    by_account: dict[str, list[ClusterFacts]] = {}
    for each in facts:
        by_account.setdefault(home.get(each.arn, ""), []).append(each)
    silent: dict[str, dict[str, list[str]]] = {}
    for answer in inventory.silent:
        silent.setdefault(answer.account, {}).setdefault(answer.status, []).append(answer.region)
    reasons = {
        account: "; ".join(f"{status} in {', '.join(regions)}" for status, regions in found.items())
        for account, found in silent.items()
    }
    return tuple(
        _progress(account.id, account.name, by_account.get(account.id, ()), reasons.get(account.id))
        for account in inventory.accounts
    )


def _progress(account: str, name: str, facts: Sequence[ClusterFacts], silent: str | None) -> AccountProgress:
    stages = Counter(stage_of(each) for each in facts)
    left = Counter(each.next or each.problem or "make a plan" for each in facts if stage_of(each) != "migrated")
    return AccountProgress(
        id=account,
        name=name,
        answered=silent is None,
        clusters=len(facts),
        migrated=stages["migrated"],
        stages=_in_order(stages),
        left=dict(left.most_common()),
        reason=silent or "",
    )


def _in_order(stages: Mapping[str, int]) -> dict[str, int]:
    return {stage: stages[stage] for stage in STAGES if stages.get(stage)}
