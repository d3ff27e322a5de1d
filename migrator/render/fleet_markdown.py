"""What is known about a fleet, as Markdown: for a change ticket, or a wiki."""

from collections.abc import Iterable, Sequence

from migrator.model.fleet_report import AccountProgress, FleetReport
from migrator.render.escape import markdown, markdown_code
from migrator.render.fleet_text import accounts_line, short_cluster

_NAMED = 10  # clusters named in one cell; the JSON form has all


def fleet_markdown(report: FleetReport) -> str:
    """One document: who answered, how far everything is, what is open, what repeats."""
    inventory = report.inventory
    total = len(report.facts)
    migrated = report.stages.get("migrated", 0)
    parts = [
        f"# Fleet {markdown(report.fleet)}: {migrated} of {total} clusters migrated\n",
        f"{accounts_line(inventory)}, {total} clusters in all; read {markdown(report.at)}, inventory of "
        f"{markdown(inventory.taken_at)}.\n",
        _list("Clusters by stage", (f"{count} {stage}" for stage, count in report.stages.items())),
        _table(
            "Accounts and Regions that did not answer",
            ("Account", "Region", "Status", "Reason"),
            ((each.account, each.region, each.status, each.reason) for each in inventory.silent),
        ),
        _table("Named, and not found", ("Cluster", "Why"), inventory.missing),
        _table(
            "Not known",
            ("Cluster", "Why"),
            ((short_cluster(each.arn), each.problem) for each in report.facts if each.problem),
        ),
        _table(
            "What is left, by account",
            ("Account", "Name", "Migrated", "Next"),
            (
                (
                    each.id,
                    each.name,
                    f"{each.migrated} of {each.clusters}",
                    _left(each),
                )
                for each in report.accounts
            ),
        ),
        _table(
            "Open questions: one answer lifts each of them in every cluster named",
            ("Principal", "Why", "Clusters"),
            (
                (each.principal_arn or "the cluster", ", ".join(each.codes), _clusters(each.clusters))
                for each in report.questions
            ),
        ),
        _table(
            "Findings",
            ("Finding", "Severity", "Clusters", "Principals"),
            ((each.code, each.severity, str(len(each.clusters)), str(each.principals)) for each in report.findings),
        ),
        _table(
            "Clusters with the same findings",
            ("Findings", "Clusters"),
            ((", ".join(each.codes), _clusters(each.clusters)) for each in report.same),
        ),
        _table(
            "Administrators after the migration",
            ("Principal", "Clusters"),
            ((each.principal_arn, _clusters(each.clusters)) for each in report.admins),
        ),
    ]
    return "\n".join(part for part in parts if part)


def _left(account: AccountProgress) -> str:
    left = [f"{count}: {what}" for what, count in account.left.items()]
    return "; ".join([*([account.reason] if account.reason else []), *left]) or "nothing"


def _clusters(arns: Sequence[str]) -> str:
    more = f", and {len(arns) - _NAMED} more" if len(arns) > _NAMED else ""
    return f"{len(arns)}: " + ", ".join(short_cluster(arn) for arn in arns[:_NAMED]) + more


def _list(title: str, items: Iterable[str]) -> str:
    return f"## {title}\n\n" + "".join(f"- {markdown(item)}\n" for item in items)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(_cell(text) for text in row)} |\n" for row in rows]
    if not lines:
        return ""
    return f"## {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}\n" + "".join(lines)


def _cell(text: str) -> str:
    return markdown_code(text, cell=True) if text.startswith("arn:") else markdown(text)
