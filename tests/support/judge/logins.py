"""Who a caller is in a cluster, by the mode, the access entries and the rows of aws-auth.

Sources: EKS user guide ("Grant IAM users and roles access to Kubernetes APIs", "Create access
entries") and aws-iam-authenticator's README, with the answers that were recorded from it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.support.judge.aws_auth import AwsAuth, Row

# Names that EKS refuses in entries, and the ones that it gives its own.
RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")
_NAMES_OF_NODES = ("system:node:{{EC2PrivateDNSName}}", "system:node:{{SessionName}}")
_INSTANCE = re.compile(r"i-(\w{8}|\w{17})", re.ASCII)
_PARTITIONS = re.compile(r"aws[a-z-]*")
SERVICE_LINKED = ":role/aws-service-role/"


class Caller(NamedTuple):
    """An IAM principal and its session, as STS verifies them. ``arn`` is IAM's, with the path.

    ``dns_name`` is that of the running instance that the session is named after.
    """

    arn: str
    id: str
    session: str = ""
    access_key: str = ""
    dns_name: str | None = None


class Login(NamedTuple):
    """The username and the groups that a login gives, as the authenticator names them."""

    username: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """What decides who logs in. ``entries`` are as DescribeAccessEntry shows them, with
    ``principalId``, which no API shows, and ``policies`` (``policyArn``, ``namespaces``).
    """

    mode: str
    entries: Sequence[dict[str, Any]] = ()
    aws_auth: AwsAuth = field(default_factory=AwsAuth)
    creator: str = ""


def logins(caller: Caller, cluster: Cluster) -> tuple[Login | None, ...]:
    """What the login may become: None is a refusal, and several answers are drawn by lot."""
    if cluster.mode != "CONFIG_MAP":
        entry = entry_of(caller, cluster.entries)
        # The first mapper that knows the caller decides, also where it refuses.
        if entry is not None:
            return (_by_entry(caller, entry),)
    if cluster.mode == "API":
        return (None,)
    rows = _rows_of(caller, cluster.aws_auth)
    if rows:
        found = [_rendered(caller, row.username, row.groups or ()) for row in rows]
        return tuple(dict.fromkeys(found))
    # The one who made the cluster is an administrator that no API shows.
    if cluster.mode == "CONFIG_MAP" and same_name(cluster.creator, caller.arn):
        return (Login("kubernetes-admin", ("system:masters",)),)
    if _account(caller.arn) in cluster.aws_auth.accounts:
        return (Login(without_path(caller.arn), ()),)
    return (None,)


def entry_of(caller: Caller, entries: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The entry that was made for this very principal: same unique id, same name."""
    for entry in entries:
        arn = entry["principalArn"]
        if entry["principalId"] != caller.id or SERVICE_LINKED in arn:
            continue
        if same_name(arn, caller.arn):
            return entry
    return None


def _by_entry(caller: Caller, entry: dict[str, Any]) -> Login | None:
    login = _rendered(caller, entry["username"], entry["kubernetesGroups"])
    if login is None or entry["username"] in _NAMES_OF_NODES:
        return login
    return None if login.username.startswith(RESERVED) else login


def _rows_of(caller: Caller, aws_auth: AwsAuth) -> list[Row]:
    """Roles before users. Roles are kept by their ARN in lower case and users as it is written,
    the last of two alike, and compared in any case.
    """
    name = without_path(caller.arn)
    roles = {lowered(row.arn): row for row in aws_auth.roles}
    users = {row.arn: row for row in aws_auth.users}
    return _matching(roles.values(), name) or _matching(users.values(), name)


def _matching(rows: Any, name: str) -> list[Row]:  # noqa: ANN401 - values of a dict
    return [row for row in rows if folded(row.arn) == folded(name)]


def _rendered(caller: Caller, username: str, groups: Sequence[str]) -> Login | None:
    """The names with their templates filled; None where a node's name is asked for and the caller
    is no instance.
    """
    values = {
        "{{AccountID}}": _account(caller.arn),
        "{{SessionName}}": caller.session.replace("@", "-"),
        "{{SessionNameRaw}}": caller.session,
        "{{AccessKeyID}}": caller.access_key,
    }
    texts = [username, *groups]
    if any("{{EC2PrivateDNSName}}" in text for text in texts):
        if not _INSTANCE.fullmatch(caller.session) or caller.dns_name is None:
            return None
        values["{{EC2PrivateDNSName}}"] = caller.dns_name
    name, *rest = (_filled(text, values) for text in texts)
    return Login(name, tuple(rest))


def _filled(text: str, values: dict[str, str]) -> str:
    for template, value in values.items():
        text = text.replace(template, value)
    return text


# ARNs


def without_path(arn: str) -> str:
    """How the authenticator names a principal: a role loses its path, a user keeps it."""
    head, mark, rest = arn.partition(":role/")
    return f"{head}{mark}{rest.rpartition('/')[2]}" if mark else arn


def same_name(one: str, other: str) -> bool:
    """Whether two ARNs are of one name, whatever the path of a role and the case."""
    if not _PARTITIONS.fullmatch(one.split(":")[1] if one.count(":") >= 5 else ""):
        return False
    return lowered(without_path(one)) == lowered(without_path(other))


def _account(arn: str) -> str:
    return arn.split(":")[4]


def lowered(text: str) -> str:
    """Go's ToLower: a character for a character."""
    return "".join(char.lower()[0] for char in text)


def folded(text: str) -> str:
    """Go's EqualFold, for texts one of which is ASCII: the long s and the Kelvin sign are letters
    of it as well.
    """
    return "".join(_folds(text))


def _folds(text: str) -> Iterator[str]:
    for char in text:
        fold = char.casefold()
        yield fold if len(fold) == 1 else char
