"""What network policies are asked about: pods, Services, connections, and the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias

from migrator.model.network_policies.on_nodes import OnNodes
from migrator.model.network_policies.policies import NetworkSet, Policy, Tier

Address: TypeAlias = IPv4Address | IPv6Address
State: TypeAlias = Literal["yes", "no", "depends", "unknown"]
Plugin: TypeAlias = Literal["calico", "vpc-cni", "cilium"]
Version: TypeAlias = tuple[int, int]  # major, minor


@dataclass(frozen=True, slots=True)
class PodPort:
    """A port that a container gives a name."""

    name: str
    protocol: str
    number: int


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, one that there is or one that will be. ``account_labels``: of its ServiceAccount, None
    where that is looked up.
    """

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    service_account: str = "default"
    name: str = ""
    ports: tuple[PodPort, ...] = ()
    account_labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PodPlace:
    """Where a pod is found: the one in which a command runs."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a Service leads: ``pod`` None for an address that is no pod's."""

    address: Address
    port: int
    protocol: str = "TCP"
    pod: Pod | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A Service: its addresses, and for one port of it the endpoints."""

    namespace: str
    name: str
    addresses: tuple[Address, ...] = ()
    port: int = 0
    protocol: str = "TCP"
    selector: Mapping[str, str] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    target_name: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """The far end of a connection as a plugin sees it. ``service``: the one whose address it is,
    where the address is not translated yet.
    """

    address: Address
    port: int
    protocol: str = "TCP"
    pod: Pod | None = None
    service: Service | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a pod has to reach: by its Service, or at addresses. ``doubt``: why it is not
    known where it is. ``on_node``: a process of the pod's own node has its address.
    """

    name: str
    service: Service | None = None
    at: tuple[Endpoint, ...] = ()
    doubt: str = ""
    on_node: bool = False

    @property
    def places(self) -> tuple[Endpoint, ...]:
        """Where a connection arrives: behind the Service, or at the addresses."""
        return self.service.endpoints if self.service else self.at


@dataclass(frozen=True, slots=True)
class PolicyWorld:
    """Everything that decides. ``namespaces``, ``accounts``: labels, ``accounts`` None where they
    could not be read. ``services``: those that rules name. ``plugins``: those found that enforce
    policies, None where it could not be read. ``on_nodes``: what decides besides policies.

    ``perhaps``: plugins that are not among them for certain, and the DaemonSet that each may be.
    ``calico_version``: None where it is not known. ``unread``: kinds that may not be read;
    ``foreign``: objects of kinds that are not understood. ``ignores_except``: the VPC CNI's agent
    is that old.
    """

    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    accounts: Mapping[tuple[str, str], Mapping[str, str]] | None = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    tiers: tuple[Tier, ...] = ()
    sets: tuple[NetworkSet, ...] = ()
    services: Mapping[tuple[str, str], tuple[Endpoint, ...]] = field(default_factory=dict)
    plugins: frozenset[Plugin] | None = None
    perhaps: Mapping[Plugin, str] = field(default_factory=dict)
    calico_version: Version | None = None
    unread: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    ignores_except: bool = False
    on_nodes: OnNodes = field(default_factory=OnNodes)


@dataclass(frozen=True, slots=True)
class Ending:
    """How the evaluation of a connection may end. ``doubt``: why it may end otherwise."""

    allowed: bool
    said: str
    policy: Policy | None = None
    tier: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a pod reaches a target. ``why``: one sentence without a full stop, empty for a plain
    yes; ``denied_by``: the endings that deny.
    """

    target: str
    state: State
    why: str = ""
    denied_by: tuple[Ending, ...] = ()
