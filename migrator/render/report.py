"""The report for a change ticket, as Markdown: verdict first, then the plan, the proof and the run's timeline."""

from collections.abc import Sequence

from migrator.model.journal import Record
from migrator.model.outcome import VerifyOutcome
from migrator.model.plan import Plan
from migrator.render.escape import markdown, markdown_code
from migrator.render.facts import short_arn
from migrator.render.markdown import plan_markdown
from migrator.render.verdicts import verdict_markdown


def report_markdown(plan: Plan, verification: VerifyOutcome, journal: Sequence[Record]) -> str:
    """One document of everything that is known."""
    counts = ", ".join(
        f"{count} {name}"
        for name in ("ok", "partial", "failed", "unknown")
        if (count := sum(each.verdict == name for each in verification.verdicts))
    )
    head = (
        f"# Migration of {markdown(plan.cluster.name)} to access entries: {verification.verdict}\n\n"
        f"The cluster is in mode `{verification.mode}`. Principals: {counts or 'none'}.\n"
    )
    body = plan_markdown(plan).replace("# Access entries for", "## The plan for", 1).replace("\n## ", "\n### ")
    return "\n".join([head, verdict_markdown(plan, verification), body, _timeline(plan, journal)])


def _timeline(plan: Plan, journal: Sequence[Record]) -> str:
    if not journal:
        return "## Timeline\n\nNothing was run yet.\n"
    steps = {step.id: step for step in plan.steps}
    rows = []
    for record in journal:
        step = steps.get(record.step or "")
        what = record.step or ""
        if step is not None:
            who = f" {short_arn(step.principal_arn, plan)}" if step.principal_arn else ""
            what = f"{step.id} {step.effect.kind}{who}"
        rows.append(f"| {record.n} | {markdown_code(record.at, cell=True)} | {record.event} | {markdown(what)} |\n")
    return "## Timeline\n\n| | Time | Event | Step |\n|---|---|---|---|\n" + "".join(rows)
