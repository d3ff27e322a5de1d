"""What EC2 says about a cluster's network: security groups and all that they are judged with.

Listings are read to their last page, and what does not depend on each other is read concurrently.
What may not be read is left out and named. Source of the shapes and filters: EC2 API reference.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.foreign_text import foreign
from migrator.errors import MigratorError
from migrator.model.security_groups import (
    Direction,
    Interface,
    NatGateway,
    NetworkFacts,
    OwnHost,
    RouteTable,
    SecurityGroup,
    SecurityRule,
    Subnet,
    VpcEndpoint,
)
from migrator.ports import Raw, TaskRunner

R = TypeVar("R")
# Without credentials nothing of the account can be read: the caller ends there.
_ENDS_ALL = frozenset({"no-credentials", "credentials-expired", "credentials-invalid", "no-region"})
# Values of one filter (EC2 API reference, "Filtering": at most 200).
_VALUES = 200
# Where an IpPermission names peers: the list, what names one, and the field of a rule.
_PEERS = (
    ("IpRanges", "CidrIp", "cidr"),
    ("Ipv6Ranges", "CidrIpv6", "cidr"),
    ("PrefixListIds", "PrefixListId", "prefix_list"),
    ("UserIdGroupPairs", "GroupId", "peer_group"),
)


class Ec2Network:
    """:class:`migrator.ports.NetworkReader`. ``host_address``: this host's address, where a person
    names it; ``own_host``: which instance it is, asked where no person does. ``instances``: ids of
    the instances that are nodes, whatever their tags.
    """

    def __init__(
        self,
        session: AwsSession,
        tasks: TaskRunner,
        *,
        host_address: str | None = None,
        own_host: Callable[[], OwnHost | None] = lambda: None,
        instances: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._session = session
        self._tasks = tasks
        self._own_host = own_host
        if host_address is not None:
            self._own_host = lambda: OwnHost(host_address)
        self._instances = instances

    def read(self, cluster: Raw) -> NetworkFacts:
        """Everything of the VPC of a cluster (DescribeCluster ``.cluster``) that the caller may
        read.
        """
        reading = _Reading(self._session, self._tasks, cluster)
        own = self._own_host() or OwnHost("")
        found = reading.first(own, self._instances())
        plane, nodes, subnets, tables, gateways, endpoints, host = found
        named = [group for one in (*plane, *nodes, *endpoints, *host) for group in one.groups]
        groups = reading.groups([*reading.cluster_groups(), *named])
        rules = [rule for one in groups for rule in one.rules]
        # A host of another network may be in a group that a rule names: the VPC of each such group
        # tells whether that can be.
        if own.address and not host:
            known = {one.id for one in groups}
            groups += reading.groups({rule.peer_group for rule in rules} - known)
        return NetworkFacts(
            groups={one.id: one for one in groups},
            control_plane=plane,
            nodes=nodes,
            subnets=subnets,
            host=host,
            host_address=own.address,
            prefix_lists=reading.prefix_lists({rule.prefix_list for rule in rules} - {""}),
            route_tables=tables,
            nat_gateways=gateways,
            endpoints=endpoints,
            unread=reading.unread,
        )


class _Reading:
    """One reading of the network of one cluster."""

    def __init__(
        self,
        session: AwsSession,
        tasks: TaskRunner,
        cluster: Raw,
    ) -> None:
        self._session = session
        self._tasks = tasks
        self._vpc_config: Raw = cluster.get("resourcesVpcConfig") or {}
        self._name = str(cluster.get("name"))
        self.unread: dict[str, str] = {}

    def cluster_groups(self) -> list[str]:
        """Groups that DescribeCluster names."""
        own = _text(self._vpc_config, "clusterSecurityGroupId")
        return [own, *map(str, _items(self._vpc_config, "securityGroupIds"))]

    def first(self, own: OwnHost, instances: Sequence[str]) -> Sequence[Any]:
        """Everything that is found by the VPC, the cluster's name, its nodes or the host."""
        in_vpc = {"vpc-id": [_text(self._vpc_config, "vpcId")]}
        of_eks = {**in_vpc, "description": ["Amazon EKS *"]}
        reads: list[Callable[[], Any]] = [
            lambda: self._interfaces(of_eks),
            lambda: self._nodes(instances),
            lambda: self._listed("describe_subnets", "Subnets", _subnet, in_vpc),
            lambda: self._listed("describe_route_tables", "RouteTables", _route_table, in_vpc),
            lambda: self._nat_gateways(in_vpc),
            lambda: self._listed("describe_vpc_endpoints", "VpcEndpoints", _endpoint, in_vpc),
            lambda: self._host(in_vpc, own),
        ]
        return self._tasks.map(lambda read: read(), reads)

    def _interfaces(self, wanted: Mapping[str, Sequence[str]]) -> tuple[Interface, ...]:
        """Interfaces that all filters pass."""
        return self._listed("describe_network_interfaces", "NetworkInterfaces", _interface, wanted)

    def _nat_gateways(self, in_vpc: Mapping[str, Sequence[str]]) -> tuple[NatGateway, ...]:
        """The NAT gateways; their operation spells the parameter of filters otherwise."""
        return self._listed(
            "describe_nat_gateways",
            "NatGateways",
            _nat_gateway,
            in_vpc,
            parameter="Filter",
        )

    def _host(self, in_vpc: Mapping[str, list[str]], own: OwnHost) -> tuple[Interface, ...]:
        """The host's interface, where it is in the VPC. An address alone may be one of another
        network, too.
        """
        address = own.address
        if own.interface:
            return self._interfaces({**in_vpc, "network-interface-id": [own.interface]})
        if not address:
            return ()
        if ":" in address:
            return self._interfaces({**in_vpc, "ipv6-addresses.ipv6-address": [address]})
        return self._interfaces({**in_vpc, "addresses.private-ip-address": [address]})

    def _nodes(self, instances: Sequence[str]) -> tuple[Interface, ...]:
        """Interfaces in the cluster's VPC of the instances that carry its tag (EKS user guide,
        "Launch self-managed Amazon Linux nodes"; managed node groups and Karpenter set it, too),
        and of those that are nodes without it.
        """
        vpc = _text(self._vpc_config, "vpcId")
        asked = [{"tag-key": [f"kubernetes.io/cluster/{self._name}"]}]
        for start in range(0, len(instances), _VALUES):
            asked.append({"instance-id": [*instances[start : start + _VALUES]]})
        found: dict[str, Interface] = {}
        for part in self._tasks.map(self._of_instances, asked):
            found |= {one.id: one for one in part if one.vpc == vpc}
        return tuple(found.values())

    def _of_instances(self, wanted: Mapping[str, Sequence[str]]) -> tuple[Interface, ...]:
        """Interfaces of the instances that run, or are about to."""
        alive = {**wanted, "instance-state-name": ["pending", "running"]}
        found = self._listed("describe_instances", "Reservations", _instances, alive)
        return tuple(one for interfaces in found for one in interfaces)

    def groups(self, ids: Iterable[str]) -> tuple[SecurityGroup, ...]:
        """The groups with these ids, as far as they exist."""
        wanted = [name for name in dict.fromkeys(ids) if name]
        parts = [wanted[start : start + _VALUES] for start in range(0, len(wanted), _VALUES)]
        found = self._tasks.map(self._some_groups, parts)
        return tuple(group for part in found for group in part)

    def _some_groups(self, ids: Sequence[str]) -> tuple[SecurityGroup, ...]:
        """As many groups as one filter takes."""
        return self._listed("describe_security_groups", "SecurityGroups", _group, {"group-id": ids})

    def prefix_lists(self, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Blocks of managed prefix lists, without those that may not be read."""
        names = sorted(ids)
        found = self._tasks.map(self._prefix_list, names)
        return {
            name: blocks for name, blocks in zip(names, found, strict=True) if blocks is not None
        }

    def _prefix_list(self, name: str) -> tuple[str, ...] | None:
        """The blocks of one list; None where they may not be read."""
        action = "ec2:GetManagedPrefixListEntries"
        try:
            found = self._session.pages(
                "ec2",
                "get_managed_prefix_list_entries",
                "Entries",
                subject=name,
                PrefixListId=name,
            )
        except MigratorError as error:
            self._keep(action, error)
            return None
        return tuple(_text(entry, "Cidr") for entry in found)

    def _listed(
        self,
        method: str,
        key: str,
        make: Callable[[Raw], R],
        filters: Mapping[str, Sequence[str]],
        parameter: str = "Filters",
    ) -> tuple[R, ...]:
        """A listing as values; empty where it may not be read, which is kept in ``unread``."""
        action = "ec2:" + "".join(part.capitalize() for part in method.split("_"))
        asked = [{"Name": name, "Values": list(values)} for name, values in filters.items()]
        try:
            found = self._session.pages(
                "ec2", method, key, subject=f"cluster {self._name}", **{parameter: asked}
            )
        except MigratorError as error:
            self._keep(action, error)
            return ()
        return tuple(map(make, found))

    def _keep(self, action: str, error: MigratorError) -> None:
        """Keep why an action could not be asked. Raises what keeps everything from being asked."""
        if error.code in _ENDS_ALL:
            raise error
        self.unread[action] = f"{error.message} {error.why}".strip()


def _items(raw: Raw, key: str) -> Sequence[Any]:
    """A list of an answer; EC2 leaves out what is empty."""
    return raw.get(key) or ()


def _part(raw: Raw, key: str) -> Raw:
    """An object of an answer; EC2 leaves out what is empty."""
    return raw.get(key) or {}


def _text(raw: Raw, key: str) -> str:
    """A text of an answer as one line without secrets; EC2 leaves out what is empty."""
    return foreign(raw.get(key) or "", limit=256)


def _tags(raw: Raw) -> dict[str, str]:
    """Tags by their keys, which EC2 has once for each resource."""
    return {_text(tag, "Key"): _text(tag, "Value") for tag in _items(raw, "Tags")}


def _interface(raw: Raw) -> Interface:
    """An interface of DescribeNetworkInterfaces, or of an instance."""
    addresses = [
        *(str(each["PrivateIpAddress"]) for each in _items(raw, "PrivateIpAddresses")),
        *(str(each["Ipv6Address"]) for each in _items(raw, "Ipv6Addresses")),
    ]
    attachment = _part(raw, "Attachment")
    return Interface(
        id=_text(raw, "NetworkInterfaceId"),
        vpc=_text(raw, "VpcId"),
        subnet=_text(raw, "SubnetId"),
        addresses=tuple(addresses),
        groups=tuple(_text(group, "GroupId") for group in _items(raw, "Groups")),
        description=_text(raw, "Description"),
        instance=_text(attachment, "InstanceId"),
        primary=attachment.get("DeviceIndex", 0) == 0,
        public=bool(_part(raw, "Association").get("PublicIp")),
    )


def _instances(reservation: Raw) -> tuple[Interface, ...]:
    """Interfaces of a reservation's instances, with the instance's id."""
    found = []
    for instance in _items(reservation, "Instances"):
        name = instance.get("InstanceId")
        for raw in _items(instance, "NetworkInterfaces"):
            attachment = {**_part(raw, "Attachment"), "InstanceId": name}
            found.append(_interface({**raw, "Attachment": attachment}))
    return tuple(found)


def _group(raw: Raw) -> SecurityGroup:
    """A group with the rules of both directions."""
    name = _text(raw, "GroupId")
    sides: tuple[tuple[Direction, str], ...] = (
        ("ingress", "IpPermissions"),
        ("egress", "IpPermissionsEgress"),
    )
    rules = [
        rule
        for direction, key in sides
        for permission in _items(raw, key)
        for rule in _rules(name, direction, permission)
    ]
    return SecurityGroup(
        name, _text(raw, "GroupName"), _text(raw, "VpcId"), tuple(rules), _tags(raw)
    )


def _rules(owner: str, direction: Direction, raw: Raw) -> list[SecurityRule]:
    """An IpPermission as one rule a peer. A permission for peers of a kind that this adapter does
    not know is one rule without a peer.
    """
    peers = [
        {field: _text(each, key)}
        for listing, key, field in _PEERS
        for each in _items(raw, listing)
        if _is_in_force(each)
    ]
    # A stale rule has a pair, and no peer that counts.
    if not (peers or _items(raw, "UserIdGroupPairs")):
        peers = [{}]
    return [
        SecurityRule(
            owner,
            direction,
            _text(raw, "IpProtocol"),
            raw.get("FromPort"),
            raw.get("ToPort"),
            **peer,
        )
        for peer in peers
    ]


def _is_in_force(pair: Raw) -> bool:
    """Whether the peering that a pair of another VPC needs is there (EC2 API reference,
    UserIdGroupPair, PeeringStatus; VPC peering guide, "stale security group rules").
    """
    return str(pair.get("PeeringStatus", "active")) == "active"


def _subnet(raw: Raw) -> Subnet:
    """A subnet with the blocks that it has now; an IPv6-only subnet has no IPv4 block."""
    blocks = [_text(raw, "CidrBlock")]
    for each in _items(raw, "Ipv6CidrBlockAssociationSet"):
        if _part(each, "Ipv6CidrBlockState").get("State", "associated") == "associated":
            blocks.append(_text(each, "Ipv6CidrBlock"))
    return Subnet(
        id=_text(raw, "SubnetId"),
        vpc=_text(raw, "VpcId"),
        cidrs=tuple(filter(None, blocks)),
        zone=_text(raw, "AvailabilityZone"),
    )


def _route_table(raw: Raw) -> RouteTable:
    """A route table, without the routes that lead nowhere."""
    links = _items(raw, "Associations")
    routes = [each for each in _items(raw, "Routes") if each.get("State") != "blackhole"]
    to_lists = [each for each in routes if each.get("DestinationPrefixListId")]
    return RouteTable(
        id=_text(raw, "RouteTableId"),
        vpc=_text(raw, "VpcId"),
        subnets=tuple(_text(each, "SubnetId") for each in links),
        main=True in [each.get("Main") for each in links],
        targets=_targets(routes, "DestinationCidrBlock", "0.0.0.0/0"),
        targets_v6=_targets(routes, "DestinationIpv6CidrBlock", "::/0"),
        gateway_endpoints=tuple(_text(each, "GatewayId") for each in to_lists),
        prefix_lists={
            _text(each, "GatewayId"): _text(each, "DestinationPrefixListId") for each in to_lists
        },
    )


def _targets(routes: Iterable[Raw], key: str, block: str) -> tuple[str, ...]:
    """What the routes to every address of a family lead to."""
    return tuple(_target(each) for each in routes if each.get(key) == block)


def _target(route: Raw) -> str:
    """What a route leads to: its gateway, instance, interface or peering."""
    names = (
        "NatGatewayId",
        "GatewayId",
        "TransitGatewayId",
        "EgressOnlyInternetGatewayId",
        "InstanceId",
        "NetworkInterfaceId",
        "VpcPeeringConnectionId",
        "CarrierGatewayId",
        "LocalGatewayId",
        "CoreNetworkArn",
    )
    return next(filter(None, (_text(route, name) for name in names)), "an unknown target")


def _nat_gateway(raw: Raw) -> NatGateway:
    """A NAT gateway; one without a type of connectivity is public (EC2 API reference)."""
    return NatGateway(
        id=_text(raw, "NatGatewayId"),
        subnet=_text(raw, "SubnetId"),
        public=raw.get("ConnectivityType", "public") == "public",
        available=raw.get("State", "available") == "available",
    )


def _endpoint(raw: Raw) -> VpcEndpoint:
    """An endpoint; one that is not available serves nothing, and has no service here.

    Its names are the service's where private DNS is on and not for resolvers of other networks
    alone (EC2 API reference, DnsOptions, PrivateDnsOnlyForInboundResolverEndpoint).
    """
    # com.amazonaws.REGION.SERVICE, in China cn.com.amazonaws.REGION.SERVICE.
    service = _text(raw, "ServiceName").partition("amazonaws.")[2].partition(".")[2]
    if str(raw.get("State", "available")).lower() != "available":
        service = ""
    return VpcEndpoint(
        id=_text(raw, "VpcEndpointId"),
        vpc=_text(raw, "VpcId"),
        service=service,
        kind=str(raw.get("VpcEndpointType", "Gateway")),
        groups=tuple(_text(group, "GroupId") for group in _items(raw, "Groups")),
        private_names=bool(raw.get("PrivateDnsEnabled"))
        and not _part(raw, "DnsOptions").get("PrivateDnsOnlyForInboundResolverEndpoint"),
        subnets=tuple(map(str, _items(raw, "SubnetIds"))),
    )
