"""What ends that a group of the control plane serves another cluster, too.

Sources: EKS API reference, UpdateClusterConfig (``securityGroupIds`` replaces the additional
groups; the cluster group stays); EKS user guide, "View Amazon EKS security group requirements for
clusters".
"""

from collections.abc import Sequence
from dataclasses import replace
from shlex import quote
from typing import Final

from migrator.decide.reach.security_groups.commands import (
    copy_rules,
    create_group,
    joined,
    use_groups,
)
from migrator.decide.reach.security_groups.flow_rows import flow_rows
from migrator.decide.reach.security_groups.sides import ClusterNetwork
from migrator.model.diagnosis import RequiredRule
from migrator.model.security_groups import SecurityGroup, SecurityRule

# The id of a group that does not exist yet: no group of EC2 has this one.
_NEW: Final = "sg-"


def own_groups_instead(
    network: ClusterNetwork,
    flows: Sequence[RequiredRule],
    row: RequiredRule,
    shared: Sequence[str],
) -> RequiredRule:
    """The row with its remedy. An additional group is replaced by a new one with the same incoming
    rules. The cluster group cannot be replaced: it is an additional one of the other cluster, where
    it can. ``shared``: the groups that another cluster has; ``flows``: the rows of traffic.
    """
    additional = [group for group in network.control_groups if group != network.cluster_group]
    replaced = [group for group in additional if group in shared]
    if network.cluster_group in shared:
        row = replace(row, steps=_at_the_other(network))
    # Without a cluster group nothing would be left of the old groups while rules are changed.
    if not replaced or not network.cluster_group:
        return row
    if not network.facts.groups.keys() >= {*replaced}:
        return row
    copied = [rule for group in replaced for rule in _incoming(network.facts.groups[group])]
    kept = [group for group in additional if group not in shared]
    commands = _rules_before(network, flows, replaced, copied)
    commands.append(create_group(network.region, network.vpc, network.name))
    if copied:
        commands.append(copy_rules(network.region, copied))
    commands.append(use_groups(network.region, network.name, kept))
    return replace(row, command=joined(commands))


def _incoming(group: SecurityGroup) -> list[SecurityRule]:
    """The rules of a group for what comes in, without those of a kind that is not understood."""
    rules = [rule for rule in group.rules if rule.direction == "ingress"]
    return [rule for rule in rules if rule.cidr or rule.peer_group or rule.prefix_list]


def _at_the_other(network: ClusterNetwork) -> str:
    """Where the cluster group is an additional one."""
    own = set(network.own_interfaces())
    names = {
        one.description.removeprefix("Amazon EKS ")
        for one in network.facts.control_plane
        if one not in own and network.cluster_group in one.groups
    }
    commands = ", ".join(
        f"`migrate doctor {quote(name)} --region {quote(network.region)}`" for name in sorted(names)
    )
    return (
        f"{network.cluster_group} is the cluster group, and stays. It is an additional group"
        f" of the other cluster: {commands} has the commands that replace it there."
    )


def _rules_before(
    network: ClusterNetwork,
    flows: Sequence[RequiredRule],
    replaced: Sequence[str],
    copied: Sequence[SecurityRule],
) -> list[str]:
    """Commands for what passes only while the control plane has the groups that are replaced:
    rules of nodes that name them. They come before the change. What is missing already is in the
    rows of traffic.
    """
    known = {row.name: row.command for row in flows}
    after = flow_rows(_with_new_group(network, replaced, copied), None)
    return [
        command
        for row in after
        for command in row.command.split(" && ")
        if command and command not in known.get(row.name, "")
    ]


def _with_new_group(
    network: ClusterNetwork, replaced: Sequence[str], copied: Sequence[SecurityRule]
) -> ClusterNetwork:
    """The network as it will be."""
    out = SecurityRule(_NEW, "egress", "-1", cidr="0.0.0.0/0")
    rules = (out, *(replace(rule, owner=_NEW) for rule in copied))
    own = set(network.own_interfaces())
    plane = tuple(
        replace(one, groups=_exchanged(one.groups, replaced)) if one in own else one
        for one in network.facts.control_plane
    )
    new = SecurityGroup(_NEW, f"{network.name}-control-plane", network.vpc, rules)
    groups = {**network.facts.groups, _NEW: new}
    return replace(
        network,
        control_groups=_exchanged(network.control_groups, replaced),
        facts=replace(network.facts, control_plane=plane, groups=groups),
    )


def _exchanged(groups: Sequence[str], replaced: Sequence[str]) -> tuple[str, ...]:
    """Groups with the new one for those that are replaced."""
    return (*(group for group in groups if group not in replaced), _NEW)
