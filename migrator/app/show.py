"""A saved plan again."""

from dataclasses import dataclass

from migrator.app.read_plan import read_plan
from migrator.model.outcome import PlanOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """``content``: the bytes of a plan.json."""

    content: bytes


def show(request: ShowRequest) -> PlanOutcome:
    """The plan, proven again. Raises what :func:`migrator.run.read_plan.read_plan` raises."""
    from migrator.model.files.plan import plan_to_document

    plan, digest = read_plan(request.content)
    return PlanOutcome(plan=plan, digest=digest, document=plan_to_document(plan), lines={})
