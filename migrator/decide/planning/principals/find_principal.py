"""Which IAM principal a row or an entry means.

A principal is looked up in its own account and nowhere else: a role of the same name in another
account is another principal. Roles are found by account and name, because aws-auth leaves their
path out (names are unique in an account whatever their case, IAM user guide, "IAM identifiers");
users are found by their whole ARN. Absence counts only where an account was listed completely.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.model.access_entry import AccessEntry
from migrator.model.principal import AccountRead, Arn, IamPrincipal, parse_arn

FoundState: TypeAlias = Literal["found", "absent", "unread", "ambiguous"]
Liveness: TypeAlias = Literal["live", "dead", "unknown"]
# The role that IAM Identity Center makes in an account for a permission set; the suffix changes
# when the set is provisioned again.
_PERMISSION_SET = re.compile("awsreservedsso_(.+)_[0-9a-f]{16}", re.ASCII)
_LISTED = frozenset({"user", "role", "service-linked-role"})


@dataclass(frozen=True, slots=True)
class Found:
    """A principal as far as IAM was read. ``arn`` is IAM's spelling; where IAM was not read, the
    ARN as written with the words that EKS takes in lower case only (``user/``, ``role/``); where it
    is absent, the ARN as written.

    ``elsewhere`` is a user of the same name under another path, or the role of the same permission
    set of IAM Identity Center with another suffix, for explanations only.
    """

    arn: str
    state: FoundState
    principal: IamPrincipal | None = None
    foreign: bool = False
    elsewhere: str | None = None

    @property
    def trusts(self) -> frozenset[str] | None:
        """Labels of the trusted services (``ec2``), None when the trust policy was not read."""
        services = self.principal.trusted_services if self.principal else None
        if services is None:
            return None
        # The suffix is the partition's: `ec2.amazonaws.com`, and `ec2.amazonaws.com.cn` in China.
        return frozenset(service.split(".")[0].lower() for service in services)


class IamIndex:
    """The principals that were read, by canonical ARN."""

    def __init__(
        self,
        principals: Iterable[IamPrincipal],
        accounts: Iterable[AccountRead],
        cluster_account: str,
    ) -> None:
        self._by_key: dict[str, list[IamPrincipal]] = {}
        self._by_likeness: dict[tuple[str, str], str] = {}
        for principal in principals:
            self._by_key.setdefault(principal_key(principal.arn), []).append(principal)
            likeness = _likeness_of(principal.arn)
            if likeness is not None:
                self._by_likeness[likeness] = principal.arn
        self._roles_read = {read.account for read in accounts if read.roles}
        self._users_read = {read.account for read in accounts if read.users}
        self._cluster_account = cluster_account

    def find(self, arn: str) -> Found:
        """The principal that a canonical ARN (or a full one) means."""
        parsed = parse_arn(arn.lower())
        foreign = parsed is None or parsed.account != self._cluster_account
        known = {principal.arn: principal for principal in self._by_key.get(principal_key(arn), ())}
        # One key and two ARNs: roles of one name under two paths, of which IAM can have one only.
        # Which of them is old is in no list.
        if len(known) > 1:
            return Found(arn, "ambiguous", foreign=foreign)
        for principal in known.values():
            return Found(principal.arn, "found", principal, foreign)
        # ListRoles and ListUsers hold neither root nor federated users.
        if parsed is None or parsed.kind not in _LISTED:
            return Found(arn, "unread", foreign=foreign)
        elsewhere = self._by_likeness.get((parsed.account, _likeness(parsed)))
        if self._was_listed(parsed):
            return Found(arn, "absent", None, foreign, elsewhere)
        return Found(fixed_words_lower(arn), "unread", None, foreign, elsewhere)

    def _was_listed(self, arn: Arn) -> bool:
        """Whether all principals of the ARN's kind and account were read."""
        if arn.kind == "user":
            return arn.account in self._users_read
        return arn.account in self._roles_read


def liveness(entry: AccessEntry, found: Found) -> Liveness:
    """Whether an existing entry can still match a log-in.

    An entry is pinned to the unique id of its principal, which no API shows: one that is older than
    the principal was made for another one of the same name (EKS user guide, "Create access
    entries").
    """
    if found.state == "absent":
        return "dead"
    if found.principal is None:
        return "unknown"
    # Names are unique in an account (IAM user guide, "IAM identifiers"): under another path, the
    # role of the entry was deleted.
    if row_key(found.arn) != row_key(entry.principal_arn):
        return "dead"
    born = found.principal.create_date
    if born is None or entry.created_at is None:
        return "unknown"
    return "dead" if entry.created_at < born else "live"


# All clusters of an account are planned with the same principals.
@lru_cache(maxsize=4096)
def _likeness_of(text: str) -> tuple[str, str] | None:
    """Account and likeness of the principal with this ARN; None for one that has none."""
    arn = parse_arn(text)
    likeness = _likeness(arn) if arn is not None else ""
    return (arn.account, likeness) if arn is not None and likeness else None


def _likeness(arn: Arn) -> str:
    """What two principals have in common that people take for each other: users of one name, roles
    of one permission set. Empty for all others.
    """
    name = arn.name.lower()
    if arn.kind == "user":
        return f"user {name}"
    provisioned = _PERMISSION_SET.fullmatch(name)
    if provisioned is None:
        return ""
    return f"permission set {provisioned[1]}"


def fixed_words_lower(arn: str) -> str:
    """``ARN:aws:IAM::…:USER/Alice`` as ``arn:aws:iam::…:user/Alice``: aws-auth is compared without
    case, and EKS's API takes the words of an ARN in lower case only. The path and the name stay as
    written.
    """
    head, slash, rest = arn.partition("/")
    return head.lower() + slash + rest
