"""What every command on a plan is asked with, and the ports that carry it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrator.app.connect import Connection, run_ports
from migrator.app.operator import Operator
from migrator.model.decision import NO_DECISIONS, AssumeAs, Decisions
from migrator.model.plan import Plan

if TYPE_CHECKING:
    from migrator.run.begin_run import RunPorts


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


def ports_for(
    request: OnPlan, operator: Operator, connection: Connection | None = None
) -> "RunPorts":
    """What the run of a request needs, over ``connection`` where there is one. The lock that
    ``break_lock`` names is taken away before this returns.
    """
    return run_ports(
        operator,
        request.plan,
        ways=request.ways,
        connection=connection,
        break_lock=request.break_lock,
    )
