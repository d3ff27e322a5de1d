"""Who talks to whom: interfaces of the control plane, of nodes and of this host, and whether the
traffic between two sides passes in both directions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrator.decide.reach.security_groups.evaluate import passes, relevant_rules
from migrator.decide.reach.security_groups.traffic import (
    Answer,
    Peer,
    Traffic,
    Truth,
    worst,
)
from migrator.model.security_groups import (
    INTERFACES,
    Direction,
    Interface,
    NetworkFacts,
    SecurityRule,
)

Raw = Mapping[str, Any]


class Member(NamedTuple):
    """One end of connections. ``groups`` None: an address without an interface of this VPC, so
    that its own rules are not judged. ``network``: its address or block, empty for not known.
    ``stranger``: an interface of another network, which may be in groups that are not known.
    """

    groups: tuple[str, ...] | None
    network: str
    stranger: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Traffic that no rule lets pass: a rule of one of ``groups`` for ``peer`` is missing."""

    direction: Direction
    groups: tuple[str, ...]
    peer: Member


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """Whether traffic passes from all sources to all destinations, by which rules, what is missing
    and what is not known.
    """

    state: Truth
    rules: tuple[SecurityRule, ...] = ()
    gaps: tuple[Gap, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class ClusterNetwork:
    """A cluster as its security groups are judged: DescribeCluster, and what EC2 said.
    ``private``: whether the private endpoint is on.
    """

    name: str
    region: str
    family: int
    cluster_group: str
    control_groups: tuple[str, ...]
    subnets: tuple[str, ...]
    vpc: str
    private: bool
    facts: NetworkFacts

    def own_interfaces(self) -> tuple[Interface, ...]:
        """Interfaces that EKS made for this cluster (EKS user guide, "Amazon EKS networking
        requirements": description ``Amazon EKS NAME``).
        """
        wanted = f"Amazon EKS {self.name}"
        return tuple(one for one in self.facts.control_plane if one.description == wanted)

    def control_plane(self) -> tuple[Member, ...]:
        """The control plane's ends; without its interfaces, the cluster's subnets with the groups
        that DescribeCluster names.
        """
        found = self.own_interfaces()
        if found:
            return self.members(found)
        blocks = [self.address(one.cidrs) for one in self.facts.subnets if one.id in self.subnets]
        return tuple(Member(self.control_groups, block) for block in blocks or [""])

    def nodes(self) -> tuple[Member, ...]:
        """The nodes' ends, as many as differ."""
        return self.members(self.facts.nodes)

    def members(self, interfaces: Iterable[Interface]) -> tuple[Member, ...]:
        """Interfaces as ends of connections, by their address of the cluster's family."""
        found = [Member(one.groups, self.address(one.addresses)) for one in interfaces]
        return tuple(dict.fromkeys(found))

    def address(self, texts: Sequence[str]) -> str:
        """The first address or block of the cluster's family; where there is none, the first of
        the other one, or nothing.
        """
        mark = ":" if self.family == 6 else "."
        return next(iter((*(text for text in texts if mark in text), *texts)), "")

    def prefer(self, groups: Sequence[str]) -> str:
        """The group of an interface that gets a rule or is named by one: the cluster group, else
        one that carries the cluster's tag, else one that is no default group.
        """
        return min(groups, key=self.rank, default="")

    def rank(self, group: str) -> int:
        """How well a group suits a new rule: the lower, the better."""
        known = self.facts.groups.get(group)
        if group == self.cluster_group:
            return 0
        if known is None:
            return 2
        if f"kubernetes.io/cluster/{self.name}" in known.tags:
            return 1
        return 3 if known.is_default else 2

    def flow(
        self,
        sources: Sequence[Member],
        destinations: Sequence[Member],
        traffic: Traffic,
    ) -> FlowAnswer:
        """Whether the traffic passes from each source to each destination: out of the source's
        groups and into the destination's. Answers come back without a rule (VPC user guide,
        "Security groups": they are stateful).
        """
        judged = [
            *self._one_way("egress", sources, destinations, traffic),
            *self._one_way("ingress", destinations, sources, traffic),
        ]
        rules = [rule for _, answer in judged if answer.state == "yes" for rule in answer.rules]
        gaps = {self._same(gap): gap for gap, answer in judged if answer.state == "no"}
        whys = [answer.why for _, answer in judged if answer.state == "unknown"]
        return FlowAnswer(
            state=worst(answer.state for _, answer in judged),
            rules=tuple(dict.fromkeys(rules)),
            gaps=tuple(gaps.values()),
            why="; ".join(dict.fromkeys(whys)),
        )

    def _one_way(
        self,
        direction: Direction,
        owners: Sequence[Member],
        peers: Sequence[Member],
        traffic: Traffic,
    ) -> Iterable[tuple[Gap, Answer]]:
        """The answer of the owners' groups for each peer, with the gap that a ``no`` is."""
        for groups in dict.fromkeys(one.groups for one in owners):
            if groups is None:
                continue
            relevant = relevant_rules(direction, groups, traffic, self.facts.groups)
            for peer in peers:
                answer = passes(relevant, self._as_peer(peer), self.facts.prefix_lists)
                yield Gap(direction, groups, peer), answer

    def _same(self, gap: Gap) -> tuple[Direction, tuple[str, ...], str]:
        """What gaps have in common that one rule closes."""
        return gap.direction, gap.groups, self.peer_name(gap.peer)

    def peer_name(self, peer: Member) -> str:
        """How a new rule names a peer: by its group, else by its block; empty where neither is
        known.
        """
        if peer.groups:
            return self.prefer(peer.groups)
        if "/" in peer.network:
            return peer.network
        if ":" in peer.network:
            return f"{peer.network}/128"
        return f"{peer.network}/32" if peer.network else ""

    def _as_peer(self, member: Member) -> Peer:
        """An end as rules see it. A rule that names a group admits interfaces of that group only,
        and a group may be one of a peered VPC (VPC peering guide, "Update your security groups to
        reference peer security groups"): an address without an interface here is not in this
        VPC's groups.
        """
        if not member.stranger:
            return Peer(member.network, frozenset(member.groups or ()))
        return Peer(member.network, None, self._own_groups())

    def _own_groups(self) -> frozenset[str]:
        """Groups that are known to be of this VPC; none where its interfaces were not read, because
        the address could be one of theirs.
        """
        if self.facts.lacks(INTERFACES):
            return frozenset()
        return frozenset(one.id for one in self.facts.groups.values() if one.vpc == self.vpc)


def cluster_network(cluster: Raw, region: str, facts: NetworkFacts) -> ClusterNetwork:
    """The network of a cluster, from DescribeCluster ``.cluster`` and what EC2 said."""
    vpc: Raw = cluster.get("resourcesVpcConfig") or {}
    kubernetes: Raw = cluster.get("kubernetesNetworkConfig") or {}
    own = vpc.get("clusterSecurityGroupId") or ""
    named = [own, *vpc.get("securityGroupIds", ())]
    return ClusterNetwork(
        name=str(cluster.get("name")),
        region=region,
        family={"ipv6": 6}.get(str(kubernetes.get("ipFamily")), 4),
        cluster_group=own,
        control_groups=tuple(filter(None, dict.fromkeys(named))),
        subnets=tuple(vpc.get("subnetIds", ())),
        vpc=str(vpc.get("vpcId")),
        private=vpc.get("endpointPrivateAccess") is not False,
        facts=facts,
    )
