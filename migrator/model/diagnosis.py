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
class RequiredRule:
    """One thing that a cluster needs of its security groups: one row of the table.

    ``name`` is stable (kebab-case), ``rule`` says between whom. ``minimum`` and ``recommended``:
    what is asked, empty where nothing is. ``found``: what there is, ``missing``: what is not,
    ``command``: what adds it, one line to copy; ``steps``: what no command does.
    """

    name: str
    state: CheckState
    rule: str
    minimum: str = ""
    recommended: str = ""
    found: str = ""
    missing: str = ""
    command: str = ""
    steps: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks of one cluster, in the order in which things depend on each other;
    ``required_rules``: what was asked of its security groups.
    """

    cluster: str
    checks: tuple[Check, ...]
    required_rules: tuple[RequiredRule, ...] = ()

    @property
    def healthy(self) -> bool:
        """True when nothing fails and nothing is unknown; unknown is never good."""
        return all(check.state in ("ok", "warn") for check in self.checks)
