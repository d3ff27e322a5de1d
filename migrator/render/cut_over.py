"""The cut-over's outcome: the gates, then, once switched, the verification without any row."""

from typing import Any

from migrator.model.gate import gates_to_documents
from migrator.model.outcome import CutOverOutcome
from migrator.model.plan import Plan
from migrator.render.gates import gate_table
from migrator.render.text import MAX_WIDTH
from migrator.render.verdicts import verdict_document, verdict_table


def cut_over_text(
    plan: Plan,
    outcome: CutOverOutcome,
    *,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """The outcome for a terminal."""
    parts = []
    if outcome.gates:
        parts.append(gate_table(outcome.gates, width=width, color=color))
    if outcome.verification is not None:
        parts.append(verdict_table(plan, outcome.verification, width=width, color=color))
    mode = f"The cluster is in {outcome.mode} mode"
    if outcome.mode == "unknown":
        mode = "The mode of the cluster is unknown"
    parts.append(f"{mode}: {_means(outcome)}.\n")
    return "\n".join(parts)


def _means(outcome: CutOverOutcome) -> str:
    """What became of the switch."""
    if outcome.mode == "API":
        return "aws-auth is not asked any more"
    # EKS takes minutes to switch, and the answer to the request may be lost.
    if outcome.may_arrive:
        return "the switch was sent to EKS and may be under way"
    return "nothing was switched"


def cut_over_document(plan: Plan, outcome: CutOverOutcome) -> dict[str, Any]:
    """The outcome as a JSON document."""
    error = outcome.error
    return {
        "cluster": plan.cluster.arn,
        "mode": outcome.mode,
        "exitCode": outcome.exit_code,
        "gates": gates_to_documents(outcome.gates),
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
