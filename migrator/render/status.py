"""The status of a migration, as text and as a document."""

from collections.abc import Iterable
from typing import Any

from rich.console import Group
from rich.text import Text

from migrator.model.cluster_lock import LockHolder, LockSeen, describe_lock, expires
from migrator.model.outcome import StatusOutcome
from migrator.render.leftovers import leftover_document
from migrator.render.text import MAX_WIDTH, foreign, text_of


def status_text(status: StatusOutcome, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """What is, what is next, what is not known."""
    rows = [*_about_the_run(status), *_open_matters(status)]
    rows += [("Next", status.next), ("State", status.state or "none")]
    lines = [Text.assemble((f"{label:<11}", "bold"), foreign(value)) for label, value in rows]
    return text_of(Group(*lines), width=width, color=color)


def _about_the_run(status: StatusOutcome) -> list[tuple[str, str]]:
    """``(label, value)`` of the cluster, the plan and its last run."""
    mode = status.mode or "not known"
    cluster_status = status.cluster_status or "status not known"
    last_run = f"{status.command or 'none'} {status.run or ''}"
    return [
        ("Cluster", status.cluster),
        ("Mode", f"{mode} ({cluster_status})"),
        ("Plan", status.plan_digest or "none"),
        ("Last run", last_run.strip()),
        ("Steps", f"{status.done} of {status.total} done"),
    ]


def _open_matters(status: StatusOutcome) -> list[tuple[str, str]]:
    """What the run gave up, waits for, or left in the cluster; who holds its locks."""
    rows: list[tuple[str, str]] = []
    rows += _labelled("Given up", status.refused)
    rows += _labelled("Proof open", status.outstanding)
    rows += _labelled("Changed", status.changed)
    rows += _labelled("Dead", status.dead)
    for what in _left(status):
        rows.append(("Left", what))
    for leftover in status.leftovers:
        line = leftover.describe(
            status.cluster, own_run=status.run or "", own_command=status.command or ""
        )
        rows.append(("Leftover", line))
    rows += [("Opened", opening) for opening in status.opened]
    for seen in status.locks:
        rows.append(("Locked by", describe_lock(seen)))
    if status.state_lock:
        rows.append(("Locked by", f"{status.state_lock} (state folder)"))
    for unknown in status.unknown:
        rows.append(("Not known", unknown))
    return rows


def _labelled(label: str, principals: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """A row for each ``(principal ARN, why)``."""
    return [(label, f"{who}: {why}") for who, why in principals]


def _left(status: StatusOutcome) -> list[str]:
    """One line for each principal or step about the cluster, with what is left of it and why."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for step in status.left:
        who = step.principal_arn or "the cluster"
        kinds = reasons.setdefault((who, step.why), [])
        if step.kind not in kinds:
            kinds.append(step.kind)
    lines: list[str] = []
    for (who, why), kinds in reasons.items():
        lines.append(f"{who}: {', '.join(kinds)} ({why})")
    return lines


def _lock(seen: LockSeen) -> dict[str, Any]:
    """A lock of the cluster. ``expires``: by the clock of its holder."""
    record = seen.record
    # A lock that cannot be read is held by a holder that is not known.
    holder, renewed, until = LockHolder(""), None, None
    if record is not None:
        holder, renewed, until = record.holder, record.renewed, expires(record)
    return {
        "place": seen.place,
        "holder": holder.identity,
        "caller": holder.caller,
        "host": holder.host,
        "command": holder.command,
        "planDigest": holder.plan_digest or None,
        "since": holder.since,
        "renewed": renewed,
        "expires": until,
        "state": holder.state,
    }


def _reasons(principals: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Principals, each with what is said of it."""
    return [{"principalArn": arn, "why": why} for arn, why in principals]


def status_document(status: StatusOutcome) -> dict[str, Any]:
    """The status as a JSON document."""
    return {
        "cluster": status.cluster,
        "mode": status.mode,
        "clusterStatus": status.cluster_status,
        "planDigest": status.plan_digest,
        "run": status.run,
        "command": status.command,
        "steps": {"done": status.done, "total": status.total},
        "next": status.next,
        "left": [
            {
                "step": each.step_id,
                "kind": each.kind,
                "principalArn": each.principal_arn,
                "why": each.why,
            }
            for each in status.left
        ],
        "refused": _reasons(status.refused),
        "outstanding": _reasons(status.outstanding),
        "changed": _reasons(status.changed),
        "dead": _reasons(status.dead),
        "leftovers": [
            leftover_document(
                each,
                status.cluster,
                own_run=status.run or "",
                own_command=status.command or "",
            )
            for each in status.leftovers
        ],
        "opened": list(status.opened),
        "overdue": list(status.overdue),
        "locks": [_lock(seen) for seen in status.locks],
        "stateLock": status.state_lock,
        "unknown": list(status.unknown),
        "exitCode": status.exit_code,
        "state": status.state,
    }
