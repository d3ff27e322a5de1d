"""Whether aws-auth, as it is now, gives a principal what its row gave before: asked before an entry
is deleted.
"""

from collections.abc import Mapping
from functools import lru_cache

from migrator.decide.planning.entries.classify_node import NODE_PREFIX
from migrator.decide.planning.entries.entry_for import rendered_row
from migrator.decide.reading.effective_identity import RowIndex, canonical_arn, index_rows
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.templates import SESSION, SESSION_RAW
from migrator.decide.reading.text_folding import fold
from migrator.model.access_entry import Identity
from migrator.model.aws_auth import AwsAuth
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
    canonical = canonical_arn(principal_arn)
    if before.via != "config-map" or data is None or canonical is None:
        return False
    aws_auth, index = rows_in(data)
    if aws_auth.doubt:
        return False
    rows = index.roles.get(fold(canonical)) or index.users.get(fold(canonical))
    if rows:
        wanted = (_one_spelling(before.username), _groups(before.groups))
        given = [rendered_row(row, principal_arn) for row in rows]
        return all(
            (_one_spelling(username), _groups(groups)) == wanted for username, groups in given
        )
    arn = parse_arn(canonical)
    return (
        arn is not None
        and arn.account in index.accounts
        and (before.username, before.groups) == (canonical, ())
    )


def groups_by_row(data: Mapping[str, str] | None, principal_arn: str) -> frozenset[str] | None:
    """The groups that aws-auth, as it is now, certainly gives a principal; None where nothing in it
    can admit the principal.

    Where it may admit the principal and the groups are not certain (several rows, a whole account,
    a text on which parsers differ), they are those that every row or account that may admit it
    gives, which may be none.
    """
    canonical = canonical_arn(principal_arn)
    if data is None:
        return None
    aws_auth, index = rows_in(data)
    if canonical is None or aws_auth.doubt:
        return frozenset()
    arn = parse_arn(canonical)
    rows = index.roles.get(fold(canonical)) or index.users.get(fold(canonical))
    if rows:
        return frozenset.intersection(*(_groups(row.effective_groups) for row in rows))
    return frozenset() if arn is None or arn.account in index.accounts else None


def _one_spelling(username: str) -> str:
    """A node's name holds no ``@``, so that both templates of the session give the same name."""
    return NODE_PREFIX + SESSION if username == NODE_PREFIX + SESSION_RAW else username


def _groups(groups: tuple[str, ...]) -> frozenset[str]:
    return frozenset(group for group in groups if group)
