"""EKS access entries, access policies associated with them, and the identity of a login."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from migrator.model.principal import last_part

EntryType: TypeAlias = Literal[
    "STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"
]
ScopeType: TypeAlias = Literal["cluster", "namespace"]
AuthenticationMode: TypeAlias = Literal["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
Via: TypeAlias = Literal["config-map", "access-entry", "automatic", "none"]

# Prefixes that an entry's username or group may not start with (EKS user guide, "Create access
# entries").
RESERVED_PREFIXES: tuple[str, ...] = ("system:", "eks:", "aws:", "amazon:", "iam:")
# Entries of EKS itself: eks.amazonaws.com's service-linked role and others; never touched.
SERVICE_LINKED_MARK = ":role/aws-service-role/"


@dataclass(frozen=True, slots=True)
class AccessScope:
    """Where an access policy holds: the cluster, or named namespaces (wildcards allowed)."""

    type: ScopeType = "cluster"
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssociatedPolicy:
    """An access policy on an entry. Associating it again replaces the scope."""

    policy_arn: str
    scope: AccessScope = AccessScope()

    @property
    def policy_name(self) -> str:
        """``AmazonEKSClusterAdminPolicy``."""
        return last_part(self.policy_arn)


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """What an entry is meant to be. ``username`` None leaves it to EKS; node types carry neither
    name nor groups.
    """

    type: EntryType = "STANDARD"
    username: str | None = None
    kubernetes_groups: tuple[str, ...] = ()
    access_policies: tuple[AssociatedPolicy, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """An entry as DescribeAccessEntry and ListAssociatedAccessPolicies show it.

    The unique id that it is pinned to is not shown by any API; ``created_at`` beside the
    principal's own creation date is the only hint.
    """

    principal_arn: str
    type: EntryType
    username: str
    kubernetes_groups: tuple[str, ...] = ()
    access_policies: tuple[AssociatedPolicy, ...] = ()
    created_at: datetime | None = None
    modified_at: datetime | None = None
    entry_arn: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a principal is inside the cluster: username and groups as mapped (templates not yet
    rendered) and by what.

    ``via`` is ``none`` for a principal that cannot log in. ``policies`` count besides RBAC.
    """

    username: str
    groups: tuple[str, ...]
    via: Via
    policies: tuple[AssociatedPolicy, ...] = ()


NOBODY = Identity(username="", groups=(), via="none")
