"""What every command on a plan is asked with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrator.model.decision import NO_DECISIONS, AssumeAs, Decisions
from migrator.model.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPlan:
    """``plan``: proven when it was read, ``digest`` its digest. ``answers``: decisions.yaml.
    ``become``: how to log in as whom, over the answers. ``break_lock``: whose lock on the cluster
    is taken away first.
    """

    plan: Plan
    digest: str
    answers: Decisions = NO_DECISIONS
    become: Mapping[str, AssumeAs] = field(default_factory=dict)
    break_lock: str | None = None

    @property
    def ways(self) -> dict[str, AssumeAs]:
        """How to log in as whom."""
        return {**self.answers.verify_as, **self.become}
