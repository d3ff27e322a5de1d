"""Whether nodes get to the AWS services that they need: out of their groups, and by a route or a
VPC endpoint.

Sources: EKS user guide, "Deploy private clusters with limited internet access" (endpoints for ECR,
S3, STS, EKS); VPC user guide, "Gateway endpoints" and "Example routing options"; AWS PrivateLink
guide, "Interface endpoints" (the usual name of a service leads to an endpoint with private DNS
alone; its groups must let HTTPS in).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from migrator.decide.reach.security_groups.commands import (
    add_tables,
    authorize,
    create_endpoint,
    create_gateway,
    joined,
    use_private_names,
)
from migrator.decide.reach.security_groups.flow_rows import gap_commands
from migrator.decide.reach.security_groups.sides import ClusterNetwork, FlowAnswer, Member
from migrator.decide.reach.security_groups.traffic import HTTPS, Truth, worst
from migrator.decide.reach.security_groups.ways_out import (
    EVERYWHERE,
    Place,
    WayOut,
    places,
    primary_interfaces,
    table_of,
    way_out,
    way_to_list,
)
from migrator.model.diagnosis import RequiredRule
from migrator.model.security_groups import ENDPOINTS, NAT_GATEWAYS, NODES, ROUTES, VpcEndpoint

EGRESS: Final = "egress"
# Last parts of the names of VPC endpoint services, by what they are for.
SERVICES: Final = {
    "EKS": ("eks",),
    "STS": ("sts",),
    "ECR": ("ecr.api", "ecr.dkr"),
    "S3": ("s3",),
}
_WANTED: Final = "TCP 443 to EKS, STS, ECR and S3"


class _Way(NamedTuple):
    """Whether all nodes get to a service; what is not known of it; the commands that make a way."""

    state: Truth
    unknown: str = ""
    commands: Sequence[str] = ()


def egress_row(network: ClusterNetwork) -> RequiredRule:
    """One row for all services."""
    row = RequiredRule(
        name=EGRESS,
        state="ok",
        rule="nodes -> AWS services",
        minimum=_WANTED,
        recommended=_WANTED,
    )
    unread = network.facts.lacks(NODES, ROUTES, NAT_GATEWAYS, ENDPOINTS)
    if unread:
        return replace(row, state="unknown", missing=f"not known without {unread}")
    if not network.facts.nodes:
        found = f"no instance has the tag kubernetes.io/cluster/{network.name}"
        return replace(row, found=found)
    ways = {part: _reach(network, part) for parts in SERVICES.values() for part in parts}
    states = {name: worst(ways[part].state for part in SERVICES[name]) for name in SERVICES}
    row = replace(row, found=_with_state(states, "yes"))
    blocked, doubtful = _with_state(states, "no"), _with_state(states, "unknown")
    if blocked:
        missing = f"no way to {blocked} from every node"
        commands = [command for way in ways.values() for command in way.commands]
        return replace(row, state="warn", missing=missing, command=joined(commands))
    if doubtful:
        whys = "; ".join(dict.fromkeys(filter(None, (way.unknown for way in ways.values()))))
        return replace(row, state="unknown", missing=f"not known: the way to {doubtful} ({whys})")
    return row


def _with_state(states: Mapping[str, Truth], wanted: Truth) -> str:
    """Services with one of the three answers, in one text."""
    return ", ".join(name for name, state in states.items() if state == wanted)


def _reach(network: ClusterNetwork, part: str) -> _Way:
    """Whether every node gets to a service: by the endpoint that its name leads to, else by a
    gateway endpoint or the route to every address.
    """
    for endpoint in network.facts.endpoints:
        named = endpoint.service == part and endpoint.private_names
        if named and endpoint.kind == "Interface":
            answer = _to_interface(network, endpoint)
            return _Way(answer.state, answer.why, gap_commands(network, HTTPS, answer))
    ways = {place: _by_route(network, place, part) for place in places(network.facts)}
    state = worst(way.state for way in ways.values())
    unknown = "; ".join(dict.fromkeys(filter(None, (way.unknown for way in ways.values()))))
    if state != "no":
        return _Way(state, unknown)
    return _Way(state, unknown, _commands(network, part, ways))


def _to_interface(network: ClusterNetwork, endpoint: VpcEndpoint) -> FlowAnswer:
    """To the interfaces of an endpoint, which have groups of their own and IPv4 addresses of its
    subnets, whatever the cluster's family is.
    """
    version_4 = replace(network, family=4)
    own = [one for one in network.facts.subnets if one.id in endpoint.subnets]
    blocks = [version_4.address(one.cidrs) for one in own or network.facts.subnets]
    ends = [Member(endpoint.groups, block) for block in blocks or [""]]
    return version_4.flow(version_4.members(primary_interfaces(network.facts)), ends, HTTPS)


def _by_route(network: ClusterNetwork, place: Place, part: str) -> WayOut:
    """By a gateway endpoint of the subnet's table where there is one, else to every address."""
    table = table_of(place.subnet, network.facts.route_tables)
    for endpoint in network.facts.endpoints:
        if table and endpoint.service == part and endpoint.id in table.gateway_endpoints:
            return way_to_list(network, place, table.prefix_lists.get(endpoint.id, ""))
    found = way_out(network, place, 4)
    if network.family == 4 or found.state == "yes" or way_out(network, place, 6).state == "no":
        return found
    # Most names of AWS services have IPv4 addresses alone.
    return WayOut("unknown", unknown="by IPv6 alone, which not every service has")


def _commands(network: ClusterNetwork, part: str, ways: Mapping[Place, WayOut]) -> Sequence[str]:
    """A rule where groups let nothing out, else an endpoint for what no route leads to. An endpoint
    gets the traffic of every node: so what its groups lack comes first.
    """
    lost = [place for place, way in ways.items() if way.route == "no"]
    rules = [
        authorize("egress", network.region, network.prefer(place.groups), HTTPS, EVERYWHERE[4])
        for place, way in ways.items()
        if way.rules == "no"
    ]
    if not lost:
        return rules
    if part == "s3":
        return [*rules, _gateway_command(network, lost)]
    endpoint, command = _endpoint_for(network, part)
    return [*gap_commands(network, HTTPS, _to_interface(network, endpoint)), command]


def _gateway_command(network: ClusterNetwork, lost: Sequence[Place]) -> str:
    """The command that routes the tables of places to a gateway endpoint for S3: one of the VPC
    that is there, else a new one.
    """
    found = [table_of(place.subnet, network.facts.route_tables) for place in lost]
    tables = sorted({table.id for table in found if table is not None})
    for endpoint in network.facts.endpoints:
        if (endpoint.service, endpoint.kind) == ("s3", "Gateway"):
            return add_tables(network.region, endpoint.id, tables)
    return create_gateway(network.region, network.facts.nodes[0].vpc, "s3", tables)


def _endpoint_for(network: ClusterNetwork, part: str) -> tuple[VpcEndpoint, str]:
    """An endpoint to which the service's name is to lead, and the command that makes it so: one
    that is there without private DNS, else a new one in a subnet of each zone with nodes (EC2 takes
    one of a zone).
    """
    for endpoint in network.facts.endpoints:
        if (endpoint.service, endpoint.kind) == (part, "Interface"):
            return endpoint, use_private_names(network.region, endpoint.id)
    nodes = network.facts.nodes
    zones = {one.id: one.zone or one.id for one in network.facts.subnets}
    by_zone = {zones.get(one.subnet, one.subnet): one.subnet for one in nodes}
    subnets = tuple(sorted(by_zone.values()))
    group = network.cluster_group or network.prefer(nodes[0].groups)
    new = VpcEndpoint("", nodes[0].vpc, part, "Interface", (group,), subnets=subnets)
    return new, create_endpoint(network.region, new.vpc, part, subnets, group)
