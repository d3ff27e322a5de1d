"""The operator of a fleet command."""

from dataclasses import dataclass

from migrator.app.operator import Operator
from migrator.ports import Approver


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOperator(Operator):
    """``approver`` answers the question of the whole command. ``waves`` is asked about each wave
    that the fleet file wants approved: one answer to everything does not approve it.
    """

    waves: Approver
