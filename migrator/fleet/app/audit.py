"""``fleet access`` and ``fleet drift``: every cluster read, each into its folder of the state."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator.errors import MigratorError
from migrator.fleet.app.connect import (
    discover_fleet,
    fleet_ports,
    inputs_of,
    open_fleet,
    selection_of,
)
from migrator.fleet.app.executor import Jobs
from migrator.fleet.app.operator import FleetOperator
from migrator.fleet.app.read_one import LAST_FILES
from migrator.fleet.app.request import FleetRequest
from migrator.fleet.model.fleet import Command
from migrator.fleet.model.job import JobRequest
from migrator.fleet.model.outcome import FleetOutcome
from migrator.fleet.ports import FleetPorts
from migrator.fleet.run.status import ref_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAuditRequest(FleetRequest):
    """``command``: ``access`` or ``drift``. ``save``: keep the access of each cluster as what its
    drift is compared with.
    """

    command: Command
    save: bool = False


@dataclass(frozen=True, slots=True)
class AuditedFleet:
    """How it ended. ``documents``: the access or the drift of each cluster that was read this time,
    by its ARN, as JSON values.
    """

    outcome: FleetOutcome
    documents: Mapping[str, Mapping[str, Any]]


def audit_fleet(
    request: FleetAuditRequest,
    operator: FleetOperator,
) -> AuditedFleet:
    """Read every cluster. Each run reads all of them: what was read before may have changed.

    Raises what :func:`migrator.fleet.run.run_fleet.run_fleet` raises.
    """
    from migrator.fleet.run.run_fleet import FleetOptions, run_fleet

    file, asked = request.file, request.asked
    fleet, found = discover_fleet(open_fleet(operator.settings, file), request, operator)
    ports = fleet_ports(fleet, asked, operator)
    jobs = Jobs(fleet, found, ports, own_machine=asked.scheduler is None)
    options = {"save": request.save}
    outcome = run_fleet(
        file,
        found.inventory,
        request.command,
        lambda cluster: jobs.make(cluster, request.command, JobRequest(options)),
        ports,
        FleetOptions(
            inputs_of(request.command, options, selection_of(file, asked.clusters)),
            fresh=True,
            part=bool(asked.clusters),
        ),
    )
    return AuditedFleet(outcome, _documents(outcome, ports))


def _documents(
    outcome: FleetOutcome,
    ports: FleetPorts,
) -> dict[str, Mapping[str, Any]]:
    """What the jobs of this run left in the folders of their clusters."""
    clusters = {cluster.arn: cluster for cluster in outcome.inventory.clusters}
    name = LAST_FILES[outcome.command]
    found: dict[str, Mapping[str, Any]] = {}
    for result in outcome.results:
        # A cluster that was not read has an old document, or none.
        if not result.detail:
            continue
        try:
            content = ports.store_of(ref_of(clusters[result.arn])).read(name)
            found[result.arn] = json.loads(content or b"{}")
        except (MigratorError, ValueError):
            continue
    return found
