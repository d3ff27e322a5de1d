"""Everything that a plan depends on, read once. None for a list means that it is unknown, never
that it is empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from migrator.model.access_entry import AccessEntry
from migrator.model.node_network import NodeNetwork
from migrator.model.plan import ClusterRef
from migrator.model.principal import AccountRead, IamPrincipal
from migrator.model.rbac import RbacState

# Where aws-auth comes from that was not read from the cluster.
ConfigMapOrigin: TypeAlias = Literal["manifest", "eksctl-config", "eksctl-mappings"]


@dataclass(frozen=True, slots=True)
class Nodegroup:
    """A managed node group: its role, and whether it is one that counts (not being deleted, not
    failed). ``fails_to_join``: EKS says that its instances do not register with the cluster.
    """

    name: str
    node_role: str | None
    status: str
    ami_type: str
    subnets: tuple[str, ...] = ()
    fails_to_join: bool = False


@dataclass(frozen=True, slots=True)
class FargateSelector:
    """Which pods a Fargate profile takes: namespace and labels, both with ``*`` and ``?`` as
    wildcards.
    """

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FargateProfile:
    """A Fargate profile and the role its pods' kubelets run under."""

    name: str
    pod_execution_role: str
    status: str
    selectors: tuple[FargateSelector, ...] = ()
    subnets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A live node. ``role_arn`` is resolved through provider id, instance and instance profile,
    where possible.
    """

    name: str
    labels: Mapping[str, str]
    provider_id: str
    role_arn: str | None = None


@dataclass(frozen=True, slots=True)
class GroupReference:
    """A place in the cluster that names a group or username: ``text`` is the name, ``path`` where
    in the object.
    """

    api_version: str
    kind: str
    namespace: str | None
    name: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Creator:
    """The cluster's hidden creator, where known, and by which source (CloudTrail, tags, an
    answer).
    """

    arn: str
    source: str


@dataclass(frozen=True, slots=True)
class BeforeModeStep:
    """What the state folder says of the cluster before a run of ours switched the mode from
    CONFIG_MAP.

    ``data`` is that of aws-auth as the run backed it up. ``automatic``: principals whose entry EKS
    made and a run took over.
    """

    run: str
    at: datetime
    data: Mapping[str, str]
    automatic: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Login:
    """A principal seen in the logs, as whom, and how often."""

    arn: str
    username: str
    groups: tuple[str, ...]
    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What ``observe`` found in a log window. Only a ``complete`` window says who did not log
    in.
    """

    start: datetime
    end: datetime
    complete: bool
    logins: tuple[Login, ...]


@dataclass(frozen=True, slots=True)
class UnreadPart:
    """A part of the document that may not be read, as ``unread`` names it, and why."""

    what: str
    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One cluster as read. Raw API objects that decisions do not look into stay mappings.

    ``aws_auth_data`` is the ConfigMap's ``data``, empty when there is none.
    """

    taken_at: str
    cluster: ClusterRef
    cluster_raw: Mapping[str, Any]
    config_map: Mapping[str, Any] | None
    caller_arn: str | None = None
    caller_chain: tuple[str, ...] | None = None
    access_entries: tuple[AccessEntry, ...] | None = None
    access_policies: tuple[str, ...] | None = None
    nodegroups: tuple[Nodegroup, ...] | None = None
    fargate_profiles: tuple[FargateProfile, ...] | None = None
    nodes: tuple[Node, ...] | None = None
    rbac: RbacState | None = None
    namespaces: tuple[str, ...] | None = None
    group_references: tuple[GroupReference, ...] | None = None
    iam_principals: tuple[IamPrincipal, ...] = ()
    accounts_read: tuple[AccountRead, ...] = ()
    creator: Creator | None = None
    capabilities: tuple[Mapping[str, Any], ...] | None = None
    identity_provider_configs: tuple[Mapping[str, Any], ...] | None = None
    usage: Usage | None = None
    before_mode_step: BeforeModeStep | None = None
    node_network: NodeNetwork | None = None
    unknown: tuple[str, ...] = field(default=())
    unread: tuple[UnreadPart, ...] = field(default=(), compare=False)
    aws_auth_data: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        data = (self.config_map or {}).get("data") or {}
        object.__setattr__(self, "aws_auth_data", dict(data))
