"""How a rehearsal ended."""

from typing import Any

from migrator.model.outcome import RehearseOutcome
from migrator.model.plan import Plan
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of
from migrator.render.verdicts import verdict_document, verdict_table


def rehearsal_text(
    plan: Plan,
    outcome: RehearseOutcome,
    *,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """The outcome for a terminal."""
    minutes, seconds = divmod(outcome.seconds, 60)
    lines = [f"rehearsal on {plan.cluster.name}: {_word(outcome)}"]
    lines.append(f"aws-auth was blank for {minutes} min {seconds} s, and is {outcome.aws_auth}")
    if outcome.why:
        lines.append(f"why: {outcome.why}")
    if outcome.passed and not outcome.evidence:
        lines.append(
            "It was shorter than 20 minutes: tokens live for 14, so that it is no evidence for the "
            "gate."
        )
    lines.append(f"Journal and backup: {outcome.state}")
    text = text_of(stack([foreign(line) for line in lines]), width=width, color=color)
    if outcome.verification is None:
        return text
    return verdict_table(plan, outcome.verification, width=width, color=color) + "\n" + text


def _word(outcome: RehearseOutcome) -> str:
    """How a rehearsal ended, in the first words of its text."""
    if outcome.passed:
        return "passed"
    if outcome.exit_code:
        return "not passed"
    return "not needed"


def rehearsal_document(plan: Plan, outcome: RehearseOutcome) -> dict[str, Any]:
    """The outcome as a JSON document."""
    error = outcome.error
    return {
        "cluster": plan.cluster.arn,
        "passed": outcome.passed,
        "evidence": outcome.evidence,
        "seconds": outcome.seconds,
        "awsAuth": outcome.aws_auth,
        "why": outcome.why,
        "exitCode": outcome.exit_code,
        "verification": None
        if outcome.verification is None
        else verdict_document(plan, outcome.verification),
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
