"""What is no longer as it was in a cluster: values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.access_document import EntryNow, Unknown
from migrator.model.plan import ClusterRef

DriftCode: TypeAlias = Literal[
    "cluster-made-again",
    "mode-changed",
    "entry-added",
    "entry-substituted",
    "automatic-entry-added",
    "entry-deleted",
    "entry-changed",
    "entry-dead",
    "entry-orphaned",
    "sso-role-replaced",
    "login-lost",
    "principal-deleted",
    "principal-made-again",
    "row-added",
    "row-returned",
    "row-deleted",
    "row-changed",
    "account-added",
    "account-deleted",
    "aws-auth-text-changed",
]
# How a finding is settled. ``put-entry``: make or correct the entry as it was; ``make-again``:
# delete the entry and make it again; ``hand-over``: the same for the successor; ``delete-entry``;
# ``apply``: plan again and apply that for the principal alone, which keeps its access while the
# entry is made; ``plan``: decide again; ``delete-map``: delete the inert aws-auth; ``accept``: save
# the access of now as what is compared with.
Settling: TypeAlias = Literal[
    "put-entry",
    "make-again",
    "hand-over",
    "delete-entry",
    "apply",
    "plan",
    "delete-map",
    "accept",
]


@dataclass(frozen=True, slots=True)
class DriftKind:
    """What a code means. ``why`` is one sentence; ``settling`` how it is settled."""

    code: DriftCode
    title: str
    why: str
    settling: Settling


# In the order in which findings are listed and their commands are run: what brings entries back,
# then what plans again, which reads them, and last what accepts the access as it is then.
_KINDS = (
    DriftKind(
        "cluster-made-again",
        "Cluster made again",
        "EKS cannot change the mode back and keeps the time of creation: the cluster was deleted, "
        "and another one has its name.",
        "plan",
    ),
    DriftKind(
        "entry-deleted",
        "Access entry deleted",
        "Without its entry the principal is what aws-auth says, and in API mode cannot log in.",
        "put-entry",
    ),
    DriftKind(
        "entry-changed",
        "Access entry changed",
        "Another writer changed what the principal is, or which policies it has and where.",
        "put-entry",
    ),
    DriftKind(
        "entry-dead",
        "Access entry dead",
        "The principal was deleted and made again: an entry is tied to the id of the principal "
        "that it was made for, and the new one cannot log in by it. Check who made it before you "
        "go on.",
        "make-again",
    ),
    DriftKind(
        "sso-role-replaced",
        "Identity Center role replaced",
        "IAM Identity Center made the role of this permission set again under another suffix: its "
        "people can log in only when the successor has the entry.",
        "hand-over",
    ),
    DriftKind(
        "login-lost",
        "Row without effect, and no access entry",
        "The row admitted its principal, and in API mode it gives nothing.",
        "put-entry",
    ),
    DriftKind(
        "entry-orphaned",
        "Access entry without principal",
        "IAM no longer has the principal: no login matches the entry, not even that of a principal "
        "that is made again under this name.",
        "delete-entry",
    ),
    DriftKind(
        "entry-added",
        "Access entry added",
        "It admits its principal from now on, and a row of the principal decides nothing.",
        "delete-entry",
    ),
    DriftKind(
        "mode-changed",
        "Authentication mode changed",
        "The mode only goes forward. In API mode a principal without an entry cannot log in.",
        "plan",
    ),
    DriftKind(
        "entry-substituted",
        "Access entry in place of what admitted before",
        "The row, the entry or the role that it takes the place of admits no login: without this "
        "entry its principal cannot log in.",
        "plan",
    ),
    DriftKind(
        "principal-deleted",
        "Principal deleted",
        "IAM no longer has the principal, and its row admits a new one of this name.",
        "plan",
    ),
    DriftKind(
        "principal-made-again",
        "Principal made again",
        "The principal has another id: it was deleted, and what is admitted now is another "
        "principal of the same name.",
        "plan",
    ),
    DriftKind(
        "row-added",
        "Row of aws-auth added",
        "The authenticator reads the row within seconds: its principal can log in by it unless an "
        "access entry decides.",
        "plan",
    ),
    DriftKind(
        "row-returned",
        "Text written to an inert aws-auth",
        "In API mode aws-auth gives nothing, and the person who wrote it takes it for access.",
        "delete-map",
    ),
    DriftKind(
        "row-deleted",
        "Row of aws-auth deleted",
        "Unless an access entry decides, its principal can no longer log in by it.",
        "plan",
    ),
    DriftKind(
        "row-changed",
        "Row of aws-auth changed",
        "Unless an access entry decides, its principal has another identity in the cluster.",
        "plan",
    ),
    DriftKind(
        "account-added",
        "Account added to mapAccounts",
        "Every principal of the account can log in under its ARN.",
        "plan",
    ),
    DriftKind(
        "account-deleted",
        "Account deleted from mapAccounts",
        "Principals of the account without an entry and a row can no longer log in.",
        "plan",
    ),
    DriftKind(
        "aws-auth-text-changed",
        "Text of aws-auth that is not read changed",
        "A section that does not parse takes all its rows out of force; a row without an ARN is "
        "dropped alone.",
        "plan",
    ),
    DriftKind(
        "automatic-entry-added",
        "Access entry of EKS added",
        "EKS made it for one of its roles, a managed node group, a Fargate profile or the "
        "creator: EKS makes it again where it is deleted.",
        "accept",
    ),
)
DRIFT_KINDS: Mapping[DriftCode, DriftKind] = {kind.code: kind for kind in _KINDS}


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One thing that changed. ``subject``: the principal's ARN, a row's ARN as written, an account
    id, a section of aws-auth; empty for the cluster. ``changes``: field by field.

    ``was`` and ``now``: the entry, where the finding is about one. ``successor``: who has taken the
    principal's place, and ``successor_entry`` what entry it has now. ``wanted``: the entry that the
    principal, or its successor, has when this is settled. ``interim``: what that entry
    is made as first, where a row admits its principal, which has nothing less meanwhile.
    ``settling``: how it is settled, where that is not what its kind says.
    """

    code: DriftCode
    subject: str
    what: str
    changes: tuple[str, ...] = ()
    was: EntryNow | None = None
    now: EntryNow | None = None
    successor: str | None = None
    successor_entry: EntryNow | None = None
    wanted: EntryNow | None = None
    interim: EntryNow | None = None
    settling: Settling | None = None

    @property
    def kind(self) -> DriftKind:
        """What the code means."""
        return DRIFT_KINDS[self.code]

    @property
    def settled_by(self) -> Settling:
        """How it is settled."""
        return self.settling or self.kind.settling


@dataclass(frozen=True, slots=True)
class SettledChange:
    """A change that took nothing away and gave nothing, or that another one made good: nothing is
    to be done. ``subject``: as that of a finding.
    """

    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class DriftOutcome:
    """How a cluster differs from what it was. ``against``: what it was compared with, in words, and
    ``taken_at`` when that was so. ``at``: when the cluster was read.
    """

    cluster: ClusterRef
    at: str
    against: str
    taken_at: str
    findings: tuple[DriftFinding, ...] = ()
    settled: tuple[SettledChange, ...] = ()
    unknown: tuple[Unknown, ...] = ()

    def exit_code(self, *, detailed: bool = False) -> int:
        """1 where something is unknown, else 2 where anything changed and that is asked for, else
        0.
        """
        if self.unknown:
            return 1
        if detailed and self.findings:
            return 2
        return 0
