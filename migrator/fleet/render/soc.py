"""The note for a SOC on a fleet in words, for its Markdown and its dashboard."""

from migrator.fleet.model.report import FleetReport
from migrator.fleet.render.names import count_of
from migrator.model.security_note import FLEET_SESSION, SESSION_PREFIX
from migrator.render.escape import markdown
from migrator.render.security_note import SESSIONS, calls_markdown, calls_values

_ROWS = 20  # of the table of calls, as of every table of the report


def scope_words(report: FleetReport) -> str:
    """What the numbers are over, and whose sessions the calls are."""
    note = report.security_note
    planned = {row.cluster.account for row in report.rows if row.facts.plan_digest is not None}
    return (
        f"Numbers are over {count_of(note.clusters, 'cluster')} with a plan, in "
        f"{count_of(len(planned), 'account')}; runs and their times are in this report. Sessions "
        f"in these accounts are named {SESSION_PREFIX}{FLEET_SESSION}. The note of one cluster, "
        "with every principal and every read: migrate show PLAN --security-note."
    )


def soc_values(report: FleetReport) -> dict[str, object] | None:
    """Values for the dashboard; None where no cluster has a plan."""
    note = report.security_note
    if not note.clusters:
        return None
    return {"source": scope_words(report), **calls_values(note.calls, note.detections)}


def soc_markdown(report: FleetReport) -> str:
    """A section of Markdown; empty where no cluster has a plan."""
    note = report.security_note
    if not note.clusters:
        return ""
    return (
        f"## Note for the SOC\n\n{markdown(SESSIONS)} {markdown(scope_words(report))}\n\n"
        f"{calls_markdown(note.calls, note.detections, most=_ROWS)}"
    )
