"""How traffic of nodes leaves the VPC: by the route to every address, as far as it leads out, and
past the groups of the nodes.

Sources: VPC user guide, "Internet gateways" (IPv4 needs a public address; IPv6 addresses are
public), "NAT gateways" (a private one reaches private networks only, and an internet gateway drops
what comes from it), "Egress-only internet gateways" (IPv6 alone). A subnet that no table names has
the VPC's main one ("Route tables").
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final, NamedTuple

from migrator.decide.reach.security_groups.evaluate import relevant_rules
from migrator.decide.reach.security_groups.sides import ClusterNetwork, Member
from migrator.decide.reach.security_groups.traffic import HTTPS, Truth, worst
from migrator.model.security_groups import Interface, NetworkFacts, RouteTable

EVERYWHERE: Final = {4: "0.0.0.0/0", 6: "::/0"}
_TRUTH: Final[Mapping[bool, Truth]] = {True: "yes", False: "no"}


class Place(NamedTuple):
    """Where a node is, as far as nodes differ in their way out. ``public``: it has a public IPv4
    address; ``version_6``: it has an IPv6 address.
    """

    subnet: str
    groups: tuple[str, ...]
    public: bool = False
    version_6: bool = False


class WayOut(NamedTuple):
    """Whether a way leads out, by its route and by the rules of groups; ``unknown``: what is not
    known of it.
    """

    route: Truth
    rules: Truth = "yes"
    unknown: str = ""

    @property
    def state(self) -> Truth:
        """Whether traffic gets out."""
        return worst((self.route, self.rules))


def primary_interfaces(facts: NetworkFacts) -> tuple[Interface, ...]:
    """The interfaces that nodes themselves send from. The others are for pods, and have no public
    address (VPC CNI: pods leave the VPC by the primary interface).
    """
    return tuple(one for one in facts.nodes if one.primary) or facts.nodes


def places(facts: NetworkFacts) -> tuple[Place, ...]:
    """The places of nodes, each once."""
    found = [
        Place(one.subnet, one.groups, one.public, any(":" in text for text in one.addresses))
        for one in primary_interfaces(facts)
    ]
    return tuple(dict.fromkeys(found))


def way_out(network: ClusterNetwork, place: Place, family: int) -> WayOut:
    """The way to every address of a family."""
    found = _by_route(network.facts, place, family)
    everywhere = Member(None, EVERYWHERE[family])
    answer = network.flow([Member(place.groups, "")], [everywhere], HTTPS)
    return found._replace(rules=answer.state, unknown=found.unknown or answer.why)


def way_to_list(network: ClusterNetwork, place: Place, prefix_list: str) -> WayOut:
    """The way to a gateway endpoint, whose route is there: past groups that name its prefix list,
    or every address (VPC user guide, "Gateway endpoints").
    """
    relevant = relevant_rules("egress", place.groups, HTTPS, network.facts.groups)
    if prefix_list in [rule.prefix_list for rule, about in relevant.rules if about == "yes"]:
        return WayOut("yes")
    return way_out(network, place, 4)._replace(route="yes")


def table_of(subnet: str, tables: Iterable[RouteTable]) -> RouteTable | None:
    """The route table of a subnet: its own, else the main one of the VPC."""
    listed = tuple(tables)
    own = (table for table in listed if subnet in table.subnets)
    main = (table for table in listed if table.main)
    return next(chain(own, main), None)


def _by_route(facts: NetworkFacts, place: Place, family: int) -> WayOut:
    """Where the route to every address leads."""
    table = table_of(place.subnet, facts.route_tables)
    if table is None:
        return WayOut("unknown", unknown=f"the route table of {place.subnet} was not shown")
    target = next(iter(table.targets if family == 4 else table.targets_v6), "")
    judge = _KINDS.get((family, target.partition("-")[0]), _elsewhere)
    return judge(facts, place, target)


def _no_route(_facts: NetworkFacts, _place: Place, _target: str) -> WayOut:
    return WayOut("no")


def _internet(_facts: NetworkFacts, place: Place, _target: str) -> WayOut:
    return WayOut(_TRUTH[place.public])


def _internet_v6(_facts: NetworkFacts, place: Place, _target: str) -> WayOut:
    return WayOut(_TRUTH[place.version_6])


def _nat(facts: NetworkFacts, place: Place, target: str) -> WayOut:
    """Through a NAT gateway, and on from the subnet that it is in."""
    for gateway in facts.nat_gateways:
        if gateway.id != target:
            continue
        # A regional gateway is in no subnet, and has its own route to the internet gateway.
        if not gateway.subnet or not gateway.available:
            return WayOut(_TRUTH[gateway.public and gateway.available])
        behind = _by_route_of_gateway(facts, gateway.subnet)
        if behind.startswith("igw-"):
            return WayOut(_TRUTH[gateway.public])
        return _elsewhere(facts, place, behind) if behind else WayOut("no")
    return WayOut("unknown", unknown=f"{target} was not shown")


def _by_route_of_gateway(facts: NetworkFacts, subnet: str) -> str:
    """What the subnet of a NAT gateway routes every IPv4 address to; empty for nothing."""
    table = table_of(subnet, facts.route_tables)
    if table is None:
        return f"a route of {subnet} that was not shown"
    return next(iter(table.targets), "")


def _elsewhere(_facts: NetworkFacts, _place: Place, target: str) -> WayOut:
    """Into a network that is not read: a transit gateway, a firewall, an instance."""
    return WayOut("unknown", unknown=f"whether {target} leads out is not known")


_KINDS: Final[Mapping[tuple[int, str], Callable[[NetworkFacts, Place, str], WayOut]]] = {
    (4, ""): _no_route,
    (6, ""): _no_route,
    (4, "igw"): _internet,
    (6, "igw"): _internet_v6,
    (4, "eigw"): _no_route,
    (6, "eigw"): _internet_v6,
    (4, "nat"): _nat,
}
