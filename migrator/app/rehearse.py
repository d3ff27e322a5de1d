"""A reversible dress rehearsal of API mode."""

import os
from dataclasses import dataclass, replace
from datetime import timedelta

from migrator.app.connect import Connection, clock, connect
from migrator.app.on_plan import OnPlan, ports_for, ways_of
from migrator.app.operator import Operator
from migrator.app.preflight import preflight
from migrator.model.outcome import RehearseOutcome
from migrator.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearseRequest(OnPlan):
    """``length``: how long the map stays blank. ``image``: what the timer's Job runs.
    ``accept_timer_reach``: also where it is not known whether network policies let the timer reach
    the API server.
    """

    length: timedelta
    image: str
    accept_timer_reach: bool = False


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
    given. What an interrupted rehearsal left is put back first.

    The outcome's ``exit_code``: 0 passed, 4 another writer changed the map, 6 a principal or a node
    would have lost access, 7 interrupted, else that of its ``error``. In all of them aws-auth is as
    it was, or the timer in the cluster is about to restore it: ``aws_auth`` says which.

    Raises before anything is written: ``Blocked`` (3), ``Refused`` (4: a condition is not met,
    another cluster, locked), ``WrongUse`` without an image for its timer, and what
    :func:`migrator.app.connect.connect` raises.
    """
    from migrator.adapters.kubernetes_objects import KubernetesObjects
    from migrator.run.rehearse import RehearseOptions, refuse_without_image
    from migrator.run.rehearse import rehearse as blank_and_watch

    preflight(operator.settings)
    ways_of(request)
    plan = request.plan
    connected = connection or connect(
        operator.settings, plan.cluster.name, operator=operator, region=plan.cluster.region
    )
    ports = ports_for(request, operator, connected)
    refuse_without_image(plan, request.digest, ports.store, request.image)
    options = RehearseOptions(
        length=request.length,
        image=request.image,
        waive_verification=request.answers.waive_verification,
        proof_policy=request.answers.proof_policy,
        accept_timer_reach=request.accept_timer_reach,
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
