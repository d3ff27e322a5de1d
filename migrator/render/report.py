"""The report for a change ticket, as Markdown: verdict first, then the plan, the proof, the gates,
the timeline.
"""

from collections.abc import Sequence

from migrator.model.gate import Gate
from migrator.model.journal import Record
from migrator.model.plan import Plan
from migrator.model.report import Report
from migrator.model.step import Step
from migrator.render.attention import Spell, attention_markdown, spelled
from migrator.render.escape import markdown, markdown_code
from migrator.render.facts import short_arn
from migrator.render.headline import figures, sentence
from migrator.render.markdown import plan_markdown
from migrator.render.security_note import security_markdown
from migrator.render.verdicts import verdict_markdown


def report_markdown(report: Report, spell: Spell = spelled) -> str:
    """One document of everything that is known; :func:`migrator.render.html.report_html` says the
    same as HTML. ``spell`` writes a command as a line to copy.
    """
    plan, verification = report.plan, report.verification
    facts = "".join(
        f"| {each.label} | **{each.value}** | {markdown(each.detail)} |\n"
        for each in figures(report)
    )
    head = (
        f"# Migration of {markdown(plan.cluster.name)} to access entries: "
        f"{verification.verdict}\n\n"
        f"{sentence(report)}\n\n"
        f"| | | |\n|---|---|---|\n{facts}\n"
        f"The cluster is in mode `{verification.mode}`. Next: {markdown(report.status.next)}. "
        f"Report made {markdown_code(report.made_at)}, plan {markdown_code(report.plan_digest)}.\n"
    )
    body = plan_markdown(plan, lines=report.lines)
    body = body.replace("# Access entries for", "## The plan for", 1).replace("\n## ", "\n### ")
    parts = [
        head,
        attention_markdown(report, spell),
        verdict_markdown(plan, verification),
        body,
        _gates(report),
        _timeline(plan, report.journal),
    ]
    if report.security_note is not None:
        parts.append(security_markdown(report.security_note))
    return "\n".join(parts)


def _gates(report: Report) -> str:
    """The gates as a table: as they were at the cut-over, or as they are now."""
    if not report.gates:
        return (
            f"## Gates of the cut-over\n\nNot judged here: the cluster is in mode "
            f"`{report.verification.mode}`.\n"
        )
    when = "As they stand now"
    if report.gates_at:
        when = f"As judged at the cut-over, {markdown_code(report.gates_at)}"
    rows = "".join(map(_gate, report.gates))
    return (
        f"## Gates of the cut-over\n\n{when}:\n\n| | State | Question | Answer "
        f"|\n|---|---|---|---|\n{rows}"
    )


def _gate(gate: Gate) -> str:
    """One gate as a row of the table; a waiver is named with its person."""
    waived = gate.waived_by is not None and gate.state != "pass"
    answer = markdown(gate.detail)
    if gate.waived_by is not None:
        answer += f"<br>waived by {markdown(gate.waived_by)}"
    return (
        f"| {gate.number} | **{'waived' if waived else gate.state}** | "
        f"{markdown(gate.question)} | {answer} |\n"
    )


def _timeline(plan: Plan, journal: Sequence[Record]) -> str:
    """The records of the journal as a table."""
    if not journal:
        return "## Timeline\n\nNothing was run yet.\n"
    steps = {step.id: step for step in plan.steps}
    rows = "".join(_record(plan, record, steps.get(record.step or "")) for record in journal)
    return f"## Timeline\n\n| | Time | Event | Step |\n|---|---|---|---|\n{rows}"


def _record(plan: Plan, record: Record, step: Step | None) -> str:
    """One record as a row; a step that the plan does not have is shown by its id."""
    what = record.step or ""
    if step is not None:
        what = f"{step.id} {step.effect.kind}"
        if step.principal_arn:
            what += f" {short_arn(step.principal_arn, plan)}"
    return (
        f"| {record.n} | {markdown_code(record.at, cell=True)} | {record.event} | "
        f"{markdown(what)} |\n"
    )
