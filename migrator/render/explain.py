"""One principal of a plan, told in full: what it is today, what it will be, what changes, and why."""

from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import Step
from migrator.render.entry_diff import entry_diff
from migrator.render.facts import (
    ACTION_MEANS,
    Fact,
    after_facts,
    before_facts,
    lines_of_findings,
    permission_words,
    place,
)
from migrator.render.plan_table import ACTION_STYLE, SEVERITY_STYLE
from migrator.render.text import MAX_WIDTH, foreign, text_of


def explain(
    plan: Plan,
    principal: PlannedPrincipal,
    *,
    lines: Mapping[str, int] | None = None,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """The whole story of one principal as text for a terminal."""
    known = {**lines_of_findings(plan), **(lines or {})}
    style = ACTION_STYLE[principal.action]
    action = Text.assemble((principal.action, style), f": {ACTION_MEANS[principal.action]}")
    parts: list[RenderableType] = [
        foreign(principal.principal_arn, "bold"),
        _section("Action", [action]),
        _section("Rows", _rows(principal, known)),
        _section("Today", map(_fact, before_facts(principal.before))),
        _section("After", map(_fact, after_facts(principal))),
        _section("Entry, changed from today", [foreign(line) for line in entry_diff(principal)]),
        _section("Access gained", [foreign(permission_words(row)) for row in principal.access.gained]),
        _section("Access lost", [foreign(permission_words(row)) for row in principal.access.lost]),
        _section("Why", _findings(plan, principal)),
        _section("Steps", [foreign(_step(step)) for step in _steps(plan, principal)]),
        _section("Proof", [Text(f"cut-over wants it {principal.required_proof}")]),
    ]
    return text_of(Group(*parts), width=width, color=color)


def find_principal(plan: Plan, wanted: str) -> tuple[PlannedPrincipal, ...]:
    """The principals that ``wanted`` can mean: the ARN, else its end (``role/ci/runner``, ``runner``), else a row."""
    exact = tuple(each for each in plan.principals if each.principal_arn == wanted)
    if exact:
        return exact
    ends = tuple(each for each in plan.principals if each.principal_arn.endswith(("/" + wanted, ":" + wanted)))
    return ends or tuple(each for each in plan.principals if wanted in each.sources)


def _section(title: str, lines: Iterable[RenderableType]) -> RenderableType:
    body = list(lines)
    if not body:
        return Text("", end="")
    return Group(Text(""), Text(title, style="bold"), *(Padding(line, (0, 0, 0, 2)) for line in body))


def _rows(principal: PlannedPrincipal, lines: Mapping[str, int]) -> list[Text]:
    if not principal.sources:
        return [Text("none in aws-auth")]
    return [foreign(place(source, lines)) for source in principal.sources]


def _fact(fact: Fact) -> Text:
    if not fact.values:
        return Text(fact.label)
    same = " (same)" if fact.tone == "same" else ""
    return Text.assemble((f"{fact.label} ", "dim"), foreign(", ".join(v or '""' for v in fact.values)), (same, "dim"))


def _findings(plan: Plan, principal: PlannedPrincipal) -> list[RenderableType]:
    about = [
        finding
        for finding in plan.findings
        if finding.principal_arn == principal.principal_arn
        or (finding.principal_arn is None and finding.source is not None and finding.source in principal.sources)
    ]
    out: list[RenderableType] = []
    for finding in about:
        out.append(Text.assemble((finding.severity, SEVERITY_STYLE[finding.severity]), " ", (finding.code, "bold")))
        for label, text in (("what", finding.message), ("do", finding.remedy), ("see", finding.reference)):
            grid = Table.grid(padding=(0, 1, 0, 0))
            grid.add_column(width=6)
            grid.add_column(overflow="fold")
            grid.add_row(Text(f"  {label}", style="dim"), foreign(text))
            out.append(grid)
    return out


def _steps(plan: Plan, principal: PlannedPrincipal) -> list[Step]:
    return [step for step in plan.steps if step.principal_arn == principal.principal_arn]


def _step(step: Step) -> str:
    after = f" after {', '.join(step.requires)}" if step.requires else ""
    return f"{step.id} {step.effect.kind}{after}"
