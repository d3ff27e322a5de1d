"""What does not fit in a plan that was read, and the small helpers that the checks share."""

from collections.abc import Iterable
from dataclasses import dataclass

from migrator.errors import Failed


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """One contradiction of a plan with itself. ``where`` names the step, the principal, the finding or the field."""

    where: str
    why: str


def refusal(found: Inconsistency) -> Failed:
    """The error that refuses the plan: ``plan-inconsistent``, exit code 1, before anything is sent."""
    return Failed(
        "plan-inconsistent",
        f"The plan contradicts itself: {found.where}.",
        why=f"{found.why} A digest shows accidents only, so every plan is proven again when it is read.",
        remedy="Make the plan again with `migrate plan`; put what you want changed into decisions.yaml.",
    )


def names(items: Iterable[str]) -> str:
    """Names in a message, sorted; ``none`` for no names."""
    return ", ".join(f"`{item}`" for item in sorted(items)) or "none"
