"""One principal of a plan, described in full: what it is today, what it will be, what changes, and
why.
"""

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from migrator.model.explanation import Explanation, Reason
from migrator.model.log_ins import LogInPopulation, population_words
from migrator.model.plan import Plan
from migrator.model.step import Step
from migrator.render.can_i import ASK_AS
from migrator.render.entry_diff import entry_diff
from migrator.render.facts import Fact, access_questions, after_facts, before_facts, place
from migrator.render.plan_table import ACTION_STYLE, SEVERITY_STYLE
from migrator.render.text import MAX_WIDTH, foreign, text_of


def explain(
    plan: Plan,
    told: Explanation,
    *,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """The whole story of one principal as text for a terminal."""
    principal = next(each for each in plan.principals if each.principal_arn == told.principal_arn)
    action = Text.assemble((told.action, ACTION_STYLE[told.action]), ": ", foreign(told.means))
    rows = [
        foreign(place(row.source, {} if row.line is None else {row.source: row.line}))
        for row in told.rows
    ]
    parts: list[RenderableType] = [
        foreign(told.principal_arn, "bold"),
        _section("Action", [action]),
        _section("Rows", rows or [Text("none in aws-auth")]),
        _section("Today", map(_fact, before_facts(told.before))),
        _section("After", map(_fact, after_facts(principal))),
        _section("Entry, changed from today", [foreign(line) for line in entry_diff(principal)]),
        _section("Who can log in today", [foreign(population_words(told.log_ins_before))]),
        _section("Who can log in after", _who_after(told)),
        _section("Access gained", _changes(told, "gains")),
        _section("Access lost", _changes(told, "loses")),
        _section("Why", [part for reason in told.reasons for part in _reason(reason)]),
        _section("Steps", [foreign(_step(step)) for step in told.steps]),
        _section("Proof", [Text(f"cut-over wants it {told.required_proof}")]),
    ]
    return text_of(Group(*parts), width=width, color=color)


def _changes(told: Explanation, label: str) -> list[RenderableType]:
    """The rows, and under each the command that asks for it; who must ask it is said once."""
    lines: list[RenderableType] = []
    has_command = False
    for which, words, command in access_questions(told.access):
        if which != label:
            continue
        lines.append(foreign(words))
        if command:
            lines.append(foreign(f"  {command}", "dim"))
            has_command = True
    if has_command:
        answers = "yes today, no after"
        if label == "gains":
            answers = "no today, yes after"
        lines.append(Text(f"The answers are {answers}. {ASK_AS}", style="dim"))
    return lines


def _who_after(told: Explanation) -> list[RenderableType]:
    """The log-ins that the entry admits; not decided where a question is open."""
    if told.log_ins_after is None:
        return [Text("not decided")]
    same = ""
    if told.log_ins_after == told.log_ins_before:
        same = " (same)"
    return [foreign(population_words(told.log_ins_after) + same)]


def _section(title: str, lines: Iterable[RenderableType]) -> RenderableType:
    """A title with its lines below it; nothing where there are no lines."""
    body = list(lines)
    if not body:
        return Text("", end="")
    return Group(
        Text(""), Text(title, style="bold"), *(Padding(line, (0, 0, 0, 2)) for line in body)
    )


def _fact(fact: Fact) -> Text:
    """A fact in one line; an empty text is shown as one."""
    if not fact.values:
        return Text(fact.label)
    values = ", ".join(value or '""' for value in fact.values)
    same = ""
    if fact.tone == "same":
        same = " (same)"
    return Text.assemble((f"{fact.label} ", "dim"), foreign(values), (same, "dim"))


def _reason(reason: Reason) -> Iterable[RenderableType]:
    """A finding about the principal, with the rule and the remedy of the catalogue."""
    finding, kind = reason.finding, reason.kind
    yield Text.assemble(
        (finding.severity, SEVERITY_STYLE[finding.severity]), " ", (finding.code, "bold")
    )
    for label, text in (
        ("here", finding.message),
        ("what", kind.what),
        ("why", kind.why),
        ("do", finding.remedy),
        ("rule", reason.evidence),
        ("see", finding.reference),
    ):
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=6)
        grid.add_column(overflow="fold")
        grid.add_row(Text(f"  {label}", style="dim"), foreign(text))
        yield grid


def _step(step: Step) -> str:
    """A step with those that it waits for."""
    after = ""
    if step.requires:
        after = f" after {', '.join(step.requires)}"
    return f"{step.id} {step.effect.kind}{after}"


def explanation_document(told: Explanation, principal: dict[str, Any]) -> dict[str, Any]:
    """The explanation as JSON: the plan's own object of the principal, and what explains it."""
    return {
        "principal": principal,
        "means": told.means,
        "rows": [{"source": row.source, "line": row.line} for row in told.rows],
        "reasons": [
            {
                "code": reason.finding.code,
                "severity": reason.finding.severity,
                "message": reason.finding.message,
                "what": reason.kind.what,
                "why": reason.kind.why,
                "remedy": reason.finding.remedy,
                "reference": reason.finding.reference,
                "evidence": reason.evidence,
            }
            for reason in told.reasons
        ],
        "steps": [
            {"id": step.id, "kind": step.effect.kind, "requires": list(step.requires)}
            for step in told.steps
        ],
        "requiredProof": told.required_proof,
        "logIns": {
            "before": _population(told.log_ins_before),
            "after": None if told.log_ins_after is None else _population(told.log_ins_after),
        },
    }


def _population(population: LogInPopulation) -> list[dict[str, Any]]:
    """The log-ins as a JSON document."""
    return [
        {
            "sessions": each.sessions,
            "names": list(each.names),
            "exceptNames": list(each.except_names),
        }
        for each in population
    ]
