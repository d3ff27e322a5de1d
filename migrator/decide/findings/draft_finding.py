"""A draft of a finding: what a decision about a principal notes."""

from dataclasses import dataclass

from migrator.model.aws_auth import RowMapping
from migrator.model.finding import Severity


@dataclass(frozen=True, slots=True)
class DraftFinding:
    """A finding about a principal, before it is known which row and ARN it is tied to.

    ``groups`` are those that the principal loses or gets, in findings that account for a difference
    of access by them.
    """

    code: str
    message: str
    severity: Severity | None = None
    row: RowMapping | None = None
    remedy: str | None = None
    groups: tuple[str, ...] = ()
