"""The operator of a fleet command at this terminal."""

import sys

from migrator.app.settings import Settings
from migrator.cli.operator import operator_of
from migrator.cli.terminal import TerminalApprover
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
        waves=TerminalApprover(sys.stdin, sys.stderr),
    )
