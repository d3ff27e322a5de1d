"""The plan as Markdown, for a pull request or a change ticket: GitHub's tables, foreign text in
code spans.
"""

from collections.abc import Iterable, Mapping

from migrator.model.finding import Finding
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.render.can_i import ASK_AS
from migrator.render.chat_line import chat_line
from migrator.render.escape import markdown, markdown_code
from migrator.render.facts import (
    Fact,
    access_questions,
    after_facts,
    before_facts,
    is_link,
    mode_note,
    place,
    place_of,
    short_arn,
    step_counts,
)
from migrator.render.step_words import writes_of

_SEVERITIES = ("block", "warn", "info")


def plan_markdown(plan: Plan, *, lines: Mapping[str, int] | None = None) -> str:
    """The whole plan: summary first, then principals, findings, steps."""
    known = {**plan.lines, **(lines or {})}
    parts = [_head(plan), _principals(plan, known), _findings(plan), _steps(plan)]
    return "\n".join(part for part in parts if part)


def _head(plan: Plan) -> str:
    """The cluster, what is planned, and whether a person must decide something first."""
    cluster = plan.cluster
    actions: list[str] = []
    for action, count in plan.summary.items():
        if count:
            actions.append(f"{count} {action}")
    counts = ", ".join(actions) or "none"
    blockers = sum(finding.severity == "block" for finding in plan.findings)
    verdict = "Nothing blocks."
    if blockers:
        verdict = f"**{blockers} blocking**: answer in `decisions.yaml` first."
    return (
        f"# Access entries for {markdown(cluster.name)}\n\n"
        f"{verdict}\n\n{markdown(chat_line(plan))}.\n\n"
        f"- Cluster: {markdown_code(cluster.arn)}\n"
        f"- Mode: `{cluster.authentication_mode}`{mode_note(plan)}, target `{plan.target}`, "
        f"strategy `{plan.strategy}`\n"
        f"- Read: {markdown_code(plan.created_at)}\n"
        f"- Principals: {len(plan.principals)} ({counts})\n"
        f"- Snapshot: {markdown_code(plan.snapshot_digest)}\n"
    )


def _principals(plan: Plan, lines: Mapping[str, int]) -> str:
    """The table of principals, and how a difference is asked for where a command can."""
    if not plan.principals:
        return "No principal has access through aws-auth or an access entry: nothing to migrate.\n"
    head = "| Action | Principal and rows | Today | After | Findings |\n|---|---|---|---|---|\n"
    rows = "".join(_row(plan, each, lines) for each in plan.principals)
    how = ""
    if any(map(_has_question, plan.principals)):
        how = f"\nA command beside a difference asks for it. {ASK_AS}\n"
    return "## Principals\n\n" + head + rows + how


def _has_question(principal: PlannedPrincipal) -> bool:
    """Whether a command can ask for a difference of the principal's access."""
    return any(command for _, _, command in access_questions(principal.access))


def _row(plan: Plan, principal: PlannedPrincipal, lines: Mapping[str, int]) -> str:
    """One principal as a row of GitHub's table."""
    places = ", ".join(place(source, lines) for source in principal.sources) or "no row in aws-auth"
    access: list[str] = []
    for label, words, command in access_questions(principal.access):
        line = f"{label} {markdown_code(words, cell=True)}"
        if command:
            line += f": {markdown_code(command, cell=True)}"
        access.append(line)
    name = markdown_code(short_arn(principal.principal_arn, plan), cell=True)
    cells = (
        f"**{principal.action}**",
        f"{name}<br>{markdown(places)}",
        _facts(before_facts(principal.before)),
        "<br>".join([_facts(after_facts(principal)), *access]),
        ", ".join(markdown_code(code, cell=True) for code in principal.findings),
    )
    return "| " + " | ".join(cells) + " |\n"


def _facts(facts: Iterable[Fact]) -> str:
    """Facts as the lines of one cell."""
    out = []
    for fact in facts:
        values = ", ".join(markdown_code(value, cell=True) for value in fact.values)
        line = f"{fact.label} {values}"
        if fact.tone == "same":
            line += " (same)"
        out.append(line.strip())
    return "<br>".join(out)


def _findings(plan: Plan) -> str:
    """The findings, those that block first; empty where there are none."""
    if not plan.findings:
        return ""
    ordered = sorted(plan.findings, key=lambda finding: _SEVERITIES.index(finding.severity))
    return "## Findings\n\n" + "".join(_finding(plan, finding) for finding in ordered)


def _finding(plan: Plan, finding: Finding) -> str:
    """One finding as an item of a list, with its remedy below it."""
    where: list[str] = []
    if finding.source is not None:
        where.append(markdown(place_of(finding.source, finding.line)))
    if finding.principal_arn is not None:
        where.append(markdown_code(short_arn(finding.principal_arn, plan)))
    at = ""
    if where:
        at = f" ({', '.join(where)})"
    link = ""
    if is_link(finding.reference):
        link = f" ([reference]({finding.reference}))"
    return (
        f"- **{finding.severity}** {markdown_code(finding.code)}{at}: "
        f"{markdown(finding.message)}{link}\n"
        f"  - do: {markdown(finding.remedy)}\n"
    )


def _steps(plan: Plan) -> str:
    """How many steps there are of each kind, then everything that they write."""
    if not plan.steps:
        return "## Steps\n\nNone: nothing to do.\n"
    counts = "".join(f"- {count} `{kind}`\n" for kind, count in step_counts(plan).items())
    return f"## Steps\n\n{len(plan.steps)} in all:\n\n{counts}\n{_writes(plan)}"


def _writes(plan: Plan) -> str:
    """Everything that apply sends, by principal, in the order of the steps."""
    lines = ["What they write, in order:\n\n"]
    for arn, writes in writes_of(plan).items():
        who = "the cluster"
        if arn is not None:
            who = markdown_code(short_arn(arn, plan))
        lines.append(f"- {who}\n")
        for step_id, words in writes:
            lines.append(f"  - {markdown_code(f'{step_id} {words}')}\n")
    return "".join(lines)
