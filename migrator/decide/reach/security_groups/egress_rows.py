"""Whether nodes get to the AWS services that they need: out of their groups, and by a route or a
VPC endpoint.

Sources: EKS user guide, "Deploy private clusters with limited internet access" (endpoints for ECR,
S3, STS, EKS); VPC user guide, "Gateway endpoints" and "Example routing options".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final, NamedTuple

from migrator.decide.reach.security_groups.commands import authorize, create_endpoint, joined
from migrator.decide.reach.security_groups.evaluate import relevant_rules
from migrator.decide.reach.security_groups.flow_rows import HTTPS
from migrator.decide.reach.security_groups.sides import ClusterNetwork, Member
from migrator.decide.reach.security_groups.traffic import Truth, worst
from migrator.model.diagnosis import RequiredRule
from migrator.model.security_groups import ENDPOINTS, NODES, ROUTES, RouteTable, VpcEndpoint

# Last parts of the names of VPC endpoint services, by what they are for.
SERVICES: Final = {
    "EKS": ("eks",),
    "STS": ("sts",),
    "ECR": ("ecr.api", "ecr.dkr"),
    "S3": ("s3",),
}
_EVERYWHERE: Final = {4: "0.0.0.0/0", 6: "::/0"}
_WANTED: Final = "TCP 443 to EKS, STS, ECR and S3"


class _Place(NamedTuple):
    """Where nodes are, as far as their way out differs."""

    subnet: str
    groups: tuple[str, ...]


def egress_row(network: ClusterNetwork) -> RequiredRule:
    """One row for all services."""
    row = RequiredRule(
        name="egress",
        state="ok",
        rule="nodes -> AWS services",
        minimum=_WANTED,
        recommended=_WANTED,
    )
    unread = network.facts.lacks(NODES, ROUTES, ENDPOINTS)
    if unread:
        return replace(row, state="unknown", missing=f"not known without {unread}")
    if not network.facts.nodes:
        found = f"no instance has the tag kubernetes.io/cluster/{network.name}"
        return replace(row, found=found)
    states = {name: _reach(network, name) for name in SERVICES}
    row = replace(row, found=_with_state(states, "yes"))
    blocked, doubtful = _with_state(states, "no"), _with_state(states, "unknown")
    if blocked:
        missing = f"no way to {blocked} from every node"
        return replace(
            row,
            state="warn",
            missing=missing,
            command=_command(network, states),
        )
    if doubtful:
        return replace(row, state="unknown", missing=f"not known: the way to {doubtful}")
    return row


def _with_state(states: Mapping[str, Truth], wanted: Truth) -> str:
    """Services with one of the three answers, in one text."""
    return ", ".join(name for name, state in states.items() if state == wanted)


def _reach(network: ClusterNetwork, service: str) -> Truth:
    """Whether every node gets to a service."""
    return worst(
        _by_one_way(network, place, part)
        for place in _places(network)
        for part in SERVICES[service]
    )


def _places(network: ClusterNetwork) -> Iterable[_Place]:
    """The subnets and groups that nodes have, each pair once."""
    return dict.fromkeys(_Place(one.subnet, one.groups) for one in network.facts.nodes)


def _by_one_way(network: ClusterNetwork, place: _Place, part: str) -> Truth:
    """By an endpoint of the VPC where there is one, else by the route to every address."""
    endpoints = [one for one in network.facts.endpoints if one.service == part]
    for endpoint in endpoints:
        if endpoint.kind == "Interface":
            return _to_interface(network, place, endpoint)
    table = _table_of(place.subnet, network.facts.route_tables)
    if table is None:
        return "unknown"
    if not {one.id for one in endpoints}.isdisjoint(table.gateway_endpoints):
        return _allows_some(network, place)
    if not table.targets:
        return "no"
    return _to_everywhere(network, place)


def _to_everywhere(network: ClusterNetwork, place: _Place) -> Truth:
    """Whether the groups of a place let TCP 443 out to every address."""
    everywhere = Member(None, _EVERYWHERE[network.family])
    return network.flow([Member(place.groups, "")], [everywhere], HTTPS).state


def _to_interface(network: ClusterNetwork, place: _Place, endpoint: VpcEndpoint) -> Truth:
    """To the interfaces of an endpoint, which have groups of their own and addresses of the VPC's
    subnets.
    """
    blocks = [network.address(one.cidrs) for one in network.facts.subnets]
    ends = [Member(endpoint.groups, block) for block in blocks or [""]]
    nodes = [one for one in network.nodes() if one.groups == place.groups]
    return network.flow(nodes, ends, HTTPS).state


def _allows_some(network: ClusterNetwork, place: _Place) -> Truth:
    """Whether a group lets TCP 443 out to a gateway endpoint: by its prefix list, or to every
    address (VPC user guide, "Gateway endpoints").
    """
    relevant = relevant_rules("egress", place.groups, HTTPS, network.facts.groups)
    for rule, _ in relevant.rules:
        if rule.prefix_list:
            return "yes"
    return _to_everywhere(network, place)


def _table_of(subnet: str, tables: Sequence[RouteTable]) -> RouteTable | None:
    """The route table of a subnet: its own, else the main one of the VPC."""
    own = (table for table in tables if subnet in table.subnets)
    main = (table for table in tables if table.main)
    return next(chain(own, main), None)


def _command(network: ClusterNetwork, states: Mapping[str, Truth]) -> str:
    """A rule where the groups let nothing out, else endpoints for what is out of reach."""
    everywhere = _EVERYWHERE[network.family]
    rules = [
        authorize("egress", network.region, network.prefer(place.groups), HTTPS, everywhere)
        for place in _places(network)
        if _to_everywhere(network, place) == "no"
    ]
    if rules:
        return joined(rules)
    nodes = network.facts.nodes
    subnets = sorted({one.subnet for one in nodes})
    parts = [part for name in SERVICES if states[name] == "no" for part in SERVICES[name]]
    return joined(
        [
            create_endpoint(network.region, nodes[0].vpc, part, subnets, network.cluster_group)
            for part in parts
        ]
    )
