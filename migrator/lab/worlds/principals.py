"""Accounts, their principals and their credentials. All keys are made up; none is worth anything
anywhere else.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from migrator.lab.worlds.network import Network
from migrator.model.principal import Arn

# What IAM allows in the name of a role, user or profile (IAM API Reference, CreateRole). Also what
# is safe in a file.
IAM_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limit:
    """A policy that gives nothing and limits what others give: an organization's, a boundary, that
    of a session or of a VPC endpoint. ``kind`` is as AWS's texts name it.
    """

    kind: str
    arn: str = ""
    denied: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None

    def refusal(self, action: str) -> str:
        """How a denial ends that this policy is the reason of (IAM user guide, "Troubleshoot access
        denied error messages"); empty where it is none.
        """
        if _any_matches(self.denied, action):
            named = f": {self.arn}" if self.arn else ""
            return f" with an explicit deny in a {self.kind}{named}"
        if self.allowed is None or _any_matches(self.allowed, action):
            return ""
        return f" because no {self.kind} allows the {action} action"


@dataclass(slots=True)
class Permissions:
    """What a principal may do: everything, but for ``denied``; or only ``allowed`` when that is
    given.

    Patterns as in a policy (``eks:*``, ``eks:CreateAccessEntry``), case-insensitive. ``denied_by``:
    the kind of policy that denies, as AWS's text names it (``service control policy: ARN``); empty:
    the text does not name it. ``limits`` come from outside.
    """

    denied: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    denied_by: str = ""
    limits: tuple[Limit, ...] = ()

    def allows(self, action: str) -> bool:
        """Whether ``action`` (``eks:DescribeCluster``) is allowed."""
        return self.refusal(action) is None

    def refusal(self, action: str) -> str | None:
        """How AWS's denial of ``action`` ends, after the resource; None where it is allowed."""
        if _any_matches(self.denied, action):
            return f" with an explicit deny in a {self.denied_by}" if self.denied_by else ""
        if limit := self.limit_of(action):
            return limit.refusal(action)
        if self.allowed is None or _any_matches(self.allowed, action):
            return None
        return f" because no identity-based policy allows the {action} action"

    def limit_of(self, action: str) -> Limit | None:
        """The first policy from outside that denies ``action``."""
        return next((limit for limit in self.limits if limit.refusal(action)), None)


def _any_matches(patterns: Iterable[str], action: str) -> bool:
    return any(_matches(pattern, action) for pattern in patterns)


def _matches(pattern: str, action: str) -> bool:
    """IAM's action wildcards: ``*`` and ``?``, without regard to case. Iterative, so no pattern is
    slow.
    """
    text, glob = action.lower(), pattern.lower()
    i = at = mark = 0
    star = -1  # where the last star is, with ``mark`` as the end of what it matches so far
    while i < len(text):
        wanted = glob[at] if at < len(glob) else ""
        if wanted == "*":
            star, mark = at, i
            at += 1
        elif wanted in ("?", text[i]):
            i += 1
            at += 1
        elif star >= 0:
            # The last star matches one character more.
            mark += 1
            i, at = mark, star + 1
        else:
            return False
    return not glob[at:].strip("*")


@dataclass(slots=True)
class IamRole:
    """A role. ``trust_policy`` is the policy document; ``id`` (``AROA…``) is new whenever the role
    is created again.
    """

    arn: str
    name: str
    path: str
    id: str
    create_date: datetime
    trust_policy: Mapping[str, Any]
    permissions: Permissions = field(default_factory=Permissions)
    tags: dict[str, str] = field(default_factory=dict)
    description: str = ""
    max_session: int = 3600


@dataclass(slots=True)
class IamUser:
    """A user; ``id`` is ``AIDA…``."""

    arn: str
    name: str
    path: str
    id: str
    create_date: datetime
    permissions: Permissions = field(default_factory=Permissions)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RootUser:
    """The root user of an account; its unique id is the account's number."""

    arn: str
    id: str
    permissions: Permissions = field(default_factory=Permissions)


Principal: TypeAlias = IamRole | IamUser | RootUser


@dataclass(slots=True)
class InstanceProfile:
    """An instance profile and the role in it, by name."""

    arn: str
    name: str
    path: str
    id: str
    create_date: datetime
    role_name: str | None


@dataclass(slots=True)
class Instance:
    """An EC2 instance: what the planner and the authenticator ask of it.

    ``ssm_ping_status`` as Systems Manager shows it (Online, ConnectionLost); None without an agent.
    """

    id: str
    region: str
    private_dns_name: str
    instance_profile: str | None = None
    launch_time: datetime | None = None
    state: str = "running"
    platform: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    ssm_ping_status: str | None = None
    ssm_agent_version: str = "3.3.2746.0"


@dataclass(slots=True)
class Account:
    """An AWS account. IAM names are unique without regard to case, so the keys are lower-cased
    names. ``unit`` is the path of its organizational unit (``/`` for the root), None outside of the
    organization.
    """

    id: str
    partition: str = "aws"
    name: str = ""
    roles: dict[str, IamRole] = field(default_factory=dict)
    users: dict[str, IamUser] = field(default_factory=dict)
    instance_profiles: dict[str, InstanceProfile] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)  # by Region
    unit: str | None = None
    status: str = "ACTIVE"
    tags: dict[str, str] = field(default_factory=dict)
    service_control: tuple[Limit, ...] = ()  # the organization's policies for this account
    root: RootUser = field(init=False)

    def __post_init__(self) -> None:
        self.root = RootUser(self.arn_of("root"), self.id)

    def arn_of(self, resource: str) -> str:
        """``arn:aws:iam::ACCOUNT:resource``."""
        return str(Arn(self.partition, "iam", "", self.id, resource))

    def principals(self) -> Iterator[IamRole | IamUser]:
        """All roles, then all users."""
        yield from self.roles.values()
        yield from self.users.values()

    def find(self, arn: Arn) -> Principal | None:
        """The principal with exactly this ARN: path and spelling count, as EKS demands. None for
        other kinds of ARNs and for principals of the name with another path.
        """
        if arn.kind == "root":
            return self.root
        named: Mapping[str, IamRole | IamUser] = {}
        if arn.kind in ("role", "service-linked-role"):
            named = self.roles
        elif arn.kind == "user":
            named = self.users
        found = named.get(arn.name.lower())
        if found is None or found.arn != str(arn):
            return None
        return found


@dataclass(frozen=True, slots=True)
class Credential:
    """Keys of a principal, or of a session of a role. ``expires`` is machine time; None never
    expires.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    principal_arn: str
    principal_id: str
    session_name: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request, as STS tells it.

    ``arn`` is the caller's ARN (``arn:aws:sts::A:assumed-role/NAME/SESSION`` for a session),
    ``principal_arn`` the full IAM ARN behind it, ``principal_id`` the unique id that access entries
    are pinned to, ``user_id`` STS's ``UserId`` (``AROA…:SESSION`` for a session). ``session_name``
    is empty for users and root.
    """

    arn: str
    account: str
    user_id: str
    principal_arn: str
    principal_id: str
    session_name: str
    access_key_id: str
    permissions: Permissions = field(default_factory=Permissions)


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """What a token of an OpenID Connect provider says. ``provider_arn`` is the provider's ARN in
    IAM.
    """

    provider_arn: str
    subject: str
    audience: str


def make_id(prefix: str, seed: str) -> str:
    """A unique id of IAM's shape, 21 characters: the same seed gives the same id."""
    return prefix + base64.b32encode(hashlib.sha256(seed.encode()).digest()).decode()[:17]
