"""Each command of the table, carried out, ends what it is for, and makes no other fault."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.decide.reach.security_groups.owned_tags import tag_choice
from migrator.decide.reach.security_groups.security_checks import required_rules, security_checks
from migrator.model.diagnosis import RequiredRule
from migrator.model.security_groups import (
    INTERFACES,
    Interface,
    NatGateway,
    NetworkFacts,
    RouteTable,
    SecurityGroup,
    SecurityRule,
    Subnet,
    VpcEndpoint,
)
from tests.support.carried_out import Cluster, carried_out

TAG = "kubernetes.io/cluster/prod"
GROUPS = ("sg-c", "sg-a", "sg-n", "sg-m")
FAULT = {"ok": 0, "unknown": 0, "warn": 1, "fail": 2}


def rows_of(cluster: Cluster, facts: NetworkFacts) -> dict[str, RequiredRule]:
    return {row.name: row for row in required_rules(cluster, "eu-central-1", facts)}


def rule(owner: str, direction: Any, protocol: str = "-1", **peer: Any) -> SecurityRule:  # noqa: ANN401
    return SecurityRule(owner, direction, protocol, **peer)


def node(name: str, *groups: str, subnet: str = "s-1", **more: Any) -> Interface:  # noqa: ANN401
    return Interface(name, "vpc-1", subnet, ("10.0.1.10",), groups, instance=f"i-{name}", **more)


def plane(cluster: str, *groups: str) -> Interface:
    return Interface(f"e-{cluster}", "vpc-1", "s-1", ("10.0.1.4",), groups, f"Amazon EKS {cluster}")


def cluster(*more: str, private: bool = True) -> Cluster:
    config = {
        "clusterSecurityGroupId": "sg-c",
        "securityGroupIds": list(more),
        "subnetIds": ["s-1", "s-2"],
        "vpcId": "vpc-1",
        "endpointPublicAccess": True,
        "endpointPrivateAccess": private,
    }
    return {"name": "prod", "resourcesVpcConfig": config}


def group(name: str, *rules: SecurityRule, tag: str = "") -> SecurityGroup:
    return SecurityGroup(name, name, "vpc-1", rules, {TAG: tag} if tag else {})


def everything(name: str, tag: str = "") -> SecurityGroup:
    every = [rule(name, "ingress", cidr="10.0.0.0/8"), rule(name, "egress", cidr="0.0.0.0/0")]
    return group(name, *every, tag=tag)


_sets = st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3, unique=True).map(tuple)
SUBNETS = (
    Subnet("s-1", "vpc-1", ("10.0.1.0/24",), "a"),
    Subnet("s-2", "vpc-1", ("10.0.2.0/24",), "a"),
)
PUBLIC = RouteTable("rtb-public", "vpc-1", ("s-public",), targets=("igw-1",))
NAT = NatGateway("nat-1", "s-public")


def facts(**changes: Any) -> NetworkFacts:  # noqa: ANN401 - fields of the facts
    """A cluster whose nodes have the cluster group, and leave by a NAT gateway."""
    own: dict[str, Any] = {
        "groups": {"sg-c": everything("sg-c", "owned")},
        "control_plane": (plane("prod", "sg-c"),),
        "nodes": (node("n-1", "sg-c"),),
        "subnets": SUBNETS,
        "route_tables": (RouteTable("rtb-1", "vpc-1", (), True, ("nat-1",)), PUBLIC),
        "nat_gateways": (NAT,),
    }
    return NetworkFacts(**{**own, **changes})


def default_to(*targets: str, v6: tuple[str, ...] = ()) -> dict[str, Any]:
    table = RouteTable("rtb-1", "vpc-1", (), True, targets, targets_v6=v6)
    return {"route_tables": (table, PUBLIC)}


def endpoint(service: str, *groups: str, names: bool = True) -> VpcEndpoint:
    return VpcEndpoint(f"vpce-{service}", "vpc-1", service, "Interface", groups, names, ("s-2",))


def test_the_world_that_the_others_change_lacks_nothing() -> None:
    assert {row.state for row in rows_of(cluster(), facts()).values()} == {"ok"}


PRIVATE_NAT = (NatGateway("nat-1", "s-public", public=False),)
OFF = (NatGateway("nat-1", "s-public", available=False),)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "ok"),
        (default_to("igw-1"), "warn"),
        ({**default_to("igw-1"), "nodes": (node("n-1", "sg-c", public=True),)}, "ok"),
        # Interfaces for pods have no public address, and nodes do not send from them.
        (
            {
                **default_to("igw-1"),
                "nodes": (
                    node("n-1", "sg-c", public=True),
                    node("n-2", "sg-c", primary=False),
                ),
            },
            "ok",
        ),
        ({"nat_gateways": PRIVATE_NAT}, "warn"),
        ({"nat_gateways": OFF}, "warn"),
        ({"nat_gateways": (NatGateway("nat-1"),)}, "ok"),
        # The gateway's own subnet has no internet gateway.
        ({"nat_gateways": (NatGateway("nat-1", "s-2"),), **default_to()}, "warn"),
        ({"nat_gateways": ()}, "unknown"),
        (default_to("tgw-1"), "unknown"),
        (default_to("vpce-firewall"), "unknown"),
        (default_to(v6=("eigw-1",)), "warn"),
        (default_to("eigw-1"), "warn"),
        (default_to(v6=("igw-1",)), "warn"),
        ({"route_tables": ()}, "unknown"),
    ],
)
def test_a_route_is_a_way_out_only_for_what_its_target_lets_out(
    changes: dict[str, Any], state: str
) -> None:
    assert rows_of(cluster(), facts(**changes))["egress"].state == state


@pytest.mark.parametrize(
    ("targets", "v6", "state"),
    [
        (("nat-1",), (), "ok"),
        ((), ("eigw-1",), "unknown"),
        ((), ("igw-1",), "unknown"),
        ((), (), "warn"),
    ],
)
def test_ipv6_alone_leads_to_services_that_have_it(
    targets: tuple[str, ...], v6: tuple[str, ...], state: str
) -> None:
    six = {**cluster(), "kubernetesNetworkConfig": {"ipFamily": "ipv6"}}
    addresses = ("10.0.1.10", "2001:db8::10")
    nodes = (Interface("n-1", "vpc-1", "s-1", addresses, ("sg-c",)),)
    open_to_all = group(
        "sg-c",
        rule("sg-c", "ingress", cidr="0.0.0.0/0"),
        rule("sg-c", "ingress", cidr="::/0"),
        rule("sg-c", "egress", cidr="0.0.0.0/0"),
        rule("sg-c", "egress", cidr="::/0"),
        tag="owned",
    )
    world = facts(nodes=nodes, groups={"sg-c": open_to_all}, **default_to(*targets, v6=v6))
    assert rows_of(six, world)["egress"].state == state


def test_an_endpoint_whose_group_denies_gets_a_rule_and_no_second_endpoint() -> None:
    groups = {**facts().groups, "sg-ep": group("sg-ep")}
    world = facts(endpoints=(endpoint("sts", "sg-ep"),), groups=groups)
    row = rows_of(cluster(), world)["egress"]
    assert row.missing == "no way to STS from every node"
    assert row.command == (
        "aws ec2 authorize-security-group-ingress --region eu-central-1 --group-id sg-ep "
        "--protocol tcp --port 443 --source-group sg-c"
    )


@pytest.mark.parametrize(("targets", "state"), [(("nat-1",), "ok"), ((), "warn")])
def test_an_endpoint_without_private_dns_is_none(targets: tuple[str, ...], state: str) -> None:
    groups = {**facts().groups, "sg-ep": group("sg-ep")}
    parts = ("eks", "sts", "ecr.api", "ecr.dkr")
    found = tuple(endpoint(part, "sg-ep", names=False) for part in parts)
    row = rows_of(cluster(), facts(endpoints=found, groups=groups, **default_to(*targets)))[
        "egress"
    ]
    assert row.state == state
    # The rule comes first: from then on every node goes there.
    if targets:
        return
    first, second, *_ = row.command.split(" && ")
    assert "authorize-security-group-ingress" in first
    assert second.endswith("--vpc-endpoint-id vpce-eks --private-dns-enabled")


def test_a_rule_for_another_prefix_list_does_not_lead_to_a_gateway_endpoint() -> None:
    def found_by(named: str) -> str:
        out = rule("sg-c", "egress", "tcp", first=443, last=443, prefix_list=named)
        table = RouteTable("rtb-1", "vpc-1", (), True, (), ("vpce-s3",), (), {"vpce-s3": "pl-s3"})
        found = VpcEndpoint("vpce-s3", "vpc-1", "s3", "Gateway")
        world = facts(
            groups={"sg-c": group("sg-c", out, tag="owned")},
            route_tables=(table,),
            endpoints=(found,),
            prefix_lists={"pl-s3": ("52.0.0.0/8",), "pl-db": ("53.0.0.0/8",)},
        )
        return rows_of(cluster(), world)["egress"].found

    assert found_by("pl-s3") == "S3"
    assert found_by("pl-db") == ""


OF_PEER = SecurityGroup("sg-peer", "peer", "vpc-2")
BASTION = group("sg-bastion")


@pytest.mark.parametrize(
    ("named", "known", "unread", "state"),
    [
        # A group of a peered VPC, whether its rules may be read or not: the host may be in it.
        ("sg-peer", {"sg-peer": OF_PEER}, {}, "unknown"),
        ("sg-peer", {}, {}, "unknown"),
        # The interface of a host in a group of this VPC would have been found.
        ("sg-bastion", {"sg-bastion": BASTION}, {}, "fail"),
        ("sg-bastion", {"sg-bastion": BASTION}, {INTERFACES: "denied"}, "unknown"),
    ],
)
def test_a_host_of_another_network_may_be_in_a_group_of_its_own(
    named: str, known: dict[str, SecurityGroup], unread: dict[str, str], state: str
) -> None:
    into = rule("sg-c", "ingress", "tcp", first=443, last=443, peer_group=named)
    own = group("sg-c", into, rule("sg-c", "egress", cidr="0.0.0.0/0"), tag="owned")
    world = facts(groups={"sg-c": own, **known}, host_address="10.9.0.5", unread=unread)
    assert rows_of(cluster(), world)["host-to-endpoint"].state == state


@pytest.mark.parametrize(
    ("targets", "out", "state", "words"),
    [
        (("nat-1",), "0.0.0.0/0", "ok", ""),
        (("nat-1",), "", "fail", "TCP 443 out of sg-n to 0.0.0.0/0"),
        ((), "0.0.0.0/0", "fail", "a way out of s-1 to every address"),
        (("nat-1",), "10.0.0.0/8", "unknown", "10.0.0.0/8"),
        (("tgw-1",), "0.0.0.0/0", "unknown", "tgw-1"),
    ],
)
def test_without_a_private_endpoint_no_group_of_the_control_plane_is_asked(
    targets: tuple[str, ...], out: str, state: str, words: str
) -> None:
    closed = group("sg-c", tag="owned")
    nodes = group("sg-n", *[rule("sg-n", "egress", cidr=out)][: len(out)])
    world = facts(
        groups={"sg-c": closed, "sg-n": nodes}, nodes=(node("n-1", "sg-n"),), **default_to(*targets)
    )
    row = rows_of(cluster(private=False), world)["nodes-to-control-plane"]
    assert (row.state, row.rule) == (state, "nodes -> public endpoint")
    assert words in row.missing
    by_groups = rows_of(cluster(), world)["nodes-to-control-plane"]
    assert (by_groups.state, by_groups.rule) == ("fail", "nodes -> control plane")


@pytest.mark.parametrize(
    ("sets", "chosen"),
    [
        ([("sg-n",), ("sg-c", "sg-n")], {"sg-n"}),
        ([("sg-c",), ("sg-c", "sg-n")], {"sg-c"}),
        ([("sg-c", "sg-n"), ("sg-n", "sg-m")], {"sg-c", "sg-m"}),
        ([("sg-n",), ("sg-m",), ("sg-n", "sg-m")], None),
        ([("sg-n", "sg-m")], {"sg-m"}),
    ],
)
def test_each_node_has_one_group_of_the_choice(
    sets: list[tuple[str, ...]], chosen: set[str] | None
) -> None:
    assert tag_choice(sets, "sg-c", lambda _: 0) == chosen


@given(st.lists(_sets, min_size=1, max_size=5))
def test_a_choice_is_found_where_there_is_one(sets: list[tuple[str, ...]]) -> None:
    fitting = [
        set(some)
        for size in range(1, len(GROUPS) + 1)
        for some in combinations(GROUPS, size)
        if all(len({*some} & {*each}) == 1 for each in sets)
    ]
    found = tag_choice(sets, "sg-c", GROUPS.index)
    assert (found is None) == (not fitting)
    # EKS tags the cluster group again: a choice without it is the last one.
    used = {group for each in sets for group in each}
    if found is not None:
        assert all(len(found & {*each}) == 1 for each in sets)
        could = any("sg-c" in some for some in fitting if some <= used)
        assert ("sg-c" in found) == could


def test_nodes_that_no_choice_of_tags_fits_have_steps() -> None:
    groups = {name: everything(name, "owned") for name in ("sg-c", "sg-n", "sg-m")}
    every = (node("n-1", "sg-n"), node("n-2", "sg-m"), node("n-3", "sg-n", "sg-m"))
    row = rows_of(cluster(), facts(groups=groups, nodes=every))["owned-tag"]
    assert (row.state, row.command) == ("warn", "")
    assert "launch template" in row.steps
    again = (node("n-1", "sg-n"), node("n-2", "sg-c", "sg-n"))
    row = rows_of(cluster(), facts(groups=groups, nodes=again))["owned-tag"]
    assert "--resources sg-c " in row.command
    assert "EKS tags sg-c again" in row.steps


def test_an_additional_group_that_another_cluster_has_is_replaced_by_a_copy() -> None:
    """The nodes' rule that names the shared group is there for the new group before it goes."""
    shared = group(
        "sg-a",
        rule("sg-a", "ingress", "tcp", first=443, last=443, cidr="192.168.0.0/16"),
        rule("sg-a", "egress", cidr="0.0.0.0/0"),
    )
    nodes = group(
        "sg-n",
        rule("sg-n", "ingress", peer_group="sg-a"),
        rule("sg-n", "ingress", peer_group="sg-n"),
        rule("sg-n", "egress", cidr="0.0.0.0/0"),
        tag="owned",
    )
    world = (
        cluster("sg-a"),
        facts(
            groups={"sg-c": everything("sg-c"), "sg-a": shared, "sg-n": nodes},
            nodes=(node("n-1", "sg-n"),),
            control_plane=(plane("prod", "sg-c", "sg-a"), plane("staging", "sg-s", "sg-a")),
        ),
    )
    before = rows_of(*world)
    assert {row.name for row in before.values() if row.state != "ok"} == {"control-plane-groups"}
    config, network = carried_out(*world, before["control-plane-groups"].command)
    assert {row.state for row in rows_of(config, network).values()} == {"ok"}
    assert config["resourcesVpcConfig"]["securityGroupIds"] == ["sg-made"]
    assert [one.cidr for one in network.groups["sg-made"].rules if one.direction == "ingress"] == [
        "192.168.0.0/16"
    ]


def test_a_cluster_group_that_another_cluster_has_is_replaced_there() -> None:
    other = (plane("prod", "sg-c"), plane("staging; x", "sg-s", "sg-c"))
    row = rows_of(cluster(), facts(control_plane=other))["control-plane-groups"]
    assert (row.state, row.command) == ("warn", "")
    assert "`migrate doctor 'staging; x' --region eu-central-1`" in row.steps


# Rules that come with chance: few peers and ports, so that flows pass and fail.
_PEERS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "10.0.1.0/24"},
        {"peer_group": "sg-c"},
        {"peer_group": "sg-n"},
        {"prefix_list": "pl-s3"},
    ]
)
_PORTS = st.sampled_from([("-1", None, None), ("tcp", 443, 443), ("tcp", 10250, 10250)])


@st.composite
def groups_by_chance(draw: st.DrawFn) -> dict[str, SecurityGroup]:
    found = {}
    for name in (*GROUPS, "sg-ep"):
        rules = [
            rule(name, direction, protocol, first=first, last=last, **peer)
            for direction, (protocol, first, last), peer in draw(
                st.lists(
                    st.tuples(st.sampled_from(["ingress", "egress"]), _PORTS, _PEERS),
                    max_size=3,
                    unique_by=str,
                )
            )
        ]
        found[name] = group(name, *rules, tag=draw(st.sampled_from(["", "owned", "shared"])))
    return found


_nodes = st.lists(
    st.builds(
        lambda groups, subnet, public: (groups, subnet, public),
        _sets,
        st.sampled_from(["s-1", "s-2"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
).map(
    lambda found: tuple(
        node(f"n-{place}", *groups, subnet=subnet, public=public)
        for place, (groups, subnet, public) in enumerate(found)
    )
)
_targets = st.sampled_from(["nat-1", "igw-1", "tgw-1", "eigw-1", ""])
_endpoints = st.lists(
    st.builds(
        endpoint,
        st.sampled_from(["eks", "sts", "ecr.api", "ecr.dkr"]),
        st.sampled_from(["sg-ep", "sg-c"]),
        names=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda one: one.service,
).map(tuple)
_gateways = st.sampled_from([NAT, *PRIVATE_NAT, *OFF])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Cluster, NetworkFacts]:
    target = draw(_targets)
    more = draw(st.sampled_from([(), ("sg-a",), ("sg-n",)]))
    return cluster(*more, private=draw(st.booleans())), facts(
        groups=draw(groups_by_chance()),
        nodes=draw(_nodes),
        control_plane=(plane("prod", "sg-c", *more), *draw(_OTHERS)),
        endpoints=draw(_endpoints),
        nat_gateways=(draw(_gateways),),
        **default_to(*filter(None, [target])),
    )


_OTHERS = st.sampled_from([(), (plane("staging", "sg-a", "sg-x"),)])


@settings(max_examples=100)
@given(
    worlds(),
    st.sampled_from(["egress", "nodes-to-control-plane", "owned-tag", "control-plane-groups"]),
)
def test_a_command_ends_what_it_is_for_and_makes_no_other_row_worse(
    world: tuple[Cluster, NetworkFacts], name: str
) -> None:
    before = rows_of(*world)
    if not before[name].command:
        return
    after = rows_of(*carried_out(*world, before[name].command))
    assert after[name].state in ("ok", "unknown"), (before[name].command, after[name])
    assert not after[name].command
    assert after.keys() == before.keys()
    for row in before.values():
        assert FAULT[after[row.name].state] <= FAULT[row.state], (row, after[row.name])


def test_way_out_that_no_list_shows_warns_and_what_may_not_be_read_is_unknown() -> None:
    """Nodes that run have reached what they need, through whatever gateway."""
    egress = RequiredRule("egress", "unknown", "nodes -> AWS", missing="how tgw-1 goes on")
    other = RequiredRule("nodes-to-control-plane", "unknown", "nodes -> API", missing="x")
    states = {
        "warn": security_checks([egress], NetworkFacts()),
        "unknown": security_checks([egress, other], NetworkFacts()),
    }
    assert {state: [check.state for check in found] for state, found in states.items()} == {
        "warn": ["warn"],
        "unknown": ["unknown"],
    }
