"""What is known about a fleet, as Markdown: for a pull request, a change ticket, a wiki.

Everything that repeats is reported once, with how often; the JSON form and the dashboard have every
cluster. However large the fleet, it stays below what GitHub takes as the text of a pull request
(65,536 characters).
"""

import re
from collections.abc import Iterable, Sequence

from migrator.fleet.model.report import AccountProgress, FleetReport, RunSeen
from migrator.fleet.model.short_texts import short_cluster
from migrator.fleet.render.attention import NOTHING, Needed, attention_of
from migrator.fleet.render.headline import account_urgency, fleet_figures, fleet_sentence
from migrator.fleet.render.names import accounts_line, count_of, short_principal, some
from migrator.fleet.render.snippet import Asked, asked, snippet
from migrator.fleet.render.soc import soc_markdown
from migrator.render.escape import markdown, markdown_code
from migrator.render.page import when

LIMIT = 60_000  # characters; GitHub takes 65,536
_ROWS = 20  # of one table
_NAMED = 5  # clusters named in one cell
_SNIPPETS = 5
_LONG = 60  # lines of a snippet that is still to be read
_TEXT = 300  # characters of one cell


def fleet_markdown(report: FleetReport) -> str:
    """One document: who answered, how far everything is, what is open, what repeats, what
    happened.
    """
    text = _head(report)
    for part in (*_tables(report), _answers(report), soc_markdown(report)):
        if len(text) + len(part) > LIMIT:
            return f"{text}\nMore does not fit here: `migrate fleet report --json FILE` has all.\n"
        if part:
            text += f"\n{part}"
    return text


def _head(report: FleetReport) -> str:
    """Title, sentence, figures and stages: what is there however large the fleet is."""
    facts = "".join(
        f"| {each.label} | **{each.value}** | {markdown(each.detail)} |\n"
        for each in fleet_figures(report)
    )
    stages = "".join(f"| {stage} | {count:,} |\n" for stage, count in report.stages.items())
    return (
        f"# Fleet {markdown(report.fleet)}: {report.migrated:,} of "
        f"{count_of(len(report.rows), 'cluster')} migrated\n\n"
        f"{fleet_sentence(report)} {accounts_line(report.inventory)}. Read "
        f"{markdown_code(when(report.at))}, "
        f"inventory of {markdown_code(when(report.inventory.taken_at))}.\n\n"
        f"| | | |\n|---|---|---|\n{facts}\n## Clusters by stage\n\n| Stage | Clusters "
        f"|\n|---|---:|\n{stages}"
    )


def _attention(report: FleetReport) -> str:
    """What needs a person, with one command to copy for each item."""
    items = attention_of(report)
    if not items:
        return f"## Needs attention\n\n{NOTHING}\n"
    return (
        "## Needs attention\n\n" + "".join(map(_item, items[:_ROWS])) + f"\n{len(items)} in all.\n"
    )


def _item(needed: Needed) -> str:
    trouble = needed.trouble
    who = f" ({markdown(_short(_some(trouble.who)))})"
    why = markdown(_short(trouble.why))
    head = f"- **{markdown(trouble.what)}**: {why}{who}\n"
    shown, more = some(needed.commands, _ROWS)
    lines = [f"  - {markdown_code(command)}\n" for command in shown]
    if more:
        lines.append(f"  - and {more:,} more of the same form, one for each cluster\n")
    return "".join((head, *lines))


def _tables(report: FleetReport) -> Iterable[str]:
    """The tables in the order in which they are left out where the document would be too long."""
    yield _attention(report)
    yield _table(
        "Open questions: one answer lifts each of them in every cluster named",
        ("Principal", "Why", "Clusters"),
        (
            (_asking(each), ", ".join(each.codes), _clusters(each.clusters))
            for each in asked(report.questions)
        ),
    )
    yield _table(
        "Clusters with the same findings",
        ("Findings", "Clusters"),
        ((", ".join(each.codes), _clusters(each.clusters)) for each in report.same if each.codes),
    )
    unfinished = [each for each in report.accounts if not each.answered or each.left]
    unfinished.sort(key=account_urgency)
    yield _table(
        f"What is left: {len(report.accounts) - len(unfinished)} accounts are done, "
        f"{len(unfinished)} are not",
        ("Account", "Name", "Migrated", "Left"),
        (
            (each.id, each.name, f"{each.migrated} of {each.clusters}", _left(each))
            for each in unfinished
        ),
    )
    yield _table(
        "Findings",
        ("Finding", "Severity", "Clusters", "Principals"),
        (
            (each.code, each.severity, f"{len(each.clusters):,}", f"{each.principals:,}")
            for each in report.findings
        ),
    )
    yield _table(
        "Administrators after the migration",
        ("Principal", "Clusters"),
        ((short_principal(each.principal_arn), _clusters(each.clusters)) for each in report.admins),
    )
    yield _table(
        "Runs, the latest first",
        ("Command", "Began", "Ended", "Waves"),
        (
            (run.command, when(run.started), _ended(run), _waves(run))
            for run in reversed(report.runs)
        ),
    )


def _ended(run: RunSeen) -> str:
    """When and how a run ended, and why it was stopped."""
    if run.exit_code is None:
        return "did not end"
    text = f"{when(run.ended)}, exit code {run.exit_code}"
    if run.stopped:
        text += f": {run.stopped}"
    return text


def _left(account: AccountProgress) -> str:
    """Why the account is not known completely, then what is left in it, each with its count."""
    left = [f"{count}: {what}" for what, count in account.left.items()]
    if account.reason:
        left.insert(0, account.reason)
    return "; ".join(left)


def _waves(run: RunSeen) -> str:
    told = (
        f"{wave.name}: " + ", ".join(f"{n} {status}" for status, n in wave.counts.items())
        for wave in run.waves
    )
    return "; ".join(told)


def _answers(report: FleetReport) -> str:
    """The answers that lift most, to copy."""
    blocks: list[str] = []
    for question in asked(report.questions):
        lines = snippet(question.questions)
        if lines and len(lines) <= _LONG:
            blocks.append(_answer(question, lines))
    if not blocks:
        return ""
    return "## Answers for decisions.yaml\n\n" + "\n".join(blocks[:_SNIPPETS])


def _answer(question: Asked, lines: Sequence[str]) -> str:
    """A question that opens to its answer. A fence is longer than every run of backticks inside it
    (CommonMark, "Fenced code blocks").
    """
    text = "\n".join(lines)
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return (
        f"<details><summary>{markdown(_asking(question))}</summary>\n\n"
        f"{fence}yaml\n{text}\n{fence}\n\n</details>\n"
    )


def _asking(question: Asked) -> str:
    if question.principals == 1:
        return question.name
    return f"{question.name} (one in each of {question.principals} accounts)"


def _clusters(arns: Sequence[str]) -> str:
    return f"{len(arns):,}: {_some(map(short_cluster, arns))}"


def _some(names: Iterable[str]) -> str:
    shown, more = some(names, _NAMED)
    text = ", ".join(shown)
    # Here thousands are grouped, as in the rest of this document.
    if more:
        text += f", and {more:,} more"
    return text


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with its title; nothing without rows. Cells are escaped, since they hold text of
    clusters.
    """
    lines = [f"| {' | '.join(markdown(_short(text)) for text in row)} |\n" for row in rows]
    if not lines:
        return ""
    table = f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n" + "".join(lines[:_ROWS])
    if len(lines) > _ROWS:
        table += f"\n{len(lines) - _ROWS:,} more are in the JSON form.\n"
    return f"## {title}\n\n{table}"


def _short(text: str) -> str:
    """A text of a cell, cut where it would fill the page."""
    if len(text) <= _TEXT:
        return text
    return f"{text[:_TEXT]}…"
