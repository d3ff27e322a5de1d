"""The status of a fleet, for the terminal: the whole first, then what needs an operator. At most
100 columns.
"""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migrator.fleet.model.report import FleetReport
from migrator.fleet.render.headline import account_urgency, fleet_sentence, fleet_tone, troubles
from migrator.fleet.render.snippet import asked
from migrator.fleet.render.text import SHOWN
from migrator.model.long_lists import and_more, some_of
from migrator.render.text import MAX_WIDTH, foreign, text_of

STAGE_STYLE: Mapping[str, str] = {
    "unknown": "bold red",
    "unreachable": "red",
    "denied": "red",
    "not planned": "dim",
    "blocked": "yellow",
    "planned": "cyan",
    "applying": "yellow",
    "rolling back": "yellow",
    "applied": "cyan",
    "verified": "cyan",
    "rehearsed": "cyan",
    "dual": "green",
    "switched": "yellow",
    "cut over": "green",
    "retired": "green",
}
_QUESTIONS = 10
_FEW = 8  # clusters named under one reason


def fleet_status_text(report: FleetReport, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """The whole in a few lines, then what is wrong, what waits for a decision, and the accounts
    with most left.
    """
    parts: list[RenderableType] = [
        Text(
            fleet_sentence(report), style="green" if fleet_tone(report) == "ok" else "bold yellow"
        ),
        _stages(report.stages, len(report.rows)),
        *_troubles(report),
        *_questions(report),
        *_progress(report),
        foreign(f"Inventory of {report.inventory.taken_at}. State: {report.state}", "dim"),
    ]
    return text_of(Group(*parts), width=width, color=color)


def _stages(stages: Mapping[str, int], total: int) -> RenderableType:
    """A line for each stage with a bar, so that the whole is seen in one view."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    for stage, count in stages.items():
        bar = "█" * max(1, round(count / total * 60))
        table.add_row(Text(stage), Text(f"{count:,}"), Text(bar, style=STAGE_STYLE[stage]))
    return Group(Text(""), table if stages else Text("no clusters"))


def _troubles(report: FleetReport) -> list[RenderableType]:
    """What is not known and what ended badly: each reason once, with whom it concerns and what to
    do.
    """
    found = troubles(report)
    if not found:
        return []
    parts: list[RenderableType] = [Text("\nNot known, and ended badly", style="bold")]
    for trouble in found[:SHOWN]:
        count = f" ({len(trouble.who)})" if len(trouble.who) > 1 else ""
        parts.append(Text.assemble((f"{trouble.what}{count}: ", "red"), foreign(trouble.why)))
        parts.append(foreign(f"  {_some(trouble.who)}"))
        if trouble.remedy:
            parts.append(foreign(f"  do: {trouble.remedy}", "dim"))
    rest = and_more(len(found), SHOWN, "reasons")
    if rest:
        parts.append(Text(f"{rest} (--output json has all)"))
    return parts


def _questions(report: FleetReport) -> list[RenderableType]:
    """The questions that lift most, without their answers: those are too long for a terminal."""
    if not report.questions:
        return []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("CLUSTERS", justify="right")
    table.add_column("PRINCIPAL", overflow="fold", ratio=3)
    table.add_column("WHY", overflow="fold", ratio=2)
    found = asked(report.questions)
    for question in found[:_QUESTIONS]:
        who = question.name
        if question.principals > 1:
            who += f" (one in each of {question.principals} accounts)"
        table.add_row(str(len(question.clusters)), foreign(who), foreign(", ".join(question.codes)))
    parts: list[RenderableType] = [
        Text("\nOne answer lifts each of these in all its clusters", style="bold"),
        table,
    ]
    rest = and_more(len(found), _QUESTIONS)
    if rest:
        parts.append(Text(rest))
    return [
        *parts,
        Text(
            "migrate fleet report --html FILE has the answers to copy into decisions.yaml.",
            style="dim",
        ),
    ]


def _progress(report: FleetReport) -> list[RenderableType]:
    """Accounts that are not done, those that need an operator first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("ACCOUNT", no_wrap=True)
    table.add_column("NAME", overflow="fold", ratio=1)
    table.add_column("DONE", justify="right", no_wrap=True)
    table.add_column("STAGES", overflow="fold", ratio=2)
    table.add_column("LEFT", overflow="fold", ratio=2)
    open_ones = []
    for account in report.accounts:
        if not account.answered or account.finished < account.clusters:
            open_ones.append(account)
    open_ones.sort(key=account_urgency)
    for account in open_ones[:SHOWN]:
        stages = Text(", ").join(
            Text(f"{count} {stage}", style=STAGE_STYLE[stage])
            for stage, count in account.stages.items()
        )
        left = account.reason
        # What concerns most clusters comes first.
        if account.answered:
            first, count = next(iter(account.left.items()), ("", 0))
            left = f"{first} ({count})"
        done = f"{account.migrated}/{account.clusters}"
        table.add_row(account.id, foreign(account.name), done, stages, foreign(left))
    done_ones = len(report.accounts) - len(open_ones)
    parts: list[RenderableType] = [
        Text(f"\nAccounts: {done_ones} done, {len(open_ones)} not", style="bold")
    ]
    if open_ones:
        parts.append(table)
    rest = and_more(len(open_ones), SHOWN, "accounts")
    if rest:
        parts.append(Text(f"{rest} (--output json has all)"))
    return parts


def _some(names: Sequence[str]) -> str:
    return some_of(names, _FEW, last=", ")
