"""A cluster of the lab: its access entries over time, its authentication mode, its updates.

Time is part of the state. Every version of an entry knows when it was written (what the API shows)
and when it is in force (what the authenticator sees, after propagation), so that "who may log in at
``t``" is a pure function of ``t``: :meth:`LabCluster.effective_entries` and
:meth:`LabCluster.effective_mode` can be asked about the present and, by the oracle, about every
moment at which something will change (:meth:`LabCluster.upcoming`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Literal, TypeAlias

from migrator.lab.worlds.log_store import LogStore
from migrator.model.access_entry import (
    SERVICE_LINKED_MARK,
    AccessScope,
    AuthenticationMode,
    EntryType,
)

UpdateStatus: TypeAlias = Literal["InProgress", "Failed", "Cancelled", "Successful"]
AUTOMATIC = frozenset(
    {"creator", "nodegroups", "fargate", "capabilities", "auto-mode", "service-linked"}
)
# ``old``: authorities as of Kubernetes 1.16 and before. ``rotating``: two of them, and the endpoint
# still shows a certificate of the second one.
Certificates: TypeAlias = Literal["new", "old", "rotating"]
LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")


@dataclass(frozen=True, slots=True)
class LabPolicy:
    """An access policy associated with an entry."""

    policy_arn: str
    scope: AccessScope
    associated_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class LabEntry:
    """One version of an access entry. A change makes a new value; values never change.

    ``principal_id`` is the unique id that was pinned when the entry was created; no API shows it.
    ``username`` is a template. ``automatic`` entries were made by EKS itself. ``policies`` have
    ``policy_arn`` and ``scope``.
    """

    principal_arn: str
    principal_id: str
    type: EntryType
    username: str
    kubernetes_groups: tuple[str, ...]
    entry_arn: str
    created_at: datetime
    modified_at: datetime
    policies: tuple[LabPolicy, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    automatic: bool = False
    token: str | None = None

    @property
    def service_linked(self) -> bool:
        """Whether it belongs to a service-linked role: EKS owns it, and no client may change it."""
        return SERVICE_LINKED_MARK in self.principal_arn


@dataclass(frozen=True, slots=True)
class EntryVersion:
    """An entry from ``written_at`` on in the API, and from ``effective_from`` on in the
    authenticator.

    ``entry`` is None for a deletion.
    """

    written_at: datetime
    effective_from: datetime
    entry: LabEntry | None


@dataclass(slots=True)
class LabUpdate:
    """An update. It is in progress until ``done_at`` and then ends as ``outcome``.

    ``of``: the cluster, or the node group or add-on by the name of the parameter and its value.
    ``quiet``: the cluster stays ACTIVE meanwhile, as it does during a VersionRollback.
    """

    id: str
    type: str
    params: tuple[tuple[str, str], ...]
    created_at: datetime
    done_at: datetime
    outcome: UpdateStatus = "Successful"
    mode: AuthenticationMode | None = None
    vpc_config: Mapping[str, Any] | None = None
    log_types: tuple[str, ...] | None = None
    errors: tuple[tuple[str, str], ...] = ()
    token: str | None = None
    of: tuple[str, str] | None = None
    quiet: bool = False

    def status(self, at: datetime) -> UpdateStatus:
        """The status at a moment."""
        if at < self.done_at:
            return "InProgress"
        return self.outcome

    def succeeded(self, at: datetime) -> bool:
        """Whether it is over and took effect."""
        return self.outcome == "Successful" and at >= self.done_at


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """An association of a ServiceAccount with a role (EKS API Reference,
    PodIdentityAssociation).
    """

    id: str
    namespace: str
    account: str
    role_arn: str


@dataclass(slots=True)
class LabCluster:
    """One EKS cluster. Read and changed under the world's lock."""

    name: str
    account: str
    region: str
    partition: str
    initial_mode: AuthenticationMode
    creator_arn: str | None
    created_at: datetime
    version: str = "1.34"
    platform_version: str = "eks.9"
    nodegroups: dict[str, dict[str, Any]] = field(default_factory=dict)
    addons: tuple[str, ...] = ()
    fargate_profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    capabilities: dict[str, dict[str, Any]] = field(default_factory=dict)
    identity_provider_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    vpc_config: dict[str, Any] = field(default_factory=dict)
    log_types: tuple[str, ...] = ("api", "audit", "authenticator")
    tags: dict[str, str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    updates: list[LabUpdate] = field(default_factory=list)
    history: dict[str, list[EntryVersion]] = field(default_factory=dict)
    endpoint_url: str | None = None
    ca_pem: bytes | None = None
    kubernetes_objects: list[dict[str, Any]] = field(
        default_factory=list
    )  # raw objects of the world file
    pod_identities: dict[tuple[str, str], PodIdentity] = field(default_factory=dict)
    kube: Any = None  # the Kubernetes side's store and server
    logs: LogStore = field(default_factory=LogStore)
    propagation: timedelta = timedelta(seconds=2)
    update_duration: timedelta = timedelta(seconds=3)
    status_override: str | None = None
    certificates: Certificates = "new"
    network: str = "eksctl"  # the layout of its groups: migrator.lab.worlds.network
    # Which entries EKS makes automatically. A world can leave some out: EKS was observed to do so
    # with Fargate.
    automatic: frozenset[str] = AUTOMATIC
    listeners: list[Callable[[], None]] = field(
        default_factory=list
    )  # after every change, lock held: drop caches

    @property
    def arn(self) -> str:
        """``arn:aws:eks:REGION:ACCOUNT:cluster/NAME``."""
        return f"arn:{self.partition}:eks:{self.region}:{self.account}:cluster/{self.name}"

    @property
    def role_arn(self) -> str:
        """The role by which EKS acts for the cluster."""
        usual = f"arn:{self.partition}:iam::{self.account}:role/eks-cluster-role"
        return str(self.raw.get("roleArn") or usual)

    # What holds when.

    def mode(self, at: datetime) -> AuthenticationMode:
        """The authentication mode at a moment, in the API and in the authenticator alike.

        It changes when an update ends well: while one runs, the old mode is in force (EKS API
        Reference, UpdateClusterConfig).
        """
        mode = self.initial_mode
        for update in self.updates:
            if update.mode is not None and update.succeeded(at):
                mode = update.mode
        return mode

    effective_mode = mode

    def status(self, at: datetime) -> str:
        """``UPDATING`` while an update runs, otherwise ``ACTIVE`` (or what the world says).

        An update of a node group or an add-on leaves the status of the cluster, and so does a
        rollback of the version.
        """
        for update in self.updates:
            if update.of is not None or update.quiet:
                continue
            if update.created_at <= at < update.done_at:
                return "UPDATING"
        return self.status_override or "ACTIVE"

    def entries(self, at: datetime) -> dict[str, LabEntry]:
        """What the API shows at a moment, by principal ARN in the order of creation."""
        return self._versions(lambda version: version.written_at <= at)

    def effective_entries(self, at: datetime) -> list[LabEntry]:
        """What the authenticator and the authorizer see at a moment."""
        return list(self._versions(lambda version: version.effective_from <= at).values())

    def entry(self, principal_arn: str, at: datetime) -> LabEntry | None:
        """One entry as the API shows it at a moment."""
        for version in reversed(self.history.get(principal_arn, [])):
            if version.written_at <= at:
                return version.entry
        return None

    def _versions(self, counts: Callable[[EntryVersion], bool]) -> dict[str, LabEntry]:
        """The newest version of each entry that counts, by principal ARN; a deletion hides the
        entry.
        """
        found: dict[str, LabEntry] = {}
        for principal_arn, versions in self.history.items():
            newest = next(filter(counts, reversed(versions)), None)
            if newest is None or newest.entry is None:
                continue
            found[principal_arn] = newest.entry
        return found

    def upcoming(self, after: datetime) -> list[datetime]:
        """Moments after ``after`` at which access will change by what has been done so far, sorted:
        ends of updates, and entries that reach the authenticator.
        """
        moments = {update.done_at for update in self.updates}
        for versions in self.history.values():
            moments.update(version.effective_from for version in versions)
        return sorted(moment for moment in moments if moment > after)

    def vpc_config_at(self, at: datetime) -> dict[str, Any]:
        """``resourcesVpcConfig`` at a moment: who may reach the endpoint, after the updates that
        have ended.
        """
        config: dict[str, Any] = {
            "subnetIds": ["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"],
            "securityGroupIds": [],
            "clusterSecurityGroupId": "sg-0a1b2c3d4e5f60001",
            "vpcId": "vpc-0a1b2c3d4e5f60001",
            "endpointPublicAccess": True,
            "endpointPrivateAccess": False,
            "publicAccessCidrs": ["0.0.0.0/0"],
            **self.vpc_config,
        }
        for update in self.updates:
            if update.vpc_config is not None and update.succeeded(at):
                config.update(update.vpc_config)
        return config

    def additional_groups_at(self, at: datetime) -> list[str] | None:
        """The groups of the control plane's interfaces at a moment; None where no update has
        changed them.
        """
        for update in self.updates:
            if update.type == "VpcConfigUpdate" and update.succeeded(at):
                config = self.vpc_config_at(at)
                return [config["clusterSecurityGroupId"], *config["securityGroupIds"]]
        return None

    def admits(self, address: str, at: datetime) -> bool:
        """Whether the endpoint answers a caller outside of the VPC: public access on, and its
        address (IPv4 or IPv6) in a range (EKS user guide, "Cluster API server endpoint").
        """
        config = self.vpc_config_at(at)
        if not config["endpointPublicAccess"]:
            return False
        ranges = (ip_network(text, strict=False) for text in config["publicAccessCidrs"])
        return any(ip_address(address) in found for found in ranges)

    def log_types_at(self, at: datetime) -> tuple[str, ...]:
        """Control-plane log types that are on at a moment."""
        types = self.log_types
        for update in self.updates:
            if update.log_types is not None and update.succeeded(at):
                types = update.log_types
        return types

    def logging_at(self, at: datetime) -> list[dict[str, Any]]:
        """``clusterLogging`` of DescribeCluster: a setup of the types that are on and one of those
        that are off, each only where it has any (EKS API Reference, Logging).
        """
        enabled = self.log_types_at(at)
        shown = []
        for is_on in (True, False):
            types = [kind for kind in LOG_TYPES if (kind in enabled) == is_on]
            if types:
                shown.append({"types": types, "enabled": is_on})
        return shown

    # Changes.

    def write_entry(
        self,
        principal_arn: str,
        entry: LabEntry | None,
        now: datetime,
        *,
        delay: timedelta,
    ) -> None:
        """Put a version of an entry (None deletes it): seen by the API now, by the authenticator
        after ``delay`` of lab time.

        Distribution keeps the order of writes: a later version is never in force before an earlier
        one of the same entry.
        """
        versions = self.history.setdefault(principal_arn, [])
        effective = now + delay
        if versions:
            effective = max(effective, versions[-1].effective_from)
        versions.append(EntryVersion(now, effective, entry))
        self.changed()

    def add_update(self, update: LabUpdate) -> None:
        """Start an update."""
        self.updates.append(update)
        self.changed()

    def changed(self) -> None:
        """Tell listeners (caches of the authenticator) that something changed."""
        for listener in self.listeners:
            listener()

    # Logs.

    def log(self, stream: str, message: str, at: datetime) -> None:
        """Append a control-plane log line; ``stream`` is ``kube-apiserver-audit`` or
        ``authenticator``.
        """
        self.logs.append(f"{stream}-{self.name}", message, at)


def with_policies(entry: LabEntry, policies: Sequence[LabPolicy], now: datetime) -> LabEntry:
    """The entry with other policies."""
    return replace(entry, policies=tuple(policies), modified_at=now)
