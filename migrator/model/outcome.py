"""How a step, a run, or a cluster of a fleet ended: a value, so that one failure cannot lose another's result."""

from dataclasses import dataclass
from typing import TypeAlias

from migrator.errors import MigratorError


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done. ``detail`` is one line for people."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Not done. ``retryable``: the same call may work later."""

    error: MigratorError
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not tried, for a reason."""

    reason: str


Outcome: TypeAlias = Succeeded | Failed | Skipped
