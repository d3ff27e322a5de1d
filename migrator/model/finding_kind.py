"""The kinds of findings: what each code means."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.finding import Severity

Evidence: TypeAlias = Literal[
    "documented", "source code", "recorded", "measured", "field report", "inferred"
]
Difference: TypeAlias = Literal["gain", "log-in gain", "loss"]


@dataclass(frozen=True, slots=True)
class FindingKind:
    """One code of the catalogue. ``names`` says which differences of access it can account for.

    What of a principal's difference a finding really accounts for is judged by its cause:
    decide/planning.
    """

    code: str
    severity: Severity
    what: str
    why: str
    remedy: str
    reference: str
    names: tuple[Difference, ...] = ()
