"""Everything that is known about a fleet, from its files."""

from dataclasses import dataclass

from migrator.app.operator import Operator
from migrator.fleet.app.connect import fleet_status_ports
from migrator.fleet.model.fleet import FleetFile
from migrator.fleet.model.report import FleetReport


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReportRequest:
    """``named``: the fleet file as commands to run next name it."""

    file: FleetFile
    named: str


def report(request: FleetReportRequest, operator: Operator) -> FleetReport:
    """The report; nothing is asked of AWS. Raises what
    :func:`migrator.fleet.run.status.fleet_report` raises.
    """
    from migrator.fleet.run.status import fleet_report

    return fleet_report(fleet_status_ports(operator.settings, request.file), request.named)
