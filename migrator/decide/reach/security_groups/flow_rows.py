"""What must pass between this host, the control plane and the nodes.

Sources: EKS user guide, "View Amazon EKS security group requirements for clusters" (default rules;
"Restricting cluster traffic": TCP 443, TCP 10250, DNS on 53 over TCP and UDP). Clusters with
groups of their own for the control plane and the nodes: "Amazon EKS security group considerations"
(minimum 443 into the control plane and 10250 into the nodes; recommended 1025-65535 and 443 from
the control plane, and all traffic between nodes).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from migrator.decide.reach.security_groups.commands import (
    authorize,
    joined,
    use_private_endpoint,
)
from migrator.decide.reach.security_groups.sides import ClusterNetwork, FlowAnswer, Gap, Member
from migrator.decide.reach.security_groups.traffic import HTTPS, Traffic, worst
from migrator.decide.reach.security_groups.ways_out import EVERYWHERE, WayOut, places, way_out
from migrator.model.diagnosis import CheckState, RequiredRule
from migrator.model.long_lists import some_of
from migrator.model.security_groups import ALL_TRAFFIC, NAT_GATEWAYS, NODES, ROUTES

KUBELET: Final = Traffic("tcp", 10250, 10250)
DNS: Final = (Traffic("tcp", 53, 53), Traffic("udp", 53, 53))
# Where webhooks listen, and the extension API servers of the cluster.
HIGH_PORTS: Final = Traffic("tcp", 1025, 65535)
EVERYTHING: Final = Traffic(ALL_TRAFFIC)


class _Wanted(NamedTuple):
    name: str
    rule: str
    minimum: tuple[Traffic, ...]
    recommended: tuple[Traffic, ...] = ()


_TO_CONTROL_PLANE: Final = _Wanted("nodes-to-control-plane", "nodes -> control plane", (HTTPS,))
_TO_NODES: Final = _Wanted(
    "control-plane-to-nodes", "control plane -> nodes", (KUBELET,), (HTTPS, HIGH_PORTS)
)
_BETWEEN: Final = _Wanted("node-to-node", "node -> node", (), (EVERYTHING,))
_DNS: Final = _Wanted("dns", "node -> node, for DNS", DNS)
_ITSELF: Final = _Wanted(
    "cluster-group-self",
    "cluster group -> itself",
    (HTTPS, KUBELET),
    (EVERYTHING,),
)
_ENDPOINT: Final = _Wanted("host-to-endpoint", "this host -> private endpoint", (HTTPS,))


def flow_rows(network: ClusterNetwork, host: Member | None) -> list[RequiredRule]:
    """The rows of everything that must pass. ``host``: this machine, None where it does not come
    through the cluster's VPC.
    """
    plane, nodes = network.control_plane(), network.nodes()
    rows: list[RequiredRule] = []
    if host is not None:
        rows.append(_row(network, _ENDPOINT, [host], plane))
    to_plane = _row(network, _TO_CONTROL_PLANE, nodes, plane)
    if nodes and not network.private:
        to_plane = _to_public_endpoint(network, to_plane)
    rows += [
        _row(network, _ITSELF, *_group_itself(network)),
        to_plane,
        _row(network, _TO_NODES, plane, nodes),
        _row(network, _DNS, nodes, nodes),
        _row(network, _BETWEEN, nodes, nodes),
    ]
    return rows


def _to_public_endpoint(network: ClusterNetwork, by_groups: RequiredRule) -> RequiredRule:
    """Nodes without a private endpoint leave the VPC for the public one: no group of the control
    plane is asked (EKS user guide, "Cluster API server endpoint"). Where no route leads there, the
    private endpoint is the remedy, once its groups let the nodes in (``by_groups``).
    """
    row = replace(
        by_groups,
        state="ok",
        rule="nodes -> public endpoint",
        found="a way out of the VPC",
        missing="",
        command="",
    )
    unread = network.facts.lacks(ROUTES, NAT_GATEWAYS)
    if unread:
        return replace(row, state="unknown", found="", missing=f"not known without {unread}")
    families = (4, 6) if network.family == 6 else (4,)
    ways = {
        place: max((way_out(network, place, each) for each in families), key=_goodness)
        for place in places(network.facts)
    }
    state = worst(way.state for way in ways.values())
    if state == "yes":
        return row
    if state == "unknown":
        whys = "; ".join(dict.fromkeys(filter(None, (way.unknown for way in ways.values()))))
        return replace(row, state="unknown", found="", missing=f"not known: {whys}")
    lost = [place.subnet for place, way in ways.items() if way.route == "no"]
    if lost:
        missing = f"a way out of {some_of(sorted(set(lost)), 4)} to every address"
        private = use_private_endpoint(network.region, network.name)
        command = joined([*filter(None, [by_groups.command]), private])
        return replace(row, state="fail", found="", missing=missing, command=command)
    groups = [network.prefer(place.groups) for place, way in ways.items() if way.rules == "no"]
    every = EVERYWHERE[4]
    missing = f"{HTTPS.describe()} out of {some_of(sorted(set(groups)), 4)} to {every}"
    rules = [authorize("egress", network.region, group, HTTPS, every) for group in groups]
    return replace(row, state="fail", found="", missing=missing, command=joined(rules))


def _goodness(way: WayOut) -> int:
    """How well a way leads out: the higher, the better."""
    return ("no", "unknown", "yes").index(way.state)


def _group_itself(network: ClusterNetwork) -> tuple[list[Member], list[Member]]:
    """Interfaces that have the cluster group alone, where those of the control plane are."""
    group = (network.cluster_group,)
    places = dict.fromkeys(one.network for one in network.control_plane())
    ends = [Member(group, place) for place in places if network.cluster_group]
    return ends, ends


class _Judged(NamedTuple):
    traffic: Traffic
    answer: FlowAnswer


def _row(
    network: ClusterNetwork,
    wanted: _Wanted,
    sources: Sequence[Member],
    ends: Sequence[Member],
) -> RequiredRule:
    """The row of what is wanted between two sides."""
    if not (sources and ends):
        return _nothing_to_judge(network, wanted)
    minimum = [_Judged(each, network.flow(sources, ends, each)) for each in wanted.minimum]
    better = [_Judged(each, network.flow(sources, ends, each)) for each in wanted.recommended]
    return RequiredRule(
        name=wanted.name,
        state=_state(minimum, better),
        rule=wanted.rule,
        minimum=_spelled(wanted.minimum),
        recommended=_spelled(wanted.recommended or wanted.minimum),
        found=_found([*minimum, *better]),
        missing=_missing(network, [*minimum, *better]),
        command=_command(network, [*minimum, *better]),
    )


def _nothing_to_judge(network: ClusterNetwork, wanted: _Wanted) -> RequiredRule:
    """A row without nodes, or without a cluster group. What was not read is unknown."""
    row = RequiredRule(
        name=wanted.name,
        state="ok",
        rule=wanted.rule,
        minimum=_spelled(wanted.minimum),
        recommended=_spelled(wanted.recommended or wanted.minimum),
        found=f"no instance has the tag kubernetes.io/cluster/{network.name}",
    )
    if wanted is _ITSELF:
        return replace(row, found="the cluster has no cluster security group")
    unread = network.facts.lacks(NODES)
    if unread:
        return replace(row, state="unknown", found="", missing=f"not known without {unread}")
    return row


def _state(minimum: Sequence[_Judged], better: Sequence[_Judged]) -> CheckState:
    """A failure without the minimum, a warning without what is recommended."""
    needed = worst(each.answer.state for each in minimum)
    wished = worst(each.answer.state for each in better)
    if needed == "no":
        return "fail"
    if "unknown" in (needed, wished):
        return "unknown"
    if wished == "no":
        return "warn"
    return "ok"


def _spelled(wanted: Sequence[Traffic]) -> str:
    """Kinds of traffic in one text: ``TCP 443, TCP 10250``."""
    return ", ".join(each.describe() for each in wanted)


def _found(judged: Sequence[_Judged]) -> str:
    """The rules that let it pass, a few of them."""
    names = [rule.describe() for each in judged for rule in each.answer.rules]
    return _some(names)


def _missing(network: ClusterNetwork, judged: Sequence[_Judged]) -> str:
    """What no rule lets pass; where there is nothing of that kind, what is not known."""
    lacks = [
        f"{each.traffic.describe()} {_way(network, gap)}"
        for each in judged
        for gap in each.answer.gaps
    ]
    doubts = [f"not known: {each.answer.why}" for each in judged if each.answer.why]
    return _some(lacks or doubts)


def _some(texts: Sequence[str]) -> str:
    """The first of the texts, nothing twice, and how many more there are."""
    return some_of(list(dict.fromkeys(texts)), 4, between="; ", last="; ")


def _way(network: ClusterNetwork, gap: Gap) -> str:
    """``into sg-1 from sg-2``, ``out of sg-1 to 10.0.0.0/16``."""
    peer = network.peer_name(gap.peer) or "an unknown address"
    if gap.direction == "egress":
        return f"out of {network.prefer(gap.groups)} to {peer}"
    return f"into {network.prefer(gap.groups)} from {peer}"


def _command(network: ClusterNetwork, judged: Sequence[_Judged]) -> str:
    """The commands of all gaps."""
    commands = [gap_commands(network, each.traffic, each.answer) for each in judged]
    return joined([command for some in commands for command in some])


def gap_commands(network: ClusterNetwork, traffic: Traffic, answer: FlowAnswer) -> list[str]:
    """A rule for each gap whose two ends are known."""
    commands = []
    for gap in answer.gaps:
        group, peer = network.prefer(gap.groups), network.peer_name(gap.peer)
        if group and peer:
            commands.append(authorize(gap.direction, network.region, group, traffic, peer))
    return commands
