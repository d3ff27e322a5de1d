"""Whether aws-auth, as it is now, gives a principal what its row gave before: asked before an entry
is deleted.
"""

from collections.abc import Mapping
from functools import lru_cache

from migrator.decide.planning.entries.classify_node import NODE_PREFIX
from migrator.decide.reading.effective_identity import RowIndex, canonical_arn, index_rows
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.templates import SESSION, SESSION_RAW, rendered_row
from migrator.decide.reading.text_folding import fold
from migrator.model.access_entry import Identity
from migrator.model.aws_auth import AwsAuth, RowMapping
from migrator.model.principal import parse_arn


def rows_in(data: Mapping[str, str]) -> tuple[AwsAuth, RowIndex]:
    """aws-auth as read, and its rows in force. A text that was read before is not read again: every
    write asks.
    """
    items = tuple(sorted(data.items()))
    if all(isinstance(value, str) for _, value in items):
        return _read_once(items)
    aws_auth = read_aws_auth(data)
    return aws_auth, index_rows(aws_auth)


@lru_cache(maxsize=4)
def _read_once(items: tuple[tuple[str, str], ...]) -> tuple[AwsAuth, RowIndex]:
    """The rows of one text; the key is hashable."""
    aws_auth = read_aws_auth(dict(items))
    return aws_auth, index_rows(aws_auth)


def row_gives(data: Mapping[str, str] | None, principal_arn: str, before: Identity) -> bool:
    """True when every login through the map would have the username and groups of ``before``.

    ``data`` is the live ConfigMap's, None when there is no ConfigMap. In doubt (parsers differ on
    the text, two spellings of one user) the answer is False: an entry that stays takes access from
    no principal. A principal that could not log in before loses nothing: True.
    """
    if before.via == "none":
        return True
    # An entry gave the access before: no row is known to give the same.
    if before.via != "config-map":
        return False
    if data is None:
        return False
    canonical = canonical_arn(principal_arn)
    if canonical is None:
        return False
    aws_auth, index = rows_in(data)
    if aws_auth.doubt:
        return False
    rows = rows_of(index, canonical)
    if rows:
        return all(_gives_the_same(row, principal_arn, before) for row in rows)
    # `mapAccounts` gives every principal of an account its ARN as the username, and no group
    # (aws-iam-authenticator, configmap.go).
    by_account = (before.username, before.groups) == (canonical, ())
    return by_account and _in_mapped_account(index, canonical)


def rows_of(index: RowIndex, canonical: str) -> tuple[RowMapping, ...]:
    """The rows in force for a principal; empty where there is none.

    Roles are asked before users, and spellings that differ in case are one ARN
    (aws-iam-authenticator, configmap.go).
    """
    key = fold(canonical)
    roles = index.roles.get(key)
    if roles:
        return roles
    return index.users.get(key, ())


def _gives_the_same(row: RowMapping, principal_arn: str, before: Identity) -> bool:
    """Whether a login by the row has the username and groups of ``before``, in any order."""
    username, groups = rendered_row(row, principal_arn)
    if _one_spelling(username) != _one_spelling(before.username):
        return False
    return _groups(groups) == _groups(before.groups)


def _in_mapped_account(index: RowIndex, canonical: str) -> bool:
    """Whether ``mapAccounts`` has the account of the principal."""
    arn = parse_arn(canonical)
    assert arn is not None  # noqa: S101 - a canonical ARN is one that was parsed
    return arn.account in index.accounts


def groups_by_row(data: Mapping[str, str] | None, principal_arn: str) -> frozenset[str] | None:
    """The groups that aws-auth, as it is now, certainly gives a principal; None where nothing in it
    can admit the principal.

    Where it may admit the principal and the groups are not certain (several rows, a whole account,
    a text on which parsers differ), they are those that every row or account that may admit it
    gives, which may be none.
    """
    if data is None:
        return None
    aws_auth, index = rows_in(data)
    canonical = canonical_arn(principal_arn)
    # It may admit the principal, and no group is certain.
    if canonical is None or aws_auth.doubt:
        return frozenset()
    rows = rows_of(index, canonical)
    if rows:
        by_row = [_groups(row.effective_groups) for row in rows]
        return frozenset.intersection(*by_row)
    if _in_mapped_account(index, canonical):
        return frozenset()
    return None


def _one_spelling(username: str) -> str:
    """A node's name holds no ``@``, so that both templates of the session give the same name."""
    if username == NODE_PREFIX + SESSION_RAW:
        return NODE_PREFIX + SESSION
    return username


def _groups(groups: tuple[str, ...]) -> frozenset[str]:
    """Groups as RBAC compares them: their order does not count, and an empty name is no group."""
    return frozenset(groups) - {""}
