"""Who a caller is inside the cluster: the one function that the lab, the planner and the verifier
share.

What aws-iam-authenticator does after STS has named the caller (``pkg/server/server.go``
``doMapping`` and ``renderTemplate``, ``pkg/mapper/dynamicfile``, ``pkg/mapper/configmap``), with
the settings that reproduce EKS:

1. Access entries, unless the mode is CONFIG_MAP. An entry is found by the principal's unique id and
   counts only if its ARN, a role's path aside, is the caller's canonical ARN; one that is pinned to
   a deleted principal's id is never found. A found entry decides: a template that cannot be
   rendered or a reserved username refuses the login.
2. Rows, unless the mode is API: mapRoles before mapUsers, whatever kind of ARN each holds, compared
   in any case.
3. mapAccounts: the canonical ARN is the username, and there are no groups.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.decide.reading.effective_rows import effective_roles, effective_users
from migrator.decide.reading.text_folding import fold, to_lower
from migrator.model.access_entry import (
    RESERVED_PREFIXES,
    SERVICE_LINKED_MARK,
    AuthenticationMode,
)
from migrator.model.aws_auth import AUTHENTICATOR_PARTITIONS, AwsAuth, RowMapping
from migrator.model.principal import Arn, parse_arn

INSTANCE_SESSION = re.compile(r"i-(?:[0-9A-Za-z_]{8}|[0-9A-Za-z_]{17})")
_NODE_NAME = "{{EC2PrivateDNSName}}"
# Usernames with a reserved prefix that EKS gives itself, to nodes and to its own service-linked
# role.
NAMES_OF_EKS = frozenset(
    {"system:node:{{EC2PrivateDNSName}}", "system:node:{{SessionName}}", "eks:managed"}
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal as the authenticator gets it from STS.

    ``canonical_arn`` is without a role's path (see :func:`canonical_arn`); ``session_name`` is
    ``""`` for users and root; ``ec2_private_dns_name`` is what DescribeInstances says of the
    instance that the session is named after, None when there is none.
    """

    canonical_arn: str
    account_id: str
    principal_id: str
    session_name: str
    access_key_id: str = ""
    ec2_private_dns_name: str | None = None


@dataclass(frozen=True, slots=True)
class PinnedEntry:
    """An access entry with the unique id of the principal that it was made for."""

    principal_arn: str
    principal_id: str
    username: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The identity a login has. ``source`` names the row (``mapRoles[3]``) or the entry's ARN."""

    username: str
    groups: tuple[str, ...]
    via: Literal["access-entry", "config-map", "accounts"]
    source: str | None


@dataclass(frozen=True, slots=True)
class Denied:
    """The login is refused."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several rows match and lead to different outcomes: the authenticator takes a random one at
    each login.
    """

    sources: tuple[str, ...]
    outcomes: tuple[LoggedIn | Denied, ...]


Outcome: TypeAlias = LoggedIn | Denied | Ambiguous


@dataclass(frozen=True, slots=True)
class RowIndex:
    """The effective rows by folded ARN, and the accounts: build it once when many callers are asked
    about.
    """

    roles: dict[str, tuple[RowMapping, ...]]
    users: dict[str, tuple[RowMapping, ...]]
    accounts: dict[str, str]


def index_rows(aws_auth: AwsAuth) -> RowIndex:
    """Index what is in force, each with the row that answers.

    Rows of mapUsers are several for one ARN where its spellings differ.
    """
    # The feature gate of the SSO matcher is off on EKS: its rows match no login.
    roles = [row for row in effective_roles(aws_auth).values() if not row.sso]
    return RowIndex(
        roles=_by_folded_arn(roles),
        users=_by_folded_arn(effective_users(aws_auth).values()),
        accounts={row.account: row.source for row in aws_auth.accounts},
    )


def _by_folded_arn(rows: Iterable[RowMapping]) -> dict[str, tuple[RowMapping, ...]]:
    """Folded ARN -> the rows with it, in document order."""
    found: defaultdict[str, list[RowMapping]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.index):
        found[fold(row.arn)].append(row)
    return {key: tuple(same) for key, same in found.items()}


def index_entries(entries: Iterable[PinnedEntry]) -> dict[str, PinnedEntry]:
    """Entries by the unique id that they are pinned to.

    Build it once when many callers are asked about.
    """
    return {entry.principal_id: entry for entry in entries}


def identity_of(
    caller: Caller,
    aws_auth: AwsAuth | RowIndex,
    entries: Sequence[PinnedEntry] | Mapping[str, PinnedEntry],
    mode: AuthenticationMode,
) -> Outcome:
    """Who ``caller`` is in a cluster with these rows and entries.

    ``aws_auth`` and ``entries`` may be indexed beforehand. Never guesses: where several rows answer
    at random the outcome is :class:`Ambiguous`.
    """
    # An entry decides before the rows, also where it refuses the login (server.go doMapping).
    if mode != "CONFIG_MAP":
        entry = _entry_of(caller, entries)
        if entry is not None:
            return _log_in_by_entry(caller, entry)
    if mode == "API":
        return Denied("no access entry is for this principal")
    index = aws_auth
    if not isinstance(index, RowIndex):
        index = index_rows(index)
    key = fold(caller.canonical_arn)
    # mapRoles before mapUsers, whatever kind of ARN each holds (configmap.go).
    rows = index.roles.get(key) or index.users.get(key)
    if rows:
        return _log_in_by_rows(caller, rows)
    # mapAccounts is asked last, and gives no groups (configmap.go).
    if caller.account_id in index.accounts:
        return LoggedIn(caller.canonical_arn, (), "accounts", index.accounts[caller.account_id])
    return Denied("no row of aws-auth is for this principal")


def has_row(caller: Caller, rows: RowIndex) -> bool:
    """Whether a row, not just an account, is for the caller.

    In CONFIG_MAP mode the hidden creator is what its row says; only without a row is it
    ``kubernetes-admin`` (aws/containers-roadmap#1209: a creator who mapped itself wrongly was
    locked out).
    """
    key = fold(caller.canonical_arn)
    return bool(rows.roles.get(key) or rows.users.get(key))


def _entry_of(
    caller: Caller, entries: Sequence[PinnedEntry] | Mapping[str, PinnedEntry]
) -> PinnedEntry | None:
    """The entry that answers for the caller; None where none does, and the rows are asked.

    An entry that was made for a principal of the same name that was deleted is not found.
    """
    by_id = entries
    if not isinstance(by_id, Mapping):
        by_id = index_entries(by_id)
    # Entries are kept by the unique id: a principal that was created again has another one
    # (dynamicfileUserIDStrict).
    mine = by_id.get(caller.principal_id)
    if mine is None:
        return None
    # EKS makes entries of service-linked roles for itself: AWS services alone assume these roles.
    if SERVICE_LINKED_MARK in mine.principal_arn:
        return None
    arn = parse_arn(mine.principal_arn)
    # A malformed ARN is no match (dynamicfile/mapper.go).
    if arn is None:
        return None
    if arn.partition not in AUTHENTICATOR_PARTITIONS:
        return None
    compared = mine.principal_arn
    # A role is compared without its path, a user with it (dynamicfile/mapper.go, StripPath).
    if arn.resource.startswith("role/"):
        compared = _role_without_path(arn)
    if to_lower(compared) != to_lower(caller.canonical_arn):
        return None
    return mine


def _role_without_path(arn: Arn) -> str:
    return f"arn:{arn.partition}:iam::{arn.account}:role/{arn.name}"


def _log_in_by_entry(caller: Caller, entry: PinnedEntry) -> LoggedIn | Denied:
    """What the entry makes of the caller; a refusal is final, no row is asked after it."""
    outcome = _render(caller, entry.username, entry.groups, "access-entry", entry.principal_arn)
    if isinstance(outcome, Denied):
        return outcome
    # EKS gives its own entries names that it refuses to users.
    if entry.username in NAMES_OF_EKS:
        return outcome
    # The prefixes are compared with the rendered name, by case (server.go doMapping).
    if outcome.username.startswith(RESERVED_PREFIXES):
        return Denied(f"the entry's username {outcome.username!r} has a reserved prefix")
    return outcome


def _log_in_by_rows(caller: Caller, rows: Sequence[RowMapping]) -> Outcome:
    """What the rows of one ARN make of the caller; there is at least one."""
    outcomes: list[LoggedIn | Denied] = []
    # What a login shows of each outcome; None for a refusal.
    visible: set[tuple[str, tuple[str, ...]] | None] = set()
    for row in rows:
        outcome = _render(caller, row.username, row.effective_groups, "config-map", row.source)
        outcomes.append(outcome)
        if isinstance(outcome, Denied):
            visible.add(None)
        else:
            visible.add((outcome.username, outcome.groups))
    if len(visible) == 1:
        return outcomes[0]
    # Spellings of one ARN in mapUsers: a Go map gives one of them at random (configmap.go).
    return Ambiguous(tuple(row.source for row in rows), tuple(outcomes))


def _render(
    caller: Caller,
    username: str,
    groups: Sequence[str],
    via: Literal["access-entry", "config-map"],
    source: str,
) -> LoggedIn | Denied:
    """The identity with its templates filled; ``source`` is the row or the entry it comes from."""
    # The private DNS name is asked of EC2 for a session that is named after an instance; else the
    # login is refused (server.go renderTemplates).
    if any(_NODE_NAME in template for template in (username, *groups)):
        if not INSTANCE_SESSION.fullmatch(caller.session_name):
            return Denied(f"{_NODE_NAME} needs a session that is named after an instance")
        if caller.ec2_private_dns_name is None:
            return Denied(f"{_NODE_NAME} needs an instance, and {caller.session_name} is none")
    rendered = template_renderer(caller)
    return LoggedIn(rendered(username), tuple(map(rendered, groups)), via, source)


def template_renderer(caller: Caller) -> Callable[[str], str]:
    """A function that fills the authenticator's templates for one caller. Only exact spellings
    count.
    """
    values = (
        (_NODE_NAME, caller.ec2_private_dns_name or ""),
        ("{{AccountID}}", caller.account_id),
        ("{{SessionName}}", caller.session_name.replace("@", "-")),
        ("{{SessionNameRaw}}", caller.session_name),
        ("{{AccessKeyID}}", caller.access_key_id),
    )

    def render(template: str) -> str:
        """One name or group with its templates filled."""
        # Most names are no templates.
        if "{{" not in template:
            return template
        for name, value in values:
            template = template.replace(name, value)
        return template

    return render


def canonical_arn(text: str) -> str | None:
    """The ARN under which the authenticator knows a principal, None for what can be no caller.

    An assumed role, and a role with a path, become ``arn:P:iam::A:role/NAME``; users keep their
    path; root and federated users stay as they are (``pkg/arn/arn.go``).
    """
    arn = parse_arn(text)
    if arn is None:
        return None
    if arn.partition not in AUTHENTICATOR_PARTITIONS:
        return None
    match arn.kind:
        case "assumed-role":
            return _role_of_session(arn)
        case "role" | "service-linked-role":
            return _role_without_path(arn)
        case "user" | "root" | "federated-user":
            return text
        case _:
            return None


def _role_of_session(arn: Arn) -> str | None:
    """``assumed-role/NAME/SESSION`` is the role NAME; None where a part is missing."""
    parts = arn.resource.split("/")
    if len(parts) < 3:
        return None
    name = "/".join(parts[1:-1])
    return f"arn:{arn.partition}:iam::{arn.account}:role/{name}"
