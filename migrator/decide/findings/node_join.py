"""Whether nodes can join a cluster whose public endpoint is restricted and whose private endpoint
is off.

Traffic of nodes and Fargate pods to the API server then leaves the VPC, and the endpoint admits it
only from listed addresses (EKS user guide, "Cluster API server endpoint"). Which addresses these
are follows from the routes of the subnets: VPC user guide, "Route tables" (a subnet that no table
names has the VPC's main one), "NAT gateways", "Egress-only internet gateways".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any, Final, TypeVar

from migrator.decide.findings.platform import MAX_CIDRS
from migrator.decide.findings.public_cidrs import (
    admits,
    host_cidr,
    is_open_to_all,
    merged_cidrs,
)
from migrator.model.long_lists import some_of
from migrator.model.node_network import InstancePlace, NodeNetwork, NodeRoute, OwnAddress
from migrator.model.opened_endpoint import EndpointSeen, seen_in
from migrator.model.principal import parse_arn
from migrator.model.snapshot import FargateProfile, Nodegroup

Raw = Mapping[str, Any]
CODE: Final = "nodes-join-by-address"
_SHOWN = 10
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WayOut:
    """How traffic of a subnet leaves the VPC. ``listed``: whether the endpoint admits all of its
    addresses; None where that is not known. ``blocks``: the addresses, as far as they are known.
    """

    subnet: str
    users: tuple[str, ...]
    via: str
    blocks: tuple[str, ...]
    listed: bool | None

    def words(self) -> str:
        """The way in one sentence, without its full stop."""
        who = f" ({', '.join(self.users)})" if self.users else ""
        states = {True: "listed", False: "not listed", None: "whether it is listed is not known"}
        said = f"{self.subnet}{who} leaves by {self.via}"
        if not self.blocks:
            return f"{said}: {states[self.listed]}"
        return f"{said} with {', '.join(self.blocks)}: {states[self.listed]}"


@dataclass(frozen=True, slots=True)
class Place:
    """A subnet, what runs in it, the network that was read, and the endpoint."""

    subnet: str
    users: tuple[str, ...]
    network: NodeNetwork
    seen: EndpointSeen

    def way(self, via: str, *, listed: bool | None = None) -> WayOut:
        """A way whose addresses are not known."""
        return WayOut(self.subnet, self.users, via, (), listed)

    def by_blocks(self, via: str, blocks: tuple[str, ...]) -> WayOut:
        """A way by known addresses, all of which must be listed."""
        if not blocks:
            return self.way(via)
        listed = all(admits(self.seen.cidrs, block) for block in blocks)
        return WayOut(self.subnet, self.users, via, blocks, listed)


@dataclass(frozen=True, slots=True)
class NodeJoin:
    """The answer for a cluster: the ways of its subnets that are not certainly admitted, the node
    groups whose nodes fail to join, and the two remedies as commands (the second one empty where
    no list is known that helps).
    """

    ways: tuple[WayOut, ...]
    failing: tuple[str, ...]
    unknown: str
    private_access: str
    addresses: str

    @property
    def message(self) -> str:
        """What is seen."""
        parts = [self.unknown]
        if self.ways:
            ways = [way.words() for way in self.ways]
            parts.insert(0, f"{some_of(ways, _SHOWN, between='; ', last='; ')}.")
        if self.failing:
            parts.insert(0, f"Instances failed to join: {', '.join(self.failing)}.")
        return " ".join(parts).strip()

    @property
    def remedy(self) -> str:
        """What to do: private access first, because it leaves no address to keep."""
        said = f"Switch private access on: `{self.private_access}`"
        if not self.addresses:
            return f"{said}."
        return f"{said}. Or list the addresses that are known: `{self.addresses}`."


def is_join_trap(cluster: Raw) -> bool:
    """Whether nodes reach the API server from listed public addresses only, by DescribeCluster
    ``.cluster``. False where the access modes are not known.
    """
    vpc = _vpc_of(cluster)
    if (vpc.get("endpointPublicAccess"), vpc.get("endpointPrivateAccess")) != (True, False):
        return False
    seen = seen_in(cluster)
    return not is_open_to_all(seen.cidrs, seen.family)


def node_join(
    cluster: Raw,
    nodegroups: Sequence[Nodegroup] | None,
    profiles: Sequence[FargateProfile] | None,
    network: NodeNetwork | None,
) -> NodeJoin | None:
    """The answer for a cluster, from DescribeCluster ``.cluster``; None where every node is
    certainly admitted. ``network`` None: it was not read.
    """
    if not is_join_trap(cluster):
        return None
    seen = seen_in(cluster)
    users = _users(cluster, nodegroups, profiles, network)
    ways: list[WayOut] = []
    for subnet in users:
        way = _way_out(Place(subnet, users[subnet], network or NodeNetwork(), seen))
        if way.listed is not True:
            ways.append(way)
    unknown = _what_is_unknown(users, network)
    if not ways and not unknown:
        return None
    place = _command(cluster)
    return NodeJoin(
        ways=tuple(ways),
        failing=tuple(each.name for each in _known(nodegroups) if each.fails_to_join),
        unknown=unknown,
        private_access=f"{place} endpointPrivateAccess=true",
        addresses=_addresses_command(place, seen, ways),
    )


def _what_is_unknown(users: Mapping[str, object], network: NodeNetwork | None) -> str:
    """What keeps the answer from being certain; empty where nothing does."""
    if network is None:
        return "How nodes leave their subnets was not read."
    if not users:
        return "The subnets of nodes are not known."
    return ""


def _users(
    cluster: Raw,
    nodegroups: Sequence[Nodegroup] | None,
    profiles: Sequence[FargateProfile] | None,
    network: NodeNetwork | None,
) -> dict[str, tuple[str, ...]]:
    """The subnets of nodes, each with what runs in it. Self-managed nodes and those of Karpenter
    run in subnets that only their instances name: they count where tags or the cluster's security
    group show them. Those of the cluster where nothing names any.
    """
    found: dict[str, list[str]] = {}
    for group in _known(nodegroups):
        _add(found, group.subnets, f"node group {group.name}")
    for profile in _known(profiles):
        _add(found, profile.subnets, f"Fargate profile {profile.name}")
    _add(found, _subnets_of_other_nodes(cluster, network) - set(found), "nodes of no node group")
    if not found:
        _add(found, _vpc_of(cluster).get("subnetIds") or (), "")
    return {subnet: tuple(filter(None, found[subnet])) for subnet in sorted(found)}


def _subnets_of_other_nodes(cluster: Raw, network: NodeNetwork | None) -> set[str]:
    if network is None or network.instances is None:
        return set()
    return {each.subnet for each in network.instances if _is_node(each, cluster)}


def _is_node(place: InstancePlace, cluster: Raw) -> bool:
    """Whether an instance's interface is that of a node of the cluster, as far as EC2 shows it."""
    if cluster.get("name") in place.clusters:
        return True
    return _vpc_of(cluster).get("clusterSecurityGroupId") in place.groups


def _add(found: dict[str, list[str]], subnets: Iterable[object], user: str) -> None:
    for subnet in subnets:
        found.setdefault(str(subnet), []).append(user)


def _known(items: Sequence[T] | None) -> Sequence[T]:
    """The items that were read."""
    if items is None:
        return ()
    return items


def _vpc_of(cluster: Raw) -> Raw:
    """``resourcesVpcConfig``, empty where there is none."""
    found: Raw = cluster.get("resourcesVpcConfig") or {}
    return found


def _way_out(place: Place) -> WayOut:
    """How a subnet's traffic leaves. In an IPv6 cluster the endpoint has addresses of both
    families, and either one will do.
    """
    version_4 = _by_family(place, "0.0.0.0/0")
    if version_4.listed or place.seen.family != "ipv6":
        return version_4
    version_6 = _by_family(place, "::/0")
    if version_6.listed or not version_4.blocks:
        return version_6
    return version_4


def _by_family(place: Place, every: str) -> WayOut:
    """The way by the route to every address of a family."""
    routes = _routes_of(place)
    if routes is None:
        return place.way("a route that was not read")
    target = _target(every, routes)
    # Without a route to every address the endpoint can be behind a narrower one: its addresses
    # change, and no list of them is published.
    if not target and any(_leads_out(route) for route in routes):
        return place.way("narrower routes")
    if not target:
        return place.way("no route to the internet", listed=False)
    by_kind = {"nat": _by_nat, "igw": _by_own_address, "i": _by_instance}
    if every == "::/0":
        by_kind = {"eigw": _own_ipv6, "igw": _own_ipv6}
    # A transit gateway, a firewall: the address is given elsewhere.
    kind = by_kind.get(target.partition("-")[0], Place.way)
    return kind(place, target)


def _by_nat(place: Place, target: str) -> WayOut:
    """Through a NAT gateway: every one of its addresses may be the one that the endpoint sees. A
    private gateway leads to another network, which has the address.
    """
    via = f"NAT gateway {target}"
    for gateway in _known(place.network.nat_gateways):
        if (gateway.id, gateway.state, gateway.public) == (target, "available", True):
            return place.by_blocks(via, tuple(f"{address}/32" for address in gateway.addresses))
    return place.way(via)


def _by_own_address(place: Place, target: str) -> WayOut:
    """Through an internet gateway: each node has a public address, and a new node gets another
    one. So these are never listed for certain, and listing them is no remedy.
    """
    via = f"internet gateway {target}, each node with an address that changes"
    own = _known(place.network.own_addresses)
    return _outside(place, via, [each for each in own if each.subnet == place.subnet])


def _by_instance(place: Place, target: str) -> WayOut:
    """Through an instance that translates addresses (VPC user guide, "NAT instances"): the endpoint
    sees one of its own, whichever of its interfaces it has it at.
    """
    via = f"instance {target}"
    own = _known(place.network.own_addresses)
    found = [each for each in own if each.instance == target]
    if found and all(each.elastic for each in found):
        return place.by_blocks(via, tuple(host_cidr(each.address) for each in found))
    return _outside(place, f"{via}, whose address changes", found) if found else place.way(via)


def _outside(place: Place, via: str, own: Iterable[OwnAddress]) -> WayOut:
    """A way whose addresses change: not listed where one of today is not, else not known. Those
    that are Elastic IPs can be listed.
    """
    outside = [each for each in own if not admits(place.seen.cidrs, each.address)]
    if not outside:
        return place.way(via)
    now = ", ".join(sorted(each.address for each in outside)[:_SHOWN])
    elastic = sorted(host_cidr(each.address) for each in outside if each.elastic)
    way = place.way(f"{via} (now {now})", listed=False)
    return replace(way, blocks=tuple(elastic))


def _own_ipv6(place: Place, target: str) -> WayOut:
    """IPv6 is not translated: nodes are seen under addresses of the subnet's blocks."""
    for each in _known(place.network.subnets):
        if each.id == place.subnet:
            return place.by_blocks(target, each.ipv6_cidrs)
    return place.way(target)


def _routes_of(place: Place) -> tuple[NodeRoute, ...] | None:
    """The routes of a subnet's own table, else of the main table of its VPC; None where they are
    not known.
    """
    tables = _known(place.network.route_tables)
    for table in tables:
        if place.subnet in table.subnets:
            return table.routes
    vpcs = {each.vpc for each in _known(place.network.subnets) if each.id == place.subnet}
    for table in tables:
        if table.main and table.vpc in vpcs:
            return table.routes
    return None


def _leads_out(route: NodeRoute) -> bool:
    """Whether a route leads out of the VPC. A blackhole leads nowhere."""
    return route.active and route.target not in ("", "local")


def _target(every: str, routes: Iterable[NodeRoute]) -> str:
    """What the route to every address leads to; empty without one."""
    for route in routes:
        if route.destination == every and _leads_out(route):
            return route.target
    return ""


def _command(cluster: Raw) -> str:
    """The command that changes the endpoint, up to what is changed. The Region is in the ARN."""
    arn = parse_arn(str(cluster.get("arn")))
    name = quote(str(cluster.get("name", "CLUSTER")))
    if arn is None:
        return f"aws eks update-cluster-config --name {name} --resources-vpc-config"
    named = f"--name {quote(arn.name)} --region {quote(arn.region)}"
    return f"aws eks update-cluster-config {named} --resources-vpc-config"


def _addresses_command(place: str, seen: EndpointSeen, ways: Iterable[WayOut]) -> str:
    """The list with the known addresses, in as few blocks as can be; empty where there are none, or
    where EKS does not take that many. Openings of commands stay as they are: they are removed
    again.
    """
    more = [block for way in ways if way.listed is False for block in way.blocks]
    if not more:
        return ""
    opened = {opening.cidr for opening in seen.openings}
    kept = [cidr for cidr in seen.cidrs if cidr not in opened]
    wanted = merged_cidrs((*kept, *more))
    wanted += tuple(cidr for cidr in seen.cidrs if cidr in opened and cidr not in wanted)
    if len(wanted) > MAX_CIDRS:
        return ""
    return f"{place} {quote('publicAccessCidrs=' + ','.join(wanted))}"
