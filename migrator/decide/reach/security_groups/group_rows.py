"""Which groups the control plane and the nodes have.

Sources: EKS user guide, "View Amazon EKS security group requirements for clusters" (EKS puts the
cluster group on its own interfaces and on those of managed node groups); VPC user guide, "Default
security groups"; AWS Load Balancer Controller, "Subnet and security group discovery" and
kubernetes/cloud-provider-aws (a node has exactly one group with the tag
``kubernetes.io/cluster/NAME``).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from migrator.decide.reach.security_groups.commands import (
    joined,
    set_groups,
    tag_owned,
    untag,
)
from migrator.decide.reach.security_groups.owned_tags import tag_choice
from migrator.decide.reach.security_groups.shared_groups import own_groups_instead
from migrator.decide.reach.security_groups.sides import ClusterNetwork
from migrator.model.diagnosis import RequiredRule
from migrator.model.long_lists import some_of
from migrator.model.security_groups import GROUPS, INTERFACES, NODES, Interface

_SHOWN = 10


def group_rows(network: ClusterNetwork, flows: Sequence[RequiredRule]) -> list[RequiredRule]:
    """The rows about groups themselves. ``flows``: what was said of the traffic."""
    return [
        _cluster_group_on_nodes(network, flows),
        _owned_tag(network),
        _own_control_plane_groups(network, flows),
        _no_default_group(network),
    ]


def _unknown(row: RequiredRule, unread: str) -> RequiredRule:
    """A row that cannot be judged without what was not read."""
    return replace(row, state="unknown", missing=f"not known without {unread}")


def _cluster_group_on_nodes(network: ClusterNetwork, flows: Sequence[RequiredRule]) -> RequiredRule:
    """Nodes with groups of their own are as good where what they need passes; a second group with
    the cluster's tag would be a fault (:func:`_owned_tag`), so that no command adds it.
    """
    nodes = network.facts.nodes
    wanted = f"{network.cluster_group} on every node"
    row = RequiredRule(
        name="cluster-group-on-nodes",
        state="ok",
        rule="cluster group on nodes",
        recommended=wanted,
    )
    unread = network.facts.lacks(NODES)
    if unread:
        return _unknown(row, unread)
    if not network.cluster_group:
        return replace(row, found="the cluster has no cluster security group")
    without = [
        f"{one.id} of {one.instance}" for one in nodes if network.cluster_group not in one.groups
    ]
    row = replace(row, found=f"on {len(nodes) - len(without)} of {len(nodes)} interfaces")
    if not without:
        return row
    if "fail" not in {each.state for each in flows}:
        found = f"{row.found}; the others have groups that pass what is needed"
        return replace(row, found=found)
    missing = f"on {some_of(without, _SHOWN)}: their own groups lack what the rows above say"
    return replace(row, state="warn", missing=missing)


def _owned_tag(network: ClusterNetwork) -> RequiredRule:
    """Exactly one group of a node has the cluster's tag."""
    tag = f"kubernetes.io/cluster/{network.name}"
    wanted = f"{tag} = owned on exactly one group of a node"
    row = RequiredRule(
        name="owned-tag",
        state="ok",
        rule="tag of the nodes' groups",
        minimum=wanted,
        recommended=wanted,
    )
    sets = list(dict.fromkeys(one.groups for one in network.facts.nodes))
    unread = network.facts.lacks(NODES, GROUPS) or _strangers(network, sets)
    if unread:
        return _unknown(row, unread)
    lacks: list[str] = []
    for groups in sets:
        carrying = [group for group in groups if tag in network.facts.groups[group].tags]
        if not _is_owned(network, carrying, tag):
            lacks.append(f"no group of {', '.join(groups)} has it")
        if len(carrying) > 1:
            lacks.append(f"{', '.join(carrying)} have it on one node")
    found = f"on a group of each of {len(network.facts.nodes)} interfaces"
    if not lacks:
        return replace(row, found=found)
    row = replace(row, state="warn", missing="; ".join(lacks))
    chosen = tag_choice(sets, network.cluster_group, network.rank)
    if chosen is None:
        steps = (
            "No choice of tags fits these nodes: change their groups, in the launch template, so"
            " that each node has one of them that no other tagged group is beside."
        )
        return replace(row, steps=steps)
    row = replace(row, command=joined(_tag_commands(network, sets, chosen, tag)))
    if any(network.cluster_group in groups for groups in sets) > (network.cluster_group in chosen):
        # It is on nodes, and no choice with it fits.
        steps = (
            f"EKS tags {network.cluster_group} again when the cluster is updated: give every node"
            " that group or none, in the launch template."
        )
        return replace(row, steps=steps)
    return row


def _tag_commands(
    network: ClusterNetwork,
    sets: Sequence[Sequence[str]],
    chosen: Collection[str],
    tag: str,
) -> list[str]:
    """Commands after which the chosen groups have the tag, and no other group of a node."""
    used = dict.fromkeys(group for groups in sets for group in groups)
    tags = {group: network.facts.groups[group].tags.get(tag) for group in used}
    commands = [
        tag_owned(network.region, group, network.name)
        for group in used
        if group in chosen and tags[group] != "owned"
    ]
    others = [group for group in used if group not in chosen and tags[group] is not None]
    if others:
        commands.append(untag(network.region, others, network.name))
    return commands


def _is_owned(network: ClusterNetwork, carrying: Sequence[str], tag: str) -> bool:
    """Whether one of the groups with the tag says ``owned``: ``shared`` is for subnets."""
    return "owned" in [network.facts.groups[group].tags[tag] for group in carrying]


def _strangers(network: ClusterNetwork, sets: Iterable[Sequence[str]]) -> str:
    """Groups of interfaces that EC2 did not show."""
    found = {group for groups in sets for group in groups} - network.facts.groups.keys()
    return ", ".join(sorted(found))


def _own_control_plane_groups(
    network: ClusterNetwork, flows: Sequence[RequiredRule]
) -> RequiredRule:
    """Groups of the control plane that other clusters use: a rule for one opens the other."""
    mine = {*network.control_groups, *_groups_of(network.own_interfaces())}
    row = RequiredRule(
        "control-plane-groups",
        "ok",
        "groups of the control plane",
        recommended="used by no other cluster",
        found=", ".join(sorted(mine)),
    )
    unread = network.facts.lacks(INTERFACES)
    if unread:
        return _unknown(row, unread)
    others = set(network.facts.control_plane) - set(network.own_interfaces())
    shared = [one for one in others if not mine.isdisjoint(one.groups)]
    if not shared:
        return row
    clusters = sorted({one.description.removeprefix("Amazon EKS ") for one in shared})
    groups = sorted(mine.intersection(_groups_of(shared)))
    missing = f"a group of its cluster: {', '.join(groups)} also serves {', '.join(clusters)}"
    return own_groups_instead(network, flows, replace(row, state="warn", missing=missing), groups)


def _no_default_group(network: ClusterNetwork) -> RequiredRule:
    """The default group of a VPC is on every interface that names none: its rules open the cluster
    to all of them.
    """
    facts = network.facts
    row = RequiredRule(
        name="default-group",
        state="ok",
        rule="default group of the VPC",
        recommended="not in use",
    )
    used = {*network.control_groups, *_groups_of((*facts.nodes, *network.own_interfaces()))}
    unread = facts.lacks(NODES, INTERFACES, GROUPS) or _strangers(network, [sorted(used)])
    if unread:
        return _unknown(row, unread)
    defaults = sorted(group for group in used if facts.groups[group].is_default)
    if not defaults:
        return replace(row, found="not in use")
    return replace(
        row,
        state="warn",
        found=f"{', '.join(defaults)} is in use",
        missing=f"groups without {', '.join(defaults)}",
        command=joined(_without(network, defaults)),
    )


def _without(network: ClusterNetwork, defaults: Sequence[str]) -> list[str]:
    """Commands that take groups from nodes which have others, a few of them."""
    commands = []
    for one in network.facts.nodes:
        kept = [group for group in one.groups if group not in defaults]
        if kept and len(kept) < len(one.groups):
            commands.append(set_groups(network.region, one.id, kept))
    return commands[:_SHOWN]


def _groups_of(interfaces: Iterable[Interface]) -> list[str]:
    """Groups of interfaces, as often as they are there."""
    return [group for one in interfaces for group in one.groups]
