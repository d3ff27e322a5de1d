"""How traffic of nodes leaves their subnets: what decides whether a restricted public endpoint
admits them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeSubnet:
    """A subnet, its VPC and its IPv6 blocks."""

    id: str
    vpc: str
    ipv6_cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeRoute:
    """A route of a table: its destination (a block or a prefix list), the id of what it leads to,
    whether it is in force.
    """

    destination: str
    target: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class NodeRouteTable:
    """A route table: the subnets that are associated with it; ``main``: the VPC's table for the
    others.
    """

    vpc: str
    main: bool
    subnets: frozenset[str]
    routes: tuple[NodeRoute, ...]


@dataclass(frozen=True, slots=True)
class NatGateway:
    """A NAT gateway and its public addresses; ``public``: it leads to the internet itself."""

    id: str
    state: str
    public: bool
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """A public address of an instance's interface in a subnet. ``elastic``: it stays with the
    interface; else EC2 gives another one when the instance starts again (VPC user guide, "Elastic
    IP addresses").
    """

    subnet: str
    address: str
    instance: str = ""
    elastic: bool = False


@dataclass(frozen=True, slots=True)
class InstancePlace:
    """An interface of an instance: its subnet, its security groups, and the clusters that its tags
    name.
    """

    subnet: str
    instance: str
    groups: frozenset[str] = frozenset()
    clusters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """What EC2 says of a VPC. None for a list says that it was not read."""

    subnets: tuple[NodeSubnet, ...] | None = None
    route_tables: tuple[NodeRouteTable, ...] | None = None
    nat_gateways: tuple[NatGateway, ...] | None = None
    own_addresses: tuple[OwnAddress, ...] | None = None
    instances: tuple[InstancePlace, ...] | None = None
