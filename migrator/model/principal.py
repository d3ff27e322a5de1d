"""Principals of IAM: their ARNs, and what IAM says of them.

The authenticator compares a caller's *canonical* ARN: a role's loses its path, a user's keeps it
(aws-iam-authenticator ``pkg/arn/arn.go``). EKS access entries want the full ARN with the path.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, TypeAlias

from migrator.errors import WrongUse

PrincipalKind: TypeAlias = Literal[
    "role",
    "service-linked-role",
    "user",
    "root",
    "federated-user",
    "assumed-role",
    "group",
    "other",
]

_NAME = r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}"
_CLUSTER = re.compile(rf"arn:aws[a-z-]*:eks:[a-z0-9-]+:[0-9]{{12}}:cluster/{_NAME}")
_CLUSTER_NAME = re.compile(_NAME)
_ARN = re.compile(
    r"arn:(?P<partition>[^:]*):(?P<service>[^:]*):(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.*)",
    re.S,
)


# Service and first segment of the resource -> kind.
_KINDS: dict[tuple[str, str], PrincipalKind] = {
    ("iam", "role"): "role",
    ("iam", "user"): "user",
    ("iam", "group"): "group",
    ("sts", "assumed-role"): "assumed-role",
    ("sts", "federated-user"): "federated-user",
}


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN taken apart, as written; ``str(arn)`` gives the text back."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def kind(self) -> PrincipalKind:
        """Which kind of principal the ARN names; ``other`` when it names none."""
        if (self.service, self.resource) == ("iam", "root"):
            return "root"
        head, _, rest = self.resource.partition("/")
        if not rest:
            return "other"
        # IAM puts service-linked roles under this path; no other role can have it.
        if (self.service, head) == ("iam", "role") and rest.startswith("aws-service-role/"):
            return "service-linked-role"
        return _KINDS.get((self.service, head), "other")

    @property
    def name(self) -> str:
        """Last segment of the resource: the role's or user's name without its path."""
        return last_part(self.resource)

    @property
    def path(self) -> str:
        """The IAM path, ``/`` when there is none, ``/team/ops/`` otherwise."""
        middle = self.resource.split("/")[1:-1]
        return "/" + "".join(f"{part}/" for part in middle)

    @property
    def pathless(self) -> "Arn":
        """The same principal without its path, as aws-auth has to spell a role."""
        head = self.resource.partition("/")[0]
        return Arn(self.partition, self.service, self.region, self.account, f"{head}/{self.name}")


def last_part(arn: str) -> str:
    """What people call a thing by: ``runner`` of ``arn:aws:iam::111122223333:role/ci/runner``."""
    return arn.rpartition("/")[2]


# The same ARNs are asked for by every row, entry and role, and by all clusters of an account.
@lru_cache(maxsize=4096)
def parse_arn(text: str) -> Arn | None:
    """The ARN in ``text``, or None when it has not the shape of one.

    Shape (AWS General Reference, "Amazon Resource Names")::

        arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE

    Nothing is trimmed or lower-cased, and no part is checked: parts may be empty.
    """
    match = _ARN.fullmatch(text)
    if match is None:
        return None
    return Arn(**match.groupdict())


def is_cluster_name(text: str) -> bool:
    """Whether EKS takes the text as the name of a cluster (EKS API Reference, CreateCluster)."""
    return _CLUSTER_NAME.fullmatch(text) is not None


def is_cluster_arn(text: str) -> bool:
    """Whether the text is the ARN of an EKS cluster, as :func:`parse_cluster_arn` takes it."""
    return _CLUSTER.fullmatch(text) is not None


def parse_cluster_arn(text: str) -> Arn:
    """The ARN of an EKS cluster (service authorization reference, Amazon EKS; names: EKS API
    Reference, CreateCluster). It is written into policies and commands: no part has a wildcard.

    Raises ``WrongUse`` ``cluster-arn-malformed``.
    """
    arn = parse_arn(text)
    if arn is None or _CLUSTER.fullmatch(text) is None:
        raise WrongUse(
            "cluster-arn-malformed",
            "That is not the ARN of an EKS cluster.",
            why=f"Found {text[:120]!r}.",
            remedy="Give a cluster's name, or arn:aws:eks:REGION:ACCOUNT:cluster/NAME.",
        )
    return arn


@dataclass(frozen=True, slots=True)
class IamPrincipal:
    """A role or user as IAM knows it.

    ``id`` is the unique id (``AROA…``, ``AIDA…``) that an access entry is pinned to.
    ``trusted_services`` are the service principals of the trust policy, None when it was not read.
    """

    arn: str
    id: str | None = None
    create_date: datetime | None = None
    trusted_services: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AccountRead:
    """Of which account the roles, and the users, are listed completely: only there absence means
    absence.
    """

    account: str
    roles: bool
    users: bool
