"""What ``observe`` found in the logs: who really logs in, what decided their requests, and what no
row explains.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from migrator.model.snapshot import Usage

ScanMethod: TypeAlias = Literal["insights", "filter"]


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group: bytes in store, when it was made, after how many days lines are deleted (None:
    never).
    """

    stored_bytes: int
    created: datetime
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """How many requests of a principal were allowed by what, and how many were denied.

    ``other``: neither RBAC nor an access policy gave the reason (``system:masters``, the node
    authorizer). ``impersonated``: asked in another name; what decided them says nothing of the
    principal.
    """

    arn: str
    rbac: int = 0
    access_policy: int = 0
    other: int = 0
    impersonated: int = 0
    denied: int = 0


@dataclass(frozen=True, slots=True)
class Denial:
    """A refused login (``what`` is ``login``) or denied request, over the window.

    ``since_apply``: how many of them came after the first run of a plan; None where there was none.
    """

    arn: str
    what: str
    why: str
    first: datetime
    last: datetime
    count: int
    since_apply: int | None = None


@dataclass(frozen=True, slots=True)
class UnusedRow:
    """A row of aws-auth whose principal did not log in within the window."""

    source: str
    arn: str


@dataclass(frozen=True, slots=True)
class NamesOfTemplate:
    """What the templates of a row became in logins: names, and how many there were."""

    source: str
    arn: str
    template: str
    names: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class SeenPrincipal:
    """A principal in the logs that no row names. ``account``: the mapAccounts row that lets it in,
    if one does.

    ``hidden_creator``: it logged in under the name that EKS gives the cluster's creator.
    """

    arn: str
    username: str
    groups: tuple[str, ...]
    last: datetime
    count: int
    account: str | None = None
    hidden_creator: bool = False


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Everything that one observation found.

    ``counted``: what ``count`` of a login counts; requests where only the audit log could be read.
    ``gaps``: why the window is not complete, empty where it is. ``rows_known`` False: aws-auth
    could not be read, so nothing can be said of rows. ``own``: principals that only this tool
    logged in as, to verify; they are left out everywhere.
    """

    usage: Usage
    counted: Literal["logins", "requests"]
    method: ScanMethod
    lines: int
    bytes_scanned: int
    decided: tuple[Decided, ...] = ()
    denials: tuple[Denial, ...] = ()
    denials_left_out: int = 0
    unused: tuple[UnusedRow, ...] = ()
    templates: tuple[NamesOfTemplate, ...] = ()
    behind_accounts: tuple[SeenPrincipal, ...] = ()
    unexplained: tuple[SeenPrincipal, ...] = ()
    gaps: tuple[str, ...] = ()
    rows_known: bool = True
    own: tuple[str, ...] = ()
