"""A reversible dress rehearsal of API mode."""

import os
from dataclasses import dataclass, replace
from datetime import timedelta

from migrator.app.connect import Connection, clock, connect
from migrator.app.on_plan import OnPlan, ports_for
from migrator.app.operator import Operator
from migrator.app.preflight import preflight
from migrator.model.outcome import RehearseOutcome
from migrator.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearseRequest(OnPlan):
    """``length``: how long the map stays blank. ``image``: what the timer's Job runs."""

    length: timedelta
    image: str


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clock of a rehearsal, and the one for waiting on what takes its own time."""

    clock: Clock
    waiting: Clock


def clocks_here() -> Clocks:
    """The clocks of a rehearsal that has the process to itself."""
    from migrator.adapters.clock import open_waiting_clock

    return Clocks(clock(), open_waiting_clock(os.environ))


def rehearse(
    request: RehearseRequest,
    operator: Operator,
    connection: Connection | None = None,
    clocks: Clocks | None = None,
) -> RehearseOutcome:
    """Blank aws-auth, watch, put it back, over ``connection`` and by ``clocks`` where they are
    given. Raises what :func:`migrator.run.rehearse.rehearse` raises.
    """
    from migrator.adapters.kubernetes_objects import KubernetesObjects
    from migrator.run.rehearse import RehearseOptions
    from migrator.run.rehearse import rehearse as blank_and_watch

    preflight(operator.settings)
    plan = request.plan
    connected = connection or connect(
        operator.settings, plan.cluster.name, operator=operator, region=plan.cluster.region
    )
    ports = ports_for(request, operator, connected)
    options = RehearseOptions(
        length=request.length,
        image=request.image,
        waive_verification=request.answers.waive_verification,
        proof_policy=request.answers.proof_policy,
    )
    ticking = clocks or clocks_here()
    return blank_and_watch(
        plan,
        request.digest,
        replace(ports, clock=ticking.clock),
        KubernetesObjects(connected.client),
        options,
        waiting=ticking.waiting,
    )
