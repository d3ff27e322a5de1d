"""How a run ended: what is done, what is not and why."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan
from migrator.render.facts import short_arn
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of


def outcome_text(plan: Plan, outcome: RunOutcome, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """The outcome for a terminal."""
    style = "green" if outcome.complete else "yellow"
    parts: list[RenderableType] = [
        Text.assemble(
            f"{outcome.command}: ",
            (f"{outcome.done} of {outcome.total} steps done", style),
            f" on {plan.cluster.name} (run {outcome.run})" if outcome.run else f" on {plan.cluster.name}",
        )
    ]
    sections = (
        ("Given up, as they were before", "red", outcome.refused),
        ("Waiting for proof", "yellow", outcome.outstanding),
        ("Left", "yellow", [(step.principal_arn or step.kind, step.why) for step in outcome.left]),
    )
    for title, tone, items in sections:
        if items:
            parts.append(Text(f"{title}:", style=tone))
            lines = [Text.assemble("  ", foreign(short_arn(who, plan)), ": ", foreign(why)) for who, why in items]
            parts.append(stack(lines))
    if outcome.state:
        parts.append(foreign(f"Journal and backup: {outcome.state}", "dim"))
    return text_of(Group(*parts), width=width, color=color)


def outcome_document(outcome: RunOutcome) -> dict[str, Any]:
    """The outcome as a JSON document."""
    error = outcome.error
    return {
        "command": outcome.command,
        "run": outcome.run,
        "exitCode": outcome.exit_code,
        "complete": outcome.complete,
        "steps": {"done": outcome.done, "total": outcome.total},
        "left": [
            {"step": step.step_id, "kind": step.kind, "principalArn": step.principal_arn, "why": step.why}
            for step in outcome.left
        ],
        "refused": [{"principalArn": who, "why": why} for who, why in outcome.refused],
        "outstanding": [{"principalArn": who, "why": why} for who, why in outcome.outstanding],
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "why": error.why, "remedy": error.remedy},
        "state": outcome.state,
    }
