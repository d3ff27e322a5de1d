"""Which rows can match a login at all, and which row of several answers.

The authenticator compares a caller's canonical ARN, ignoring case, with rows as they are written:
roles are kept by their lower-cased ARN (the last wins), users by their ARN as written (two
spellings: random), mapRoles is asked before mapUsers whatever kind of ARN each holds
(aws-iam-authenticator ``pkg/config/mapper.go``, ``pkg/mapper/configmap/configmap.go``,
``pkg/arn/arn.go``).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.decide.reading.row_keys import row_key
from migrator.decide.reading.templates import rendered_row
from migrator.decide.reading.text_folding import to_lower
from migrator.model.access_entry import NOBODY, Identity
from migrator.model.aws_auth import RowMapping
from migrator.model.principal import Arn, parse_arn

MatchKind: TypeAlias = Literal["role", "user", "root", "federated-user", "dead"]
_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_PATH = re.compile(r"(/[\x21-\x7e]*)?/", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_ONE_COLON_SHORT = re.compile(
    r"(?P<head>arn:[a-z-]{1,20}:(?:iam|sts)):(?P<rest>[0-9]{12}:[^:\s]+)", re.ASCII | re.I
)
# Documents and templates write an account so where a person is to fill it in.
_PLACEHOLDER = re.compile(
    r"arn:[a-z-]{1,20}:(?:iam|sts):[a-z0-9-]{0,20}:"
    r"(?P<account>[<{\[$]*(?=[a-z0-9_-]*[a-z])[a-z0-9_-]{2,60}[>}\]]*):",
    re.ASCII | re.I,
)


@dataclass(frozen=True, slots=True)
class Match:
    """Whom a row's ARN can match; for ``dead`` the finding's code and what is wrong with the
    ARN.
    """

    kind: MatchKind
    code: str = ""
    message: str = ""


_MALFORMED = Match("dead", "dead-malformed-arn", "This is not the ARN of a principal.")
_SESSION = Match(
    "dead",
    "dead-sts-session",
    "The ARN of a session is looked up as its role, never as itself.",
)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """All rows with one ARN, in document order, and the one that answers (None: random, or none
    with ``sso``).

    ``given`` is the identity that the winner gives, with everything rendered that is the same for
    every login; it is NOBODY without a winner.
    """

    key: str
    rows: tuple[RowMapping, ...]
    winner: RowMapping | None
    given: Identity = NOBODY


def row_groups(rows: Iterable[RowMapping]) -> tuple[RowGroup, ...]:
    """The rows by ARN, in order of first appearance.

    ARNs are compared without case. Rows of the SSO matcher are left out: they have no ARN.
    """
    by_key: dict[str, list[RowMapping]] = {}
    for row in rows:
        if row.sso:
            continue
        by_key.setdefault(row_key(row.arn), []).append(row)
    return tuple(_row_group(key, group) for key, group in by_key.items())


def _row_group(key: str, group: list[RowMapping]) -> RowGroup:
    """The rows of one ARN, with the one that answers.

    ``group`` is not empty and in document order.
    """
    # The authenticator keeps mapRoles by the lower-cased ARN: the last row wins, groups are not
    # merged. It asks mapRoles before mapUsers.
    kept = {to_lower(row.arn): row for row in group if row.section == "mapRoles"}
    # It keeps mapUsers by the ARN as written: two spellings of one ARN are two rows.
    if not kept:
        kept = {row.arn: row for row in group}
    winners = list(kept.values())
    # Rows that differ are taken at random, login by login: no row answers for certain.
    if any(not same_mapping(winners[0], other) for other in winners[1:]):
        return RowGroup(key, tuple(group), None)
    winner = winners[-1]
    username, groups = rendered_row(winner, winner.arn)
    return RowGroup(key, tuple(group), winner, Identity(username, groups, "config-map"))


def same_mapping(one: RowMapping, other: RowMapping) -> bool:
    """Whether two rows give the same username and groups."""
    if one.username != other.username:
        return False
    return set(one.effective_groups) == set(other.effective_groups)


def match_of(written: str, partition: str) -> Match:
    """Whom an ARN in aws-auth can match, in a cluster of this partition.

    ``written`` is the text as it is in the row: nothing is trimmed or mended. The first fault that
    is found names the match ``dead``: no login can be compared equal.
    """
    text = row_key(written)
    # The authenticator compares texts for equality: a wildcard is a character as any other.
    if "*" in text or "?" in text:
        return Match("dead", "dead-wildcard", "aws-auth knows no wildcards.")
    if re.search(r"\s", text):
        return Match("dead", "dead-blank-in-arn", "The ARN holds a blank, and nothing is trimmed.")
    arn = parse_arn(text)
    if arn is None or not _of_principal(arn):
        return _malformed(written)
    # A token must name an STS host of the cluster's partition (pkg/token/token.go).
    if arn.partition != partition:
        problem = f"The ARN is of partition `{arn.partition}`, the cluster of `{partition}`."
        return Match("dead", "dead-other-partition", problem)
    return _match_of_kind(arn)


def _malformed(written: str) -> Match:
    """What is wrong with a text that is the ARN of no principal, where that can be told."""
    short = _ONE_COLON_SHORT.fullmatch(written)
    if short is not None:
        right = f"{short['head']}::{short['rest']}"
        message = (
            f"A colon is missing: the ARN of an IAM principal has no Region, and is spelled "
            f"`{right}`. As it is written, no login matches it."
        )
        return Match("dead", "dead-malformed-arn", message)
    placeholder = _PLACEHOLDER.match(written)
    if placeholder is not None:
        message = (
            f"`{placeholder['account']}` is a placeholder for an account number, which was not "
            f"filled in: no login matches this row."
        )
        return Match("dead", "dead-malformed-arn", message)
    return _MALFORMED


def _of_principal(arn: Arn) -> bool:
    """IAM and STS have no regions, and an account has twelve digits.

    A text of another shape is the ARN of no principal (IAM user guide, "IAM identifiers").
    """
    if arn.service not in ("iam", "sts"):
        return False
    if arn.region:
        return False
    return _ACCOUNT.fullmatch(arn.account) is not None


def _well_named(arn: Arn) -> bool:
    """Whether IAM accepts the name and the path (IAM API reference, CreateRole and CreateUser)."""
    if _NAME.fullmatch(arn.name) is None:
        return False
    return _PATH.fullmatch(arn.path) is not None


def _match_of_kind(arn: Arn) -> Match:
    """Whom a well-formed ARN of the cluster's partition can match, by its kind."""
    well_named = _well_named(arn)
    match arn.kind:
        case "root":
            return Match("root")
        case "federated-user" if arn.resource.count("/") == 1 and well_named:
            return Match("federated-user")
        # pkg/arn/arn.go makes the role's ARN of a session's before the rows are compared.
        case "assumed-role":
            return _SESSION
        case "group":
            return Match("dead", "dead-iam-group", "An IAM group is no principal.")
        # pkg/arn/arn.go takes the path from the caller's ARN, not from the row's.
        case "role" | "service-linked-role" if arn.path != "/":
            problem = (
                f"The authenticator compares a role's ARN without its path `{arn.path}`: no "
                f"login matches this row."
            )
            return Match("dead", "dead-role-path", problem)
        case "role" if well_named:
            return Match("role")
        case "user" if well_named:
            return Match("user")
        case _:
            return _MALFORMED
