"""The aws-auth ConfigMap as the authenticator reads it: rows with their places, and what was lost
on the way.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Section: TypeAlias = Literal["mapRoles", "mapUsers", "mapAccounts"]
SECTIONS: tuple[Section, ...] = ("mapRoles", "mapUsers", "mapAccounts")
MAX_BYTES = 1 << 20  # Kubernetes: a ConfigMap holds at most 1 MiB
MAX_FILE_BYTES = 4 * MAX_BYTES  # no encoding makes more than four bytes of a character
# The field manager of this tool's writes to the Kubernetes API.
FIELD_MANAGER = "eks-access-migrator"
# The partitions the authenticator knows: aws-iam-authenticator pkg/endpoints/partitions.go.
AUTHENTICATOR_PARTITIONS: frozenset[str] = frozenset(
    {"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"}
)


@dataclass(frozen=True, slots=True)
class RowMapping:
    """One row of mapRoles or mapUsers that the authenticator keeps.

    ``index`` counts the items of the section from 0, dropped ones included; ``line`` and ``column``
    count from 1 inside the section's text. ``groups`` is None where the row has none (Go's nil),
    otherwise the decoded list, in which an element that was no string is ``""``. ``suggests`` says,
    field by field, what the text seems to mean where decoding left a zero value (``row-stripped``).
    """

    section: Section
    index: int
    line: int
    column: int
    arn: str
    username: str
    groups: tuple[str, ...] | None
    sso: bool = False
    suggests: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """``mapRoles[3]``: how plans, findings and reports name this row."""
        return f"{self.section}[{self.index}]"

    @property
    def effective_groups(self) -> tuple[str, ...]:
        """The groups, without the difference between none and an empty list."""
        return self.groups or ()


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One element of mapAccounts that the authenticator keeps."""

    index: int
    line: int
    column: int
    account: str

    @property
    def source(self) -> str:
        """``mapAccounts[0]``: how plans, findings and reports name this account."""
        return f"mapAccounts[{self.index}]"


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """An item that the authenticator drops alone: no ARN, null, a scalar, both rolearn and sso."""

    section: Section
    index: int
    line: int
    column: int
    reason: str

    @property
    def source(self) -> str:
        """``mapRoles[3]``: how findings name this item."""
        return f"{self.section}[{self.index}]"


@dataclass(frozen=True, slots=True)
class SectionProblem:
    """A section that does not parse (``lost``: the cluster uses no row of it), or one
    on which YAML parsers differ (``doubtful``: our reading may not equal the authenticator's).
    """

    kind: Literal["lost", "doubtful"]
    section: Section
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class AwsAuth:
    """Everything in an aws-auth ConfigMap, in document order.

    ``rows`` holds mapRoles and mapUsers rows that the authenticator keeps, shadowed duplicates
    included. ``error`` is True where the authenticator would log a parse or validation error.
    """

    rows: tuple[RowMapping, ...] = ()
    accounts: tuple[AccountRow, ...] = ()
    dropped: tuple[DroppedRow, ...] = ()
    problems: tuple[SectionProblem, ...] = ()
    unknown_keys: tuple[str, ...] = ()
    error: bool = False

    @property
    def lines(self) -> dict[str, int]:
        """``mapRoles[3]`` -> its line inside the section.

        Of everything that has a place of its own: rows, accounts, and rows that were dropped.
        """
        lines = {row.source: row.line for row in self.rows}
        lines.update((row.source, row.line) for row in self.accounts)
        lines.update((row.source, row.line) for row in self.dropped)
        return lines

    @property
    def doubt(self) -> bool:
        """True when some section may be read differently by the authenticator.

        A plan must not rest on such a section.
        """
        return any(problem.kind == "doubtful" for problem in self.problems)
