"""Every cluster as a value that the dashboard's script makes rows of, and groups of clusters that
buttons show.

What repeats (findings, mostly) is there once, and rows hold its place in the list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from migrator.fleet.model.fleet import FleetCluster
from migrator.fleet.model.outcome import ClusterResult, FindingSeen
from migrator.fleet.model.report import ClusterRow, FleetReport
from migrator.render.escape import shell
from migrator.render.page import when

_ORDER = ("block", "warn", "info")
# Stages, statuses, severities: a tone, and the icon that goes with it.
TONES: Mapping[str, tuple[str, str]] = {
    "unknown": ("bad", "unknown"),
    "unreachable": ("bad", "bad"),
    "denied": ("bad", "bad"),
    "not planned": ("plain", "none"),
    "blocked": ("warn", "warn"),
    "planned": ("info", "info"),
    "applying": ("info", "part"),
    "rolling back": ("warn", "part"),
    "applied": ("info", "part"),
    "verified": ("info", "ok"),
    "rehearsed": ("info", "ok"),
    "dual": ("ok", "ok"),
    "switched": ("warn", "part"),
    "cut over": ("ok", "ok"),
    "retired": ("ok", "ok"),
    "done": ("ok", "ok"),
    "refused": ("bad", "bad"),
    "changed": ("bad", "warn"),
    "unproven": ("bad", "bad"),
    "interrupted": ("warn", "part"),
    "failed": ("bad", "bad"),
    "waiting": ("plain", "none"),
    "block": ("bad", "bad"),
    "warn": ("warn", "warn"),
    "info": ("info", "info"),
}


class Groups:
    """Groups of clusters by name, for buttons that show exactly these; the same group is kept
    once.
    """

    def __init__(self, clusters: Sequence[str]) -> None:
        self._places = {arn: place for place, arn in enumerate(clusters)}
        self._found: dict[tuple[str, tuple[int, ...]], str] = {}

    def of(self, name: str, clusters: Sequence[str]) -> str:
        """The id of a group; empty where the table has no cluster of it."""
        places = tuple(sorted(self._places[arn] for arn in clusters if arn in self._places))
        if not places:
            return ""
        return self._found.setdefault((name, places), f"g{len(self._found) + 1}")

    def document(self) -> dict[str, Any]:
        """``{id: {name, clusters: [place]}}``."""
        return {
            key: {"name": name, "clusters": list(places)}
            for (name, places), key in self._found.items()
        }


def fleet_data(report: FleetReport, groups: Groups) -> dict[str, Any]:
    """``{clusters, findings, kinds, groups, tones, stages}``.

    ``findings`` are ``[code, severity, principal, source, message]``, which rows name by their
    place; ``tones`` are ``[tone, icon]`` by word.
    """
    findings: dict[FindingSeen, int] = {}
    clusters = [_row(row, findings) for row in report.rows]
    return {
        "clusters": clusters,
        "findings": [
            [each.code, each.severity, each.principal_arn or "", each.source, each.message]
            for each in findings
        ],
        "kinds": {code: [kind.what, kind.remedy] for code, kind in report.kinds.items()},
        "groups": groups.document(),
        "tones": {word: list(tone) for word, tone in TONES.items()},
        "stages": list(report.stages),
    }


def _row(row: ClusterRow, findings: dict[FindingSeen, int]) -> dict[str, Any]:
    """A cluster as the script's table has it. ``findings`` is the list of all, by place, and grows
    with what is new.
    """
    cluster, facts = row.cluster, row.facts
    here = sorted(facts.findings, key=lambda each: (_ORDER.index(each.severity), each.code))
    return {
        "name": cluster.name,
        "arn": cluster.arn,
        "account": cluster.account,
        "accountName": cluster.account_name,
        "region": cluster.region,
        "version": cluster.version,
        "mode": facts.mode or cluster.mode or "",
        "stage": row.stage,
        "tags": tags_of(cluster),
        "findings": [findings.setdefault(each, len(findings)) for each in here],
        "last": _last(row.last),
        "next": row.left,
        "command": command_line(row.command),
        "facts": [[name, text] for name, text in _facts(row) if text],
    }


def tags_of(cluster: FleetCluster) -> list[str]:
    """``key=value``, in the order of the keys."""
    return [f"{key}={value}" for key, value in sorted(cluster.tags.items())]


def _facts(row: ClusterRow) -> list[tuple[str, str]]:
    """Title and text of each fact for the open row; what is empty is not shown."""
    facts = row.facts
    counts = ", ".join(f"{count} {action}" for action, count in facts.summary.items() if count)
    steps = ""
    if facts.plan_digest:
        steps = f"{facts.done} of {facts.steps} done"
    rehearsed = ""
    if facts.rehearsed:
        rehearsed = when(facts.rehearsed.isoformat())
    return [
        ("Plan", facts.plan_digest or ""),
        ("Planned", when(facts.planned_at or "")),
        ("Principals", counts),
        ("Steps", steps),
        ("Proof", facts.verdict),
        ("Rehearsed", rehearsed),
        ("Administrators", ", ".join(facts.admins)),
        ("Folder", facts.folder),
    ]


def _last(result: ClusterResult | None) -> dict[str, str] | None:
    """The latest result of any command; None for a cluster that no command tried."""
    if result is None:
        return None
    return {
        "command": result.command,
        "status": result.status,
        "at": when(result.at),
        "code": result.code,
        "message": result.message,
        "why": result.why,
        "remedy": result.remedy,
    }


def command_line(arguments: Sequence[str]) -> str:
    """Arguments as one line for a shell; empty where one of them cannot be an argument at all."""
    if any("\0" in each for each in arguments):
        return ""
    return " ".join(map(shell, arguments))
