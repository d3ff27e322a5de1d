"""The operator of a fleet command at this terminal."""

from migrator.app.settings import Settings
from migrator.cli.operator import approver_of, operator_of
from migrator.fleet.app.operator import FleetOperator


def fleet_operator_of(
    settings: Settings, *, yes: bool = False, typed: str | None = None
) -> FleetOperator:
    """``yes`` answers the question of the command, ``typed`` the one for a name; neither approves
    a wave.
    """
    single = operator_of(settings, yes=yes, typed=typed)
    return FleetOperator(
        settings,
        single.approver,
        single.events,
        single.resources,
        waves=approver_of(settings),
    )
