"""The operator of a command: whose settings hold, who answers questions and hears what happens."""

from contextlib import ExitStack
from dataclasses import dataclass

from migrator.app.settings import Settings
from migrator.ports import Approver, Events


@dataclass(frozen=True, slots=True)
class Operator:
    """What a command is given besides its request.

    ``resources`` is closed when the command has ended: tunnels and opened endpoints are held by it.
    None where commands on many clusters end at different times, as in a fleet.
    """

    settings: Settings
    approver: Approver
    events: Events
    resources: ExitStack | None = None
