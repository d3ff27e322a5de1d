"""What ``doctor`` finds: one check a line, each with a state and, where it is not good, what to
do.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

CheckState: TypeAlias = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``name`` is stable (kebab-case); ``said`` and ``remedy`` are one line
    each.
    """

    name: str
    state: CheckState
    said: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks of one cluster, in the order in which things depend on each other."""

    cluster: str
    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """True when nothing fails and nothing is unknown; unknown is never good."""
        return all(check.state in ("ok", "warn") for check in self.checks)
