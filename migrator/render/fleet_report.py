"""What is known about a fleet, as one JSON document: for tools, and for the dashboard."""

from collections.abc import Mapping
from typing import Any

from migrator.model.fleet import ClusterFacts, ClusterResult, FleetCluster, Inventory
from migrator.model.fleet_report import FleetReport

FORMAT = "migrator/fleet-report/v1"


def report_document(report: FleetReport) -> dict[str, Any]:
    """``migrator/fleet-report/v1``."""
    inventory = report.inventory
    by_arn = {cluster.arn: cluster for cluster in inventory.clusters}
    return {
        "format": FORMAT,
        "fleet": report.fleet,
        "at": report.at,
        "inventoryTakenAt": inventory.taken_at,
        "state": report.state,
        "accountsExpected": inventory.expected,
        "accountsAnswered": inventory.answered,
        "silent": _silent(inventory),
        "leftOut": [{"account": each.id, "name": each.name, "reason": each.reason} for each in inventory.left_out],
        "missing": [{"arn": arn, "why": why} for arn, why in inventory.missing],
        "stages": dict(report.stages),
        "accounts": [
            {
                "account": each.id,
                "name": each.name,
                "answered": each.answered,
                "reason": each.reason,
                "clusters": each.clusters,
                "migrated": each.migrated,
                "stages": dict(each.stages),
                "left": dict(each.left),
            }
            for each in report.accounts
        ],
        "clusters": [_cluster(by_arn[each.arn], each, stage, report.last) for each, stage in _staged(report)],
        "findings": [
            {
                "code": each.code,
                "severity": each.severity,
                "clusters": list(each.clusters),
                "principals": each.principals,
            }
            for each in report.findings
        ],
        "sameFindings": [{"codes": list(each.codes), "clusters": list(each.clusters)} for each in report.same],
        "questions": [
            {"principalArn": each.principal_arn, "codes": list(each.codes), "clusters": list(each.clusters)}
            for each in report.questions
        ],
        "admins": [{"principalArn": each.principal_arn, "clusters": list(each.clusters)} for each in report.admins],
    }


def _staged(report: FleetReport) -> list[tuple[ClusterFacts, str]]:
    return list(zip(report.facts, report.stage_by_cluster, strict=True))


def _silent(inventory: Inventory) -> list[dict[str, str]]:
    return [
        {
            "account": each.account,
            "region": each.region,
            "status": each.status,
            "code": each.code,
            "reason": each.reason,
            "remedy": each.remedy,
        }
        for each in inventory.silent
    ]


def _cluster(
    cluster: FleetCluster, facts: ClusterFacts, stage: str, last: Mapping[str, ClusterResult]
) -> dict[str, Any]:
    result = last.get(cluster.arn)
    codes: dict[str, set[str]] = {}
    for finding in facts.findings:
        codes.setdefault(finding.severity, set()).add(finding.code)
    return {
        "arn": cluster.arn,
        "name": cluster.name,
        "account": cluster.account,
        "accountName": cluster.account_name,
        "region": cluster.region,
        "version": cluster.version,
        "tags": dict(cluster.tags),
        "mode": facts.mode,
        "stage": stage,
        "planDigest": facts.plan_digest,
        "plannedAt": facts.planned_at,
        "summary": {action: count for action, count in facts.summary.items() if count},
        "steps": {"done": facts.done, "total": facts.steps},
        "findings": {severity: sorted(found) for severity, found in codes.items()},
        "admins": list(facts.admins),
        "next": facts.next,
        "verdict": facts.verdict,
        "problem": facts.problem,
        "last": None
        if result is None
        else {
            "command": result.command,
            "status": result.status,
            "at": result.at,
            "code": result.code,
            "message": result.message,
        },
    }
