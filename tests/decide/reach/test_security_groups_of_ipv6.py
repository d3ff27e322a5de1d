"""A cluster of the IPv6 family as a whole: every row is judged by addresses of that family."""

from typing import Any

import pytest

from migrator.decide.reach.security_groups.security_checks import required_rules
from migrator.model.diagnosis import RequiredRule
from migrator.model.security_groups import (
    Direction,
    Interface,
    NetworkFacts,
    RouteTable,
    SecurityGroup,
    SecurityRule,
    Subnet,
)

BLOCK = "2001:db8:0:1::/64"
HOST = "fd00:0:0:9::7"
CLUSTER: dict[str, Any] = {
    "name": "prod",
    "kubernetesNetworkConfig": {"ipFamily": "ipv6"},
    "resourcesVpcConfig": {
        "clusterSecurityGroupId": "sg-c",
        "securityGroupIds": [],
        "subnetIds": ["s-1"],
        "vpcId": "vpc-1",
        "endpointPrivateAccess": True,
    },
}
FLOWS = ("nodes-to-control-plane", "control-plane-to-nodes", "node-to-node", "dns")


def group(name: str, *blocks: str, tag: str = "") -> SecurityGroup:
    sides: tuple[Direction, ...] = ("ingress", "egress")
    rules = tuple(SecurityRule(name, side, "-1", cidr=each) for side in sides for each in blocks)
    tags = {"kubernetes.io/cluster/prod": tag} if tag else {}
    return SecurityGroup(name, name, "vpc-1", rules, tags)


def judged(*blocks: str, addresses: tuple[str, ...] = ()) -> dict[str, RequiredRule]:
    """The rows of a cluster whose groups admit these blocks, from a host outside of the VPC."""
    node = (*addresses, "2001:db8:0:1::10")
    plane = (*addresses, "2001:db8:0:1::4")
    facts = NetworkFacts(
        groups={
            "sg-c": group("sg-c", *blocks),
            "sg-n": group("sg-n", *blocks, tag="owned"),
        },
        control_plane=(Interface("e-1", "vpc-1", "s-1", plane, ("sg-c",), "Amazon EKS prod"),),
        nodes=(Interface("e-2", "vpc-1", "s-1", node, ("sg-n",), instance="i-1"),),
        subnets=(Subnet("s-1", "vpc-1", (BLOCK,)),),
        host_address=HOST,
        route_tables=(RouteTable("rt-1", "vpc-1", main=True, targets_v6=("eigw-1",)),),
    )
    return {row.name: row for row in required_rules(CLUSTER, "eu-central-1", facts)}


def test_nodes_of_an_ipv6_only_subnet_pass_by_ipv6_rules() -> None:
    rows = judged(BLOCK, "fd00::/8")
    assert {name: rows[name].state for name in FLOWS} == dict.fromkeys(FLOWS, "ok")
    assert rows["host-to-endpoint"].state == "ok"


@pytest.mark.parametrize("addresses", [(), ("10.0.1.10",)])
def test_rules_of_ipv4_admit_nobody_of_an_ipv6_cluster(addresses: tuple[str, ...]) -> None:
    rows = judged("0.0.0.0/0", addresses=addresses)
    for name in ("nodes-to-control-plane", "control-plane-to-nodes", "dns"):
        assert rows[name].state == "fail", rows[name]
    assert rows["node-to-node"].state == "warn"


def test_rule_that_a_host_lacks_is_one_of_its_family() -> None:
    row = judged(BLOCK)["host-to-endpoint"]
    assert (row.state, f"from {HOST}/128" in row.missing) == ("fail", True)
    assert f"Ipv6Ranges=[{{CidrIpv6={HOST}/128}}]" in row.command
