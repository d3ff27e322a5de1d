"""What ``fleet apply``, ``verify``, ``rehearse``, ``cutover``, ``rollback`` and ``retire`` have in
common: options to the request, the outcome to text and exit code.
"""

from collections.abc import Mapping
from typing import Any

from migrator.app.on_plan import OnPlan
from migrator.app.settings import Settings
from migrator.cli.request_fields import request_fields
from migrator.fleet.app.asked import Asked
from migrator.fleet.app.on_plans import OnPlansRequest, run_on_plans
from migrator.fleet.cli.files import read_fleet, read_fleet_decisions
from migrator.fleet.cli.operator import fleet_operator_of
from migrator.fleet.cli.print_outcome import fleet_ended
from migrator.fleet.model.fleet import Command


def on_plans(
    settings: Settings,
    given: Mapping[str, Any],
    command: Command,
    single: type[OnPlan],
) -> int:
    """Do the command on the plans of the fleet. ``single``: the request that the same options make
    for one cluster.
    """
    asked = Asked.of(given)
    decisions = given.get("decisions")
    request = OnPlansRequest(
        file=read_fleet(given["fleet_file"]),
        asked=asked,
        decisions=read_fleet_decisions(decisions) if decisions else None,
        command=command,
        options=request_fields(single, given),
        approved=tuple(given.get("approve") or ()),
    )
    operator = fleet_operator_of(settings, yes=bool(given.get("yes")), typed=given.get("confirm"))
    return fleet_ended(settings, run_on_plans(request, operator), given)
