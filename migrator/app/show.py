"""A saved plan again."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.app.read_plan import read_plan
from migrator.model.outcome import PlanOutcome

if TYPE_CHECKING:
    from migrator.model.security_note import SecurityNote


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """``content``: the bytes of a plan.json."""

    content: bytes


def show(request: ShowRequest) -> PlanOutcome:
    """The plan, proven again. Raises what :func:`migrator.run.read_plan.read_plan` raises."""
    from migrator.model.files.plan import plan_on_one_line

    plan, digest = read_plan(request.content)
    return PlanOutcome(
        plan=plan, digest=digest, content=plan_on_one_line(plan)[0], lines=plan.lines
    )


def note_for_soc(outcome: PlanOutcome, source: str | None = None) -> "SecurityNote":
    """What the runs of the plan will look like to a security operations centre. ``source``: this
    machine's address as others see it, None where it is not known. Nothing is read: times of runs
    are in the report.
    """
    from migrator.decide.reach.security_note import security_note

    return security_note(outcome.plan, outcome.digest, source=source)
