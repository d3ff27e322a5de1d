"""Who can log in to one cluster at one moment, as what, and by which row, entry or policy."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.access_entry import AccessEntry, AssociatedPolicy
from migrator.model.log_ins import LogInPopulation
from migrator.model.plan import ClusterRef

# What admits a login. ``creator``: the admin that no list shows in CONFIG_MAP mode.
LetInBy: TypeAlias = Literal["access-entry", "config-map", "map-accounts", "creator"]
LogsIn: TypeAlias = Literal["yes", "no", "unknown"]
PrincipalState: TypeAlias = Literal["found", "absent", "unread", "ambiguous", "not-in-iam"]
# What a row of aws-auth does now.
RowEffect: TypeAlias = Literal[
    "decides",
    "random",
    "shadowed-by-row",
    "shadowed-by-entry",
    "dead",
    "no-principal",
    "inert",
    "unknown",
]
EntryState: TypeAlias = Literal["live", "dead", "unknown"]
EntryMaker: TypeAlias = Literal["eks", "other"]


@dataclass(frozen=True, slots=True)
class AccessIdentity:
    """One identity that a login may get. ``source``: the row (``mapRoles[3]``) or account
    (``mapAccounts[0]``) that gives it, empty for an entry and the creator. Templates are not
    rendered. ``log_ins``: which logins of the principal are admitted.
    """

    username: str
    groups: tuple[str, ...]
    by: LetInBy
    source: str = ""
    policies: tuple[AssociatedPolicy, ...] = ()
    log_ins: LogInPopulation = ()


@dataclass(frozen=True, slots=True)
class AccessRow:
    """A row of mapRoles or mapUsers, with its ARN as written. ``why`` says what takes its effect
    away; empty for one that decides.
    """

    source: str
    arn: str
    username: str
    groups: tuple[str, ...]
    effect: RowEffect
    why: str = ""


@dataclass(frozen=True, slots=True)
class EntryNow:
    """An access entry. ``state``: whether it can still match a login. ``made_by``: ``eks`` where
    EKS makes entries of this kind itself and nothing shows another maker.
    """

    type: str
    username: str
    kubernetes_groups: tuple[str, ...] = ()
    access_policies: tuple[AssociatedPolicy, ...] = ()
    state: EntryState = "live"
    why: str = ""
    made_by: EntryMaker = "other"


@dataclass(frozen=True, slots=True)
class PrincipalAccess:
    """One principal. ``identities`` has several where each login gets one of them at random, or
    where it is not known which one holds; none where no login is admitted.

    ``principal_id`` is None where IAM was not read. ``successor``: the role of the same permission
    set of IAM Identity Center under another suffix, where this one is absent.
    """

    principal_arn: str
    logs_in: LogsIn
    principal_state: PrincipalState
    principal_id: str | None = None
    why: str = ""
    successor: str | None = None
    identities: tuple[AccessIdentity, ...] = ()
    entry: EntryNow | None = None
    rows: tuple[AccessRow, ...] = ()


@dataclass(frozen=True, slots=True)
class MappedAccount:
    """An account of mapAccounts: each of its principals without an entry and a row logs in under
    its ARN, without groups. ``in_force``: not so in API mode.
    """

    account: str
    source: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class AwsAuthProblem:
    """Text of aws-auth that gives no access, or is not certain to: a section that does not parse, a
    row without an ARN. ``where``: ``mapRoles``, ``mapRoles[3]``.
    """

    kind: Literal["lost", "doubtful", "dropped", "unused"]
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be read, why, and the command that makes it known. ``about``: which part of
    the answer it weakens.
    """

    about: Literal["aws-auth", "access-entries", "iam", "creator", "run"]
    what: str
    why: str
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterNow:
    """The cluster. ``created_at`` is as DescribeCluster gives it, empty where it does not: a
    cluster of the same name that was made again has another one.
    """

    ref: ClusterRef
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class AccessDocument:
    """Who can log in to a cluster. ``rows_read`` and ``entries_read`` say whether absence from
    ``principals`` means absence from aws-auth, and from the access entries.
    """

    taken_at: str
    cluster: ClusterNow
    principals: tuple[PrincipalAccess, ...] = ()
    accounts: tuple[MappedAccount, ...] = ()
    problems: tuple[AwsAuthProblem, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    rows_read: bool = True
    entries_read: bool = True

    @property
    def exit_code(self) -> int:
        """1 where something is unknown, else 0."""
        return 1 if self.unknown else 0

    def less_than(self, other: "AccessDocument") -> tuple[str, ...]:
        """What the other one knows and this one does not, in words: a part of the access that was
        not read, or whether principals exist that both name.
        """
        unread, unread_there = (
            {each.principal_arn for each in document.principals if each.principal_state == "unread"}
            for document in (self, other)
        )
        named_there = {each.principal_arn for each in other.principals}
        parts = (
            ("aws-auth", other.rows_read and not self.rows_read),
            ("the access entries", other.entries_read and not self.entries_read),
            ("which principals exist", bool(unread & (named_there - unread_there))),
        )
        return tuple(part for part, is_missing in parts if is_missing)


def entry_now(
    entry: AccessEntry, state: EntryState = "live", why: str = "", made_by: EntryMaker = "other"
) -> EntryNow:
    """An entry as the document has it: everything without an order is sorted."""
    return EntryNow(
        entry.type,
        entry.username,
        tuple(sorted(entry.kubernetes_groups)),
        tuple(sorted(entry.access_policies, key=lambda policy: policy.policy_arn)),
        state,
        why,
        made_by,
    )


# What the document never holds, said in every form of it.
OUT_OF_SCOPE: tuple[str, ...] = (
    "ServiceAccounts, client certificates and OIDC identity providers log in without IAM: bindings "
    "of cluster-admin to them are not looked at",
    "what groups and usernames may do is up to RBAC, which is not read here: migrate plan reads it",
)
