"""Findings: what an operator should know, and what blocks. The catalogue of codes is in
decide/findings.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["block", "warn", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, about a row, a principal, or the cluster. ``line`` is the line inside the
    section.
    """

    code: str
    severity: Severity
    message: str
    remedy: str
    reference: str
    source: str | None = None
    line: int | None = None
    principal_arn: str | None = None
