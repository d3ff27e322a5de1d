"""Everything that a cluster needs of its security groups: rows of a table, and checks."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final

from migrator.decide.reach.security_groups.egress_rows import EGRESS, egress_row
from migrator.decide.reach.security_groups.flow_rows import flow_rows
from migrator.decide.reach.security_groups.group_rows import group_rows
from migrator.decide.reach.security_groups.sides import ClusterNetwork, Member, cluster_network
from migrator.model.diagnosis import Check, CheckState, RequiredRule
from migrator.model.security_groups import NetworkFacts

Raw = Mapping[str, Any]
NAME: Final = "security-groups"
_PRIVATE: Final = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)


def required_rules(cluster: Raw, region: str, facts: NetworkFacts) -> tuple[RequiredRule, ...]:
    """All rows for a cluster (DescribeCluster ``.cluster``), in the order in which a connection
    meets them.
    """
    network = cluster_network(cluster, region, facts)
    host = _host(network, cluster)
    flows = flow_rows(network, host)
    return (*flows, *group_rows(network, flows), egress_row(network))


def _host(network: ClusterNetwork, cluster: Raw) -> Member | None:
    """The host as an end of connections, where it comes to the private endpoint: security groups
    are asked there only (EKS user guide, "Cluster API server endpoint").
    """
    vpc = cluster.get("resourcesVpcConfig") or {}
    if not vpc.get("endpointPrivateAccess"):
        return None
    for found in network.members(network.facts.host):
        return found
    if not is_private(network.facts.host_address):
        return None
    return Member(None, network.facts.host_address, stranger=True)


def is_private(address: str) -> bool:
    """Whether an address is one of a private network (RFC 1918, RFC 4193) or of the shared space
    that VPCs use, too (RFC 6598). Python's ``is_private`` also means addresses of documentation.
    """
    try:
        wanted = ip_address(address)
    except ValueError:
        return False
    return True in [wanted in block for block in _PRIVATE]


def security_checks(rows: Sequence[RequiredRule], facts: NetworkFacts) -> tuple[Check, ...]:
    """One check for each row that is not good, one for all that is not known; one for all where
    everything is good.
    """
    bad = [_check(row) for row in rows if row.state in ("fail", "warn")]
    unknown = [row for row in rows if row.state == "unknown"]
    if unknown:
        bad.append(_unknown(unknown, facts))
    if bad:
        return tuple(bad)
    said = f"Security groups have what a cluster needs ({len(rows)} rules)."
    return (Check(NAME, "ok", said),)


def _check(row: RequiredRule) -> Check:
    """The check of a row that is not good, with the command that mends it."""
    command = f"`{row.command}`" if row.command else ""
    remedy = " ".join(filter(None, (command, row.steps)))
    said = f"Security groups, {row.rule}: missing {row.missing}."
    return Check(f"{NAME}-{row.name}", row.state, said, remedy)


def _unknown(rows: Sequence[RequiredRule], facts: NetworkFacts) -> Check:
    """What is not known, and which actions would tell it."""
    names = ", ".join(row.rule for row in rows)
    if facts.unread:
        said = f"Security groups are not known for {names}. {' '.join(facts.unread.values())}"
        return Check(NAME, "unknown", said, f"Give the caller {', '.join(facts.unread)}.")
    whys = "; ".join(dict.fromkeys(row.missing for row in rows))
    said = f"Security groups are not known for {names}: {whys}."
    # Where nodes leave through a transit gateway or a firewall, no list of EC2 says how they go on.
    # A migration does not need it: the nodes that run have reached what they need.
    state: CheckState = "unknown"
    if {row.name for row in rows} == {EGRESS}:
        state = "warn"
    return Check(NAME, state, said)
