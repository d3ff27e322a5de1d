"""Every cluster of a fleet planned, each into its own folder of the state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator.fleet.app.connect import (
    discover_fleet,
    fleet_ports,
    inputs_of,
    open_fleet,
    selection_of,
)
from migrator.fleet.app.executor import Jobs
from migrator.fleet.app.operator import FleetOperator
from migrator.fleet.app.request import FleetRequest
from migrator.fleet.model.fleet import FleetFile
from migrator.fleet.model.job import JobRequest
from migrator.fleet.model.outcome import FleetOutcome
from migrator.fleet.ports import FleetPorts
from migrator.ports import Events


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlanRequest(FleetRequest):
    """``strategy`` and ``target`` as :class:`migrator.app.plan.PlanRequest` has them."""

    strategy: str
    target: str


@dataclass(frozen=True, slots=True)
class PlannedFleet:
    """How it ended. ``matrix``: a line for each planned cluster, as it is in the state."""

    outcome: FleetOutcome
    matrix: bytes


def plan_fleet(request: FleetPlanRequest, operator: FleetOperator) -> PlannedFleet:
    """Plan every cluster. Raises what :func:`migrator.fleet.run.run_fleet.run_fleet` raises."""
    from migrator.fleet.run.run_fleet import FleetOptions, run_fleet

    file, asked = request.file, request.asked
    fleet, found = discover_fleet(open_fleet(operator.settings, file), request, operator)
    ports = fleet_ports(fleet, asked, operator)
    jobs = Jobs(fleet, found, ports, own_machine=asked.scheduler is None)
    decisions = request.decisions or {}
    how = {"strategy": request.strategy, "target": request.target}
    outcome = run_fleet(
        file,
        found.inventory,
        "plan",
        lambda cluster: jobs.make(cluster, "plan", JobRequest(how, decisions)),
        ports,
        FleetOptions(
            inputs_of("plan", {"decisions": decisions, **how}, selection_of(file, asked.clusters)),
            asked.fresh,
            part=bool(asked.clusters),
        ),
    )
    _tell_unused(operator.events, decisions, outcome)
    return PlannedFleet(outcome, _matrix(file, outcome, ports, part=bool(asked.clusters)))


def _matrix(
    file: FleetFile,
    outcome: FleetOutcome,
    ports: FleetPorts,
    *,
    part: bool,
) -> bytes:
    """The matrix, which is kept in the state, too: a reader of the state needs no output of this
    command.
    """
    from migrator.fleet.decide.waves import waves_of
    from migrator.fleet.model.files.matrix import matrix
    from migrator.fleet.model.files.records import MATRIX_FILE, jsonl

    clusters = outcome.inventory.clusters
    waves = waves_of(
        clusters, "apply", file.waves, order_by=file.order_by, tolerance=file.failure_tolerance
    )
    wave_of = {cluster.arn: wave.name for wave in waves for cluster in wave.clusters}
    lines = jsonl(matrix(file, outcome, wave_of))
    if not part:
        ports.store.write(MATRIX_FILE, lines)
    return lines


def _tell_unused(events: Events, decisions: Mapping[str, Any], outcome: FleetOutcome) -> None:
    from migrator.fleet.decide.answers import questions_of
    from migrator.fleet.model.files.decisions import decode_fleet_decisions

    asked = {
        tuple(question) for result in outcome.results for question in result.detail.get("asked", ())
    }
    for section, key in questions_of(decode_fleet_decisions(decisions)):
        if (section, key) not in asked:
            events.say(
                "warn",
                f"decisions.yaml answers what no cluster asks: {section}: {key}",
                event="setting-ignored",
            )
