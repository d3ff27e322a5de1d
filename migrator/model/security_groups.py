"""What EC2 says of a cluster's network, as far as security groups are judged by it.

Sources: EC2 API reference (SecurityGroup, IpPermission, NetworkInterface, RouteTable, VpcEndpoint);
VPC user guide, "Security group rules".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["ingress", "egress"]
# The value of IpProtocol for every protocol.
ALL_TRAFFIC = "-1"
# The IAM actions that tell the parts of a network.
NODES = "ec2:DescribeInstances"
INTERFACES = "ec2:DescribeNetworkInterfaces"
GROUPS = "ec2:DescribeSecurityGroups"
ROUTES = "ec2:DescribeRouteTables"
NAT_GATEWAYS = "ec2:DescribeNatGateways"
ENDPOINTS = "ec2:DescribeVpcEndpoints"


@dataclass(frozen=True, slots=True)
class SecurityRule:
    """One permission for one peer, of the group ``owner``.

    ``protocol`` as EC2 spells it: ``-1``, ``tcp``, ``udp``, ``icmp``, ``icmpv6`` or a number.
    ``first`` and ``last``: ports, for ICMP type and code, None where EC2 names none. One of
    ``cidr``, ``peer_group`` and ``prefix_list`` is set; a rule without any is of a kind that is
    not understood.
    """

    owner: str
    direction: Direction
    protocol: str
    first: int | None = None
    last: int | None = None
    cidr: str = ""
    peer_group: str = ""
    prefix_list: str = ""

    def describe(self) -> str:
        """The rule in words: ``sg-1 ingress tcp 443 from sg-2``."""
        side = "to" if self.direction == "egress" else "from"
        peer = self.cidr or self.peer_group or self.prefix_list or "a peer of unknown kind"
        return f"{self.owner} {self.direction} {self._traffic()} {side} {peer}"

    def _traffic(self) -> str:
        """``all``, ``tcp 443``, ``tcp 1025-65535``, ``icmp``."""
        if self.protocol == ALL_TRAFFIC:
            return "all"
        if self.first in (None, -1):
            return self.protocol
        if self.first == self.last:
            return f"{self.protocol} {self.first}"
        return f"{self.protocol} {self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A group with all its rules."""

    id: str
    name: str
    vpc: str
    rules: tuple[SecurityRule, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Whether it is the default group of its VPC: only that one has the name ``default`` (VPC
        user guide, "Default security groups").
        """
        return self.name == "default"


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface. ``addresses``: private IPv4 and IPv6 addresses. ``instance``: the id of
    the EC2 instance, empty for none. ``public``: whether its primary IPv4 address has a public one.
    """

    id: str
    vpc: str = ""
    subnet: str = ""
    addresses: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    description: str = ""
    instance: str = ""
    primary: bool = True
    public: bool = False


@dataclass(frozen=True, slots=True)
class OwnHost:
    """The machine of this process as an instance: its private address, and the id of its interface,
    empty where it is not known.
    """

    address: str
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet with its IPv4 and IPv6 blocks. ``zone``: its Availability Zone."""

    id: str
    vpc: str
    cidrs: tuple[str, ...] = ()
    zone: str = ""


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route table. ``subnets``: those that are associated with it; ``main``: it serves every
    subnet without a table. ``targets``: what routes to every IPv4 address lead to (``nat-…``,
    ``igw-…``, ``tgw-…``), without those that lead nowhere; ``targets_v6``: those to every IPv6
    address. ``gateway_endpoints``: ids of VPC endpoints; ``prefix_lists``: theirs, by those ids.
    """

    id: str
    vpc: str
    subnets: tuple[str, ...] = ()
    main: bool = False
    targets: tuple[str, ...] = ()
    gateway_endpoints: tuple[str, ...] = ()
    targets_v6: tuple[str, ...] = ()
    prefix_lists: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NatGateway:
    """A NAT gateway. ``public``: it has public addresses; a private one leads to other private
    networks. ``subnet``: empty for a regional one, which is in no subnet.
    """

    id: str
    subnet: str = ""
    public: bool = True
    available: bool = True


@dataclass(frozen=True, slots=True)
class VpcEndpoint:
    """A VPC endpoint that is available. ``service``: the last part of the service's name (``sts``,
    ``ecr.api``, ``s3``). ``groups`` and ``subnets`` are those of an interface endpoint, and so is
    ``private_names``: whether the service's usual name leads to it inside the VPC.
    """

    id: str
    vpc: str
    service: str
    kind: str
    groups: tuple[str, ...] = ()
    private_names: bool = True
    subnets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What was read of a cluster's network.

    ``groups``: by id, only those that could be read. ``control_plane``: interfaces that EKS made
    for clusters in the VPC, of every cluster, by description ``Amazon EKS NAME``. ``nodes``:
    interfaces of the cluster's instances. ``host``: the interface of this host, empty where it has
    none in this VPC; ``host_address``: its address, where the operator or the instance metadata
    says it. ``prefix_lists``: blocks by id, only those that could be read. ``unread``: by IAM
    action, why it could not be asked; what it would tell is empty then.
    """

    groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    control_plane: tuple[Interface, ...] = ()
    nodes: tuple[Interface, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    host: tuple[Interface, ...] = ()
    host_address: str = ""
    prefix_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    route_tables: tuple[RouteTable, ...] = ()
    nat_gateways: tuple[NatGateway, ...] = ()
    endpoints: tuple[VpcEndpoint, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    def lacks(self, *actions: str) -> str:
        """Those of the IAM actions that could not be asked, as one text; empty for none."""
        return ", ".join(sorted(self.unread.keys() & set(actions)))
