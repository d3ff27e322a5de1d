"""The plan for a terminal: cluster, one row per principal with before and after, findings, steps,
summary.

Names are folded, never cut: half an ARN is another ARN.
"""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from migrator.model.finding import Finding
from migrator.model.plan import Action, Plan, PlannedPrincipal
from migrator.render.chat_line import chat_line
from migrator.render.facts import (
    Fact,
    access_words,
    after_facts,
    before_facts,
    mode_note,
    place,
    place_of,
    short_arn,
    step_counts,
)
from migrator.render.step_words import writes_of
from migrator.render.text import MAX_WIDTH, foreign, rows_under, stack, text_of

ACTION_STYLE: Mapping[Action, str] = {
    "create": "green",
    "update": "yellow",
    "recreate": "yellow",
    "keep": "dim",
    "await": "cyan",
    "skip": "dim",
    "block": "bold red",
}
SEVERITY_STYLE = {"block": "bold red", "warn": "yellow", "info": "cyan"}
_TONE_STYLE = {"plain": "", "same": "dim", "changed": "yellow", "lost": "red"}
_SEVERITIES = ("block", "warn", "info")
_PERMISSIONS_SHOWN = 3


def plan_table(
    plan: Plan,
    *,
    lines: Mapping[str, int] | None = None,
    width: int = MAX_WIDTH,
    color: bool = False,
    ask: str = "",
) -> str:
    """The whole plan as text. ``ask`` says what a person does about blockers; ``lines`` maps a row
    (``mapRoles[3]``) to its line inside the section.
    """
    known = {**plan.lines, **(lines or {})}
    parts = [header(plan), Text(""), _principals(plan, known, width)]
    if plan.findings:
        parts += [findings_list(plan, plan.findings), Text("")]
    parts += [*_writes(plan), _steps(plan), _summary(plan, ask), foreign(chat_line(plan), "bold")]
    return text_of(Group(*parts), width=width, color=color)


def header(plan: Plan) -> RenderableType:
    """Which cluster, from which mode to which, and from which reading."""
    cluster = plan.cluster
    title = Text.assemble(
        ("Cluster ", "bold"), foreign(cluster.name, "bold"), "  ", foreign(cluster.arn, "dim")
    )
    way = Text(
        f"Mode {cluster.authentication_mode}{mode_note(plan)}, target {plan.target}, "
        f"strategy {plan.strategy}, "
    )
    return Group(title, Text.assemble(way, foreign(f"read {plan.created_at}")))


def _principals(plan: Plan, lines: Mapping[str, int], width: int) -> RenderableType:
    """The table of principals: what is done, who it is, today and after."""
    if not plan.principals:
        return Text(
            "No principal has access through aws-auth or an access entry: nothing to migrate.\n"
        )
    shared = f"PRINCIPAL (without arn:{plan.cluster.partition}:iam::) and its rows"
    title = Group(Text(shared), _pair("TODAY", "AFTER"))
    styles = code_styles(plan.findings)
    rows = ((_action(each), _change(plan, each, lines, styles)) for each in plan.principals)
    return rows_under([("ACTION", 8)], title, rows, width=width)


def _action(principal: PlannedPrincipal) -> list[Text]:
    """The short column of a principal's row: what is done with it, in the colour of the action."""
    return [Text(principal.action, style=ACTION_STYLE[principal.action])]


def _change(
    plan: Plan,
    principal: PlannedPrincipal,
    lines: Mapping[str, int],
    styles: Mapping[str, str],
) -> Group:
    """Who it is, and below it today beside after."""
    after = stack([_facts(after_facts(principal)), *_access(principal)])
    today = _facts(before_facts(principal.before))
    return Group(_who(plan, principal, lines, styles), _pair(today, after), Text(""))


def _pair(left: str | Text, right: str | Text) -> Table:
    """Today beside after, each half of the width."""
    pair = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, expand=True)
    pair.add_column(ratio=1, overflow="fold")
    pair.add_column(ratio=1, overflow="fold")
    pair.add_row(left, right)
    return pair


def _who(
    plan: Plan,
    principal: PlannedPrincipal,
    lines: Mapping[str, int],
    styles: Mapping[str, str],
) -> Text:
    """The principal and its rows."""
    where = ", ".join(place(source, lines) for source in principal.sources)
    parts = [
        foreign(short_arn(principal.principal_arn, plan), "bold"),
        foreign(where or "no row in aws-auth", "dim"),
    ]
    if principal.findings:
        codes = [
            Text.assemble("! ", foreign(code, styles.get(code, ""))) for code in principal.findings
        ]
        parts.append(Text("  ").join(codes))
    return stack(parts)


def code_styles(findings: Iterable[Finding]) -> dict[str, str]:
    """The colour of each code, by its most severe finding."""
    mildest_first = sorted(findings, key=lambda each: -_SEVERITIES.index(each.severity))
    return {each.code: SEVERITY_STYLE[each.severity] for each in mildest_first}


def _facts(facts: Iterable[Fact]) -> Text:
    """Facts as the lines of one cell."""
    return stack([_fact(fact) for fact in facts])


def _fact(fact: Fact) -> Text:
    """A fact in one line, in the colour of its tone; an empty text is shown as one."""
    if not fact.values:
        return Text(fact.label, style="dim")
    values = ", ".join(value or '""' for value in fact.values)
    same = ""
    if fact.tone == "same":
        same = " (same)"
    return Text.assemble(
        (f"{fact.label} ", "dim"), foreign(values, _TONE_STYLE[fact.tone]), (same, "dim")
    )


def _access(principal: PlannedPrincipal) -> list[Text]:
    """What is gained and lost; beyond a few lines only how many more there are."""
    out: list[Text] = []
    changes = list(access_words(principal.access))
    for label, style in (("gains", "yellow"), ("loses", "red")):
        words = [text for which, text in changes if which == label]
        out.extend(foreign(f"{label} {text}", style) for text in words[:_PERMISSIONS_SHOWN])
        if len(words) > _PERMISSIONS_SHOWN:
            out.append(
                Text(
                    f"{label} {len(words) - _PERMISSIONS_SHOWN} more: migrate explain", style=style
                )
            )
    return out


def findings_list(plan: Plan, findings: Sequence[Finding]) -> RenderableType:
    """Findings, the blocking ones first, those of one code together; a remedy that all share is
    said once.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: _SEVERITIES.index(finding.severity)):
        groups.setdefault((finding.severity, finding.code), []).append(finding)
    blocks: list[RenderableType] = [Text("FINDINGS", style="bold")]
    for (severity, code), members in groups.items():
        blocks.append(
            Text.assemble((f"{severity:<5} ", SEVERITY_STYLE[severity]), foreign(code, "bold"))
        )
        shared = len({finding.remedy for finding in members}) == 1
        for finding in members:
            blocks.append(Padding(_finding(plan, finding, remedy=not shared), (0, 0, 0, 6)))
        if shared:
            blocks.append(Padding(_remedy(members[0]), (0, 0, 0, 6)))
    return Group(*blocks)


def _finding(plan: Plan, finding: Finding, *, remedy: bool) -> RenderableType:
    """One finding with its place. ``remedy``: whether its own is shown, or one for all of the
    code.
    """
    where: list[str] = []
    if finding.source is not None:
        where.append(place_of(finding.source, finding.line))
    if finding.principal_arn is not None:
        where.append(short_arn(finding.principal_arn, plan))
    lines: list[Text] = []
    if where:
        lines.append(foreign("  ".join(where), "dim"))
    lines.append(foreign(finding.message))
    if remedy:
        lines.append(_remedy(finding))
    return stack(lines)


def _remedy(finding: Finding) -> Text:
    """What to do about a finding."""
    return Text.assemble(("do: ", "bold"), foreign(finding.remedy))


def _writes(plan: Plan) -> Iterable[RenderableType]:
    """Everything that apply sends, by principal, in the order of the steps."""
    if not plan.steps:
        return
    yield Text("WRITES, as the steps hold them", style="bold")
    for arn, writes in writes_of(plan).items():
        yield Padding(
            Text("the cluster") if arn is None else foreign(short_arn(arn, plan)), (0, 0, 0, 2)
        )
        for step_id, words in writes:
            yield Padding(foreign(f"{step_id} {words}"), (0, 0, 0, 6))
    yield Text("")


def _steps(plan: Plan) -> Text:
    """How many steps there are of each kind."""
    if not plan.steps:
        return Text("Steps: none, nothing to do")
    counts = ", ".join(f"{count} {kind}" for kind, count in step_counts(plan).items())
    return Text(f"Steps: {len(plan.steps)} ({counts})")


def _summary(plan: Plan, ask: str) -> Text:
    """How many principals there are, and what a person must do next."""
    counts = ", ".join(f"{count} {action}" for action, count in plan.summary.items() if count)
    words = f"Principals: {len(plan.principals)}"
    if counts:
        words += f" ({counts})"
    line = Text(words)
    if plan.break_glass is not None:
        break_glass = foreign(f"Break-glass: {short_arn(plan.break_glass, plan)}")
        line = Text.assemble(line, "\n", break_glass)
    blockers = sum(finding.severity == "block" for finding in plan.findings)
    if blockers:
        word = "findings block"
        if blockers == 1:
            word = "finding blocks"
        line = Text.assemble(line, (f"\n{blockers} {word} this plan. {ask}".rstrip(), "bold red"))
    return line
