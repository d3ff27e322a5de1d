"""How a run ended: what is done, what is not and why."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan
from migrator.render.facts import short_arn
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of


def outcome_text(
    plan: Plan,
    outcome: RunOutcome,
    *,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """The outcome for a terminal."""
    style = "yellow"
    if outcome.complete:
        style = "green"
    parts: list[RenderableType] = [
        Text.assemble(
            f"{outcome.command}: ",
            (
                f"{outcome.done} of {outcome.total} steps done"
                if outcome.total
                else "nothing to do",
                style,
            ),
            f" on {plan.cluster.name} (run {outcome.run})"
            if outcome.run
            else f" on {plan.cluster.name}",
        )
    ]
    waiting = {who for who, _ in outcome.outstanding}
    left = [
        (each.principal_arn or each.kind, each.why)
        for each in outcome.left
        if each.principal_arn not in waiting
    ]
    sections = (
        ("Given up, as they were before", "red", outcome.refused),
        ("Waiting for proof", "yellow", outcome.outstanding),
        ("Left", "yellow", tuple(left)),
    )
    for title, tone, items in sections:
        if items:
            parts.append(Text(f"{title}:", style=tone))
            parts.append(Padding(_by_reason(plan, items), (0, 0, 0, 2)))
    if outcome.outstanding:
        parts.append(
            Text(
                "Each is proven by a log-in: let it log in once and apply again, or name "
                "credentials of it with --as "
                "PRINCIPAL=PROFILE, or under verify_as in decisions.yaml."
            )
        )
    if outcome.leftovers:
        parts.append(Text("Left in the cluster:", style="yellow"))
        parts.append(Padding(stack([foreign(line) for line in outcome.leftovers]), (0, 0, 0, 2)))
    if outcome.next:
        parts.append(foreign(f"Next: {outcome.next}", "yellow"))
    if outcome.state:
        parts.append(foreign(f"Journal and backup: {outcome.state}", "dim"))
    return text_of(Group(*parts), width=width, color=color)


def _by_reason(plan: Plan, items: Sequence[tuple[str, str]]) -> RenderableType:
    """Each reason once, with all that it concerns under it."""
    reasons: dict[str, list[str]] = {}
    for who, why in items:
        names = reasons.setdefault(why, [])
        if who not in names:
            names.append(who)
    lines: list[RenderableType] = []
    for why, names in reasons.items():
        lines.append(foreign(f"{why}:"))
        lines.append(
            Padding(stack([foreign(short_arn(name, plan), "bold") for name in names]), (0, 0, 0, 2))
        )
    return Group(*lines)


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
            {
                "step": step.step_id,
                "kind": step.kind,
                "principalArn": step.principal_arn,
                "why": step.why,
            }
            for step in outcome.left
        ],
        "refused": [{"principalArn": who, "why": why} for who, why in outcome.refused],
        "outstanding": [{"principalArn": who, "why": why} for who, why in outcome.outstanding],
        "leftovers": list(outcome.leftovers),
        "next": outcome.next,
        "error": None
        if error is None
        else {
            "code": error.code,
            "message": error.message,
            "why": error.why,
            "remedy": error.remedy,
        },
        "state": outcome.state,
    }
