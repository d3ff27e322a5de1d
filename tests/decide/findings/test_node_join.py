"""Which nodes join a cluster whose endpoint is public, restricted, and not private."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.findings.node_join import NodeJoin, is_join_trap, node_join
from migrator.model.node_network import (
    InstancePlace,
    NatGateway,
    NodeNetwork,
    NodeRoute,
    NodeRouteTable,
    NodeSubnet,
    OwnAddress,
)
from migrator.model.snapshot import FargateProfile, Nodegroup

ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"
LISTED = "203.0.113.0/24"
COMMAND = "aws eks update-cluster-config --name prod --region eu-west-1 --resources-vpc-config"
GROUP = Nodegroup("workers", None, "ACTIVE", "", ("subnet-a",))


def cluster(cidrs: Sequence[str] = (LISTED,), **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A cluster with the trap."""
    vpc = {
        "endpointPublicAccess": True,
        "endpointPrivateAccess": False,
        "publicAccessCidrs": list(cidrs),
        "subnetIds": ["subnet-a", "subnet-b"],
    }
    return {
        "name": "prod",
        "arn": ARN,
        "resourcesVpcConfig": vpc | changes.pop("vpc", {}),
    } | changes


def network(
    target: str = "nat-1",
    addresses: Sequence[str] = ("198.51.100.4",),
    *,
    destination: str = "0.0.0.0/0",
    active: bool = True,
    ipv6: Sequence[str] = (),
) -> NodeNetwork:
    """One table for every subnet, with one way out."""
    routes = (NodeRoute("10.0.0.0/16", "local"), NodeRoute(destination, target, active))
    return NodeNetwork(
        subnets=tuple(NodeSubnet(f"subnet-{name}", "vpc-1", tuple(ipv6)) for name in "ab"),
        route_tables=(NodeRouteTable("vpc-1", True, frozenset(), routes),),
        nat_gateways=(NatGateway("nat-1", "available", True, tuple(addresses)),),
        own_addresses=(),
    )


def judged(
    found: NodeNetwork | None,
    *,
    group: Nodegroup = GROUP,
    **changes: Any,  # noqa: ANN401
) -> NodeJoin:
    answer = node_join(cluster(**changes), (group,), (), found)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    "vpc",
    [
        {"endpointPrivateAccess": True},
        {"endpointPublicAccess": False},
        {"publicAccessCidrs": ["0.0.0.0/0"]},
        {"publicAccessCidrs": []},
        {"endpointPublicAccess": None},
        {"endpointPrivateAccess": None},
    ],
)
def test_other_endpoints_are_no_trap(vpc: dict[str, Any]) -> None:
    assert not is_join_trap(cluster(vpc=vpc))
    assert node_join(cluster(vpc=vpc), (GROUP,), (), None) is None


def test_nat_address_that_is_not_listed_is_named_with_both_remedies() -> None:
    found = judged(network())
    assert found.message == (
        "subnet-a (node group workers) leaves by NAT gateway nat-1 with 198.51.100.4/32: "
        "not listed."
    )
    assert found.private_access == f"{COMMAND} endpointPrivateAccess=true"
    assert found.addresses == f"{COMMAND} publicAccessCidrs=198.51.100.4/32,{LISTED}"
    assert found.remedy.index("endpointPrivateAccess") < found.remedy.index("publicAccessCidrs")


def test_listed_nat_address_is_no_finding() -> None:
    assert node_join(cluster(), (GROUP,), (), network(addresses=["203.0.113.9"])) is None
    half = judged(network(addresses=["203.0.113.9", "198.51.100.4"]))
    assert half.ways[0].listed is False


def test_remedy_merges_and_keeps_within_forty() -> None:
    neighbours = judged(network(addresses=["198.51.100.4", "198.51.100.5"]))
    assert neighbours.addresses.endswith("publicAccessCidrs=198.51.100.4/31,203.0.113.0/24")
    far_apart = [f"192.0.2.{2 * number}/32" for number in range(40)]
    full = judged(network(), cidrs=far_apart)
    assert (full.addresses, "publicAccessCidrs=" in full.remedy) == ("", False)


def test_address_that_a_command_opened_stays_apart() -> None:
    tags = {"eks-access-migrator/opened/r1": "cidr=198.51.100.5/32 until=2026-11-29T00:00:00Z by=x"}
    found = judged(network(), cidrs=[LISTED, "198.51.100.5/32"], tags=tags)
    assert found.addresses.endswith("=198.51.100.4/32,203.0.113.0/24,198.51.100.5/32")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("tgw-1", "leaves by tgw-1: whether it is listed is not known"),
        ("nat-9", "leaves by NAT gateway nat-9: whether it is listed is not known"),
        ("igw-1", "internet gateway igw-1, each node with an address that changes: whether"),
    ],
)
def test_ways_whose_address_is_not_known_are_unknown(target: str, said: str) -> None:
    found = judged(network(target))
    assert said in found.message
    assert found.ways[0].listed is None
    assert found.addresses == ""


@pytest.mark.parametrize(
    "gateway",
    [
        NatGateway("nat-1", "available", False, ()),
        NatGateway("nat-1", "failed", True, ("198.51.100.4",)),
        NatGateway("nat-1", "available", True, ()),
    ],
)
def test_nat_gateway_without_a_public_address_is_unknown(gateway: NatGateway) -> None:
    assert judged(replace(network(), nat_gateways=(gateway,))).ways[0].listed is None


def test_own_addresses_of_nodes_are_never_listed_for_certain() -> None:
    inside = replace(network("igw-1"), own_addresses=(OwnAddress("subnet-a", "203.0.113.7"),))
    assert judged(inside).ways[0].listed is None
    outside = replace(network("igw-1"), own_addresses=(OwnAddress("subnet-a", "192.0.2.7"),))
    found = judged(outside)
    assert (found.ways[0].listed, "now 192.0.2.7" in found.message) == (False, True)
    assert found.addresses == ""


@pytest.mark.parametrize(
    ("own", "listed", "offered"),
    [
        # A new node has another address, so that a list of today's is never certain.
        ([OwnAddress("subnet-a", "203.0.113.7", "i-1", elastic=True)], None, ""),
        ([OwnAddress("subnet-a", "192.0.2.7", "i-1", elastic=True)], False, "192.0.2.7/32"),
        ([OwnAddress("subnet-a", "192.0.2.7", "i-1")], False, ""),
        (
            [
                OwnAddress("subnet-a", "192.0.2.7", "i-1", elastic=True),
                OwnAddress("subnet-a", "192.0.2.9", "i-2"),
            ],
            False,
            "192.0.2.7/32",
        ),
    ],
)
def test_elastic_addresses_of_nodes_can_be_listed(
    own: list[OwnAddress], listed: bool | None, offered: str
) -> None:
    found = judged(replace(network("igw-1"), own_addresses=tuple(own)))
    assert found.ways[0].listed is listed
    wanted = f"{COMMAND} publicAccessCidrs={offered},{LISTED}" if offered else ""
    assert found.addresses == wanted


def by_instance(*own: OwnAddress) -> NodeJoin | None:
    found = replace(network("i-1"), own_addresses=own)
    return node_join(cluster(), (GROUP,), (), found)


def test_nat_instance_is_judged_by_its_addresses() -> None:
    # The address may be at another interface than the one that the route names.
    assert by_instance(OwnAddress("subnet-z", "203.0.113.7", "i-1", elastic=True)) is None
    found = by_instance(OwnAddress("subnet-z", "192.0.2.7", "i-1", elastic=True))
    assert found is not None
    assert "leaves by instance i-1 with 192.0.2.7/32: not listed" in found.message
    assert found.addresses == f"{COMMAND} publicAccessCidrs=192.0.2.7/32,{LISTED}"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ((), "leaves by instance i-1: whether it is listed is not known"),
        (
            (OwnAddress("subnet-z", "203.0.113.7", "i-1"),),
            "instance i-1, whose address changes: whether it is listed is not known",
        ),
        (
            (OwnAddress("subnet-z", "192.0.2.7", "i-1"),),
            "instance i-1, whose address changes (now 192.0.2.7): not listed",
        ),
        (
            (OwnAddress("subnet-z", "203.0.113.7", "i-2", elastic=True),),
            "leaves by instance i-1: whether it is listed is not known",
        ),
    ],
)
def test_nat_instance_without_an_elastic_address_is_never_listed(
    own: tuple[OwnAddress, ...], said: str
) -> None:
    found = by_instance(*own)
    assert found is not None
    assert said in found.message
    assert found.addresses == ""


def test_no_way_out_is_not_listed() -> None:
    assert judged(network("local", destination="10.1.0.0/16")).ways[0].via == (
        "no route to the internet"
    )
    assert judged(network(active=False)).ways[0].listed is False
    nothing = replace(network(), route_tables=(NodeRouteTable("vpc-1", True, frozenset(), ()),))
    assert judged(nothing).ways[0].listed is False


def test_table_of_the_subnet_decides_before_the_main_one() -> None:
    own = NodeRouteTable(
        "vpc-1", False, frozenset({"subnet-a"}), (NodeRoute("0.0.0.0/0", "tgw-7"),)
    )
    found = network()
    both = replace(found, route_tables=(*(found.route_tables or ()), own))
    assert judged(both).ways[0].via == "tgw-7"


@pytest.mark.parametrize(
    "missing", [{"route_tables": None}, {"subnets": None}, {"nat_gateways": None}]
)
def test_what_was_not_read_is_unknown(missing: dict[str, Any]) -> None:
    found = judged(replace(network(), **missing))
    assert [way.listed for way in found.ways] == [None]


def test_unread_network_is_said() -> None:
    found = judged(None)
    assert found.message.endswith("How nodes leave their subnets was not read.")
    nowhere = node_join(cluster(vpc={"subnetIds": []}), (), (), network())
    assert nowhere is not None
    assert nowhere.message == "The subnets of nodes are not known."


def test_fargate_and_the_subnets_of_the_cluster_count() -> None:
    profile = FargateProfile("serverless", "", "ACTIVE", (), ("subnet-b",))
    found = node_join(cluster(), (GROUP,), (profile,), network())
    assert found is not None
    assert [way.users for way in found.ways] == [
        ("node group workers",),
        ("Fargate profile serverless",),
    ]
    without = node_join(cluster(), (), (), network())
    assert without is not None
    assert [way.subnet for way in without.ways] == ["subnet-a", "subnet-b"]


@pytest.mark.parametrize(
    ("place", "is_named"),
    [
        (InstancePlace("s-2", "i-9", clusters=frozenset({"prod"})), True),
        (InstancePlace("s-2", "i-9", groups=frozenset({"sg-cluster"})), True),
        (InstancePlace("s-2", "i-9", frozenset({"sg-x"}), frozenset({"another"})), False),
    ],
)
def test_nodes_of_no_node_group_count_where_tags_or_the_clusters_group_show_them(
    place: InstancePlace, *, is_named: bool
) -> None:
    """Self-managed nodes and those of Karpenter beside a managed node group."""
    seen = cluster(["203.0.113.10/32"], vpc={"clusterSecurityGroupId": "sg-cluster"})
    group = replace(GROUP, subnets=("s-1",))
    tables = (
        NodeRouteTable("vpc-1", True, frozenset(), (NodeRoute("0.0.0.0/0", "nat-1"),)),
        NodeRouteTable("vpc-1", False, frozenset({"s-2"}), (NodeRoute("0.0.0.0/0", "nat-2"),)),
    )
    gateways = (
        NatGateway("nat-1", "available", True, ("203.0.113.10",)),
        NatGateway("nat-2", "available", True, ("198.51.100.77",)),
    )
    subnets = (NodeSubnet("s-1", "vpc-1"), NodeSubnet("s-2", "vpc-1"))
    found = node_join(seen, [group], [], NodeNetwork(subnets, tables, gateways, (), (place,)))
    assert (found is not None) == is_named
    if found is not None:
        assert "s-2 (nodes of no node group) leaves by" in found.message
        assert "198.51.100.77" in found.message


def test_node_group_that_fails_to_join_is_named_first() -> None:
    found = judged(network(), group=replace(GROUP, fails_to_join=True))
    assert found.failing == ("workers",)
    assert found.message.startswith("Instances failed to join: workers. subnet-a")


def test_ipv6_cluster_joins_by_either_family() -> None:
    block = "2001:db8:0:1::/64"
    family: dict[str, Any] = {"kubernetesNetworkConfig": {"ipFamily": "ipv6"}}
    out = network("eigw-1", destination="::/0", ipv6=[block])
    assert node_join(cluster([LISTED, block], **family), (GROUP,), (), out) is None
    found = judged(out, **family)
    assert found.addresses.endswith(f"publicAccessCidrs={LISTED},{block}")
    translated = judged(network("tgw-1", destination="::/0", ipv6=[block]), **family)
    assert translated.ways[0].listed is None
