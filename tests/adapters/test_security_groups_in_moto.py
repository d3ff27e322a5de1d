"""Security groups in moto's EC2: layouts of clusters, read by the adapter and judged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import boto3
import pytest

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.security_groups import Ec2Network
from migrator.adapters.tasks_threads import Threads
from migrator.decide.reach.security_groups.security_checks import required_rules
from migrator.model.diagnosis import RequiredRule
from migrator.model.security_groups import OwnHost
from tests.support.moto_aws import moto_aws

REGION, NAME = "eu-central-1", "prod"
TAG = f"kubernetes.io/cluster/{NAME}"
ALL, KUBELET, HTTPS, DNS, HIGH = ("-1", 0, 0), ("tcp", 10250, 10250), ("tcp", 443, 443), 53, 1025
Rule: TypeAlias = tuple[tuple[str, int, int], str]


@pytest.fixture(scope="module")
def session() -> Iterator[AwsSession]:
    with moto_aws():
        yield AwsSession(boto3.Session("testing", "testing", region_name=REGION), run="r")


@dataclass
class Layout:
    """A VPC in moto, with the groups, interfaces and instances of clusters."""

    ec2: Any
    vpc: str = ""
    subnet: str = ""
    groups: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    def group(self, name: str, *, tag: str | None = None, closed: bool = False) -> str:
        """A group without rules of its own but that it lets everything out, unless closed."""
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)
        self.groups[name] = made["GroupId"]
        if tag is not None:
            self.ec2.create_tags(Resources=[made["GroupId"]], Tags=[{"Key": TAG, "Value": tag}])
        if closed:
            self.ec2.revoke_security_group_egress(
                GroupId=made["GroupId"],
                IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
            )
        return str(made["GroupId"])

    def allow(self, into: str, *rules: Rule, out: bool = False) -> None:
        """Rules of a group, each for a group by name, a block or a prefix list."""
        permissions = [self._permission(*rule) for rule in rules]
        call = self.ec2.authorize_security_group_ingress
        if out:
            call = self.ec2.authorize_security_group_egress
        call(GroupId=self.groups[into], IpPermissions=permissions)

    def _permission(self, traffic: tuple[str, int, int], peer: str) -> dict[str, Any]:
        protocol, first, last = traffic
        made: dict[str, Any] = {"IpProtocol": protocol}
        if protocol != "-1":
            made |= {"FromPort": first, "ToPort": last}
        if peer in self.groups:
            return {**made, "UserIdGroupPairs": [{"GroupId": self.groups[peer]}]}
        if peer.startswith("pl-"):
            return {**made, "PrefixListIds": [{"PrefixListId": peer}]}
        if ":" in peer:
            return {**made, "Ipv6Ranges": [{"CidrIpv6": peer}]}
        return {**made, "IpRanges": [{"CidrIp": peer}]}

    def plane(self, *names: str, of: str = NAME) -> None:
        """An interface of a control plane."""
        self.ec2.create_network_interface(
            SubnetId=self.subnet,
            Description=f"Amazon EKS {of}",
            Groups=[self.groups[name] for name in names],
        )

    def node(self, *names: str) -> None:
        """An instance of the cluster."""
        self.ec2.run_instances(
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnet,
            SecurityGroupIds=[self.groups[name] for name in names],
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": TAG, "Value": "owned"}]}
            ],
        )

    def described(self, *more: str) -> dict[str, Any]:
        """DescribeCluster of it."""
        return {
            "name": NAME,
            "resourcesVpcConfig": {
                "vpcId": self.vpc,
                "subnetIds": [self.subnet],
                "clusterSecurityGroupId": self.groups["cluster"],
                "securityGroupIds": [self.groups[name] for name in more],
                "endpointPrivateAccess": True,
                **self.config,
            },
        }


def new_layout(session: AwsSession) -> Layout:
    """A VPC with a subnet, a NAT gateway in a public one, and a cluster group as EKS makes it."""
    ec2 = session.client("ec2")
    found = Layout(ec2, ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])
    found.subnet = ec2.create_subnet(VpcId=found.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    found.group("cluster", tag="owned")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=found.vpc)
    of_vpc = [{"Name": "vpc-id", "Values": [found.vpc]}]
    (table,) = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    every = {"DestinationCidrBlock": "0.0.0.0/0"}
    public = ec2.create_subnet(VpcId=found.vpc, CidrBlock="10.0.2.0/24")["Subnet"]["SubnetId"]
    of_public = ec2.create_route_table(VpcId=found.vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=of_public, SubnetId=public)
    ec2.create_route(RouteTableId=of_public, GatewayId=gateway, **every)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=address)["NatGateway"]
    ec2.create_route(RouteTableId=table["RouteTableId"], NatGatewayId=nat["NatGatewayId"], **every)
    return found


def judge(
    session: AwsSession,
    layout: Layout,
    *more: str,
    host: str | None = None,
    own: OwnHost | None = None,
    instances: Sequence[str] = (),
) -> dict[str, RequiredRule]:
    cluster = layout.described(*more)
    network = Ec2Network(
        session,
        Threads(1),
        host_address=host,
        own_host=lambda: own,
        instances=lambda: instances,
    )
    facts = network.read(cluster)
    assert facts.unread == {}
    return {row.name: row for row in required_rules(cluster, REGION, facts)}


def managed(one: Layout) -> None:
    one.allow("cluster", (ALL, "cluster"))
    one.plane("cluster")
    one.node("cluster")


def own_groups(one: Layout, *rules: Rule, tag: str | None = "owned", closed: bool = False) -> None:
    """Nodes and control plane with groups of their own."""
    one.allow("cluster", (ALL, "cluster"))
    one.group("nodes", tag=tag, closed=closed)
    one.group("plane")
    one.allow("plane", (HTTPS, "nodes"))
    if rules:
        one.allow("nodes", *rules)
    one.plane("cluster", "plane")
    one.node("nodes")


FROM_PLANE: tuple[Rule, ...] = (
    (KUBELET, "plane"),
    (HTTPS, "plane"),
    (("tcp", 1025, 65535), "plane"),
)
AMONG: tuple[Rule, ...] = ((ALL, "nodes"),)
BOTH = (*FROM_PLANE, *AMONG)


def restricted(one: Layout) -> None:
    """The minimum of the EKS user guide, "Restricting cluster traffic"."""
    one.allow("cluster", (HTTPS, "cluster"), (KUBELET, "cluster"))
    one.allow("cluster", (("tcp", 53, 53), "cluster"), (("udp", 53, 53), "cluster"))
    one.plane("cluster")
    one.node("cluster")


def by_block(one: Layout) -> None:
    own_groups(one, (ALL, "10.0.0.0/16"))


def other_block(one: Layout) -> None:
    own_groups(one, (ALL, "10.9.0.0/16"))


def by_prefix_list(one: Layout) -> None:
    made = one.ec2.create_managed_prefix_list(
        PrefixListName="vpc",
        MaxEntries=2,
        AddressFamily="IPv4",
        Entries=[{"Cidr": "10.0.0.0/16"}],
    )
    own_groups(one, (ALL, made["PrefixList"]["PrefixListId"]))


def nodes_closed(one: Layout) -> None:
    own_groups(one, *BOTH, closed=True)


def nodes_closed_but_https(one: Layout) -> None:
    own_groups(one, *BOTH, closed=True)
    one.allow("nodes", (HTTPS, "0.0.0.0/0"), out=True)


def nodes_closed_but_all(one: Layout) -> None:
    own_groups(one, *BOTH, closed=True)
    one.allow("nodes", (ALL, "0.0.0.0/0"), out=True)


def two_tags(one: Layout) -> None:
    managed(one)
    one.group("nodes", tag="owned")
    one.node("cluster", "nodes")


def tag_shared(one: Layout) -> None:
    own_groups(one, *BOTH, tag="shared")


def two_kinds(one: Layout) -> None:
    own_groups(one, *BOTH)
    one.node("cluster")


def two_groups_together(one: Layout) -> None:
    own_groups(one, *FROM_PLANE)
    one.group("more")
    one.allow("more", (ALL, "more"))
    one.ec2.terminate_instances(
        InstanceIds=[
            each["InstanceId"]
            for held in one.ec2.describe_instances(
                Filters=[{"Name": "vpc-id", "Values": [one.vpc]}]
            )["Reservations"]
            for each in held["Instances"]
        ]
    )
    one.node("nodes", "more")


def default_group(one: Layout) -> None:
    managed(one)
    of_vpc = [
        {"Name": "vpc-id", "Values": [one.vpc]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    (found,) = one.ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    one.groups["default"] = found["GroupId"]
    one.node("cluster", "default")


def shared_plane(one: Layout) -> None:
    managed(one)
    one.plane("cluster", of="staging")


def other_cluster(one: Layout) -> None:
    managed(one)
    one.group("other")
    one.plane("other", of="staging")


def no_nodes(one: Layout) -> None:
    one.allow("cluster", (ALL, "cluster"))
    one.plane("cluster")


def ports_in_two_rules(one: Layout) -> None:
    own_groups(
        one,
        (HTTPS, "plane"),
        (("tcp", 1025, 20000), "plane"),
        (("tcp", 20001, 65535), "plane"),
        *AMONG,
    )


def wrong_protocol(one: Layout) -> None:
    own_groups(one, (("udp", 10250, 10250), "plane"), *AMONG)


def no_interfaces(one: Layout) -> None:
    own_groups(one, (ALL, "10.0.0.0/16"))
    found = one.ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [f"Amazon EKS {NAME}"]}]
    )["NetworkInterfaces"]
    for each in found:
        if each["VpcId"] == one.vpc:
            one.ec2.delete_network_interface(NetworkInterfaceId=each["NetworkInterfaceId"])


def no_route(one: Layout) -> None:
    managed(one)
    of_vpc = [
        {"Name": "vpc-id", "Values": [one.vpc]},
        {"Name": "association.main", "Values": ["true"]},
    ]
    (table,) = one.ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    one.ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")


# What is not good in each layout, and how bad.
LAYOUTS: Mapping[str, tuple[Callable[[Layout], None], Mapping[str, str]]] = {
    "managed nodes in the cluster group": (managed, {}),
    "only the minimum of the guide": (
        restricted,
        {"cluster-group-self": "warn", "control-plane-to-nodes": "warn", "node-to-node": "warn"},
    ),
    "own groups with everything": (lambda one: own_groups(one, *BOTH), {}),
    "no rule from the control plane": (
        lambda one: own_groups(one, *AMONG),
        {"control-plane-to-nodes": "fail", "cluster-group-on-nodes": "warn"},
    ),
    "no owned tag and no 10250": (
        lambda one: own_groups(one, *AMONG, tag=None),
        {
            "control-plane-to-nodes": "fail",
            "cluster-group-on-nodes": "warn",
            "owned-tag": "warn",
        },
    ),
    "10250 alone": (
        lambda one: own_groups(one, (KUBELET, "plane"), *AMONG),
        {"control-plane-to-nodes": "warn"},
    ),
    "10250 over udp": (
        wrong_protocol,
        {"control-plane-to-nodes": "fail", "cluster-group-on-nodes": "warn"},
    ),
    "high ports in two rules": (ports_in_two_rules, {}),
    "no rule between nodes": (
        lambda one: own_groups(one, *FROM_PLANE),
        {"dns": "fail", "node-to-node": "warn", "cluster-group-on-nodes": "warn"},
    ),
    "DNS over udp alone": (
        lambda one: own_groups(one, *FROM_PLANE, (("udp", 53, 53), "nodes")),
        {"dns": "fail", "node-to-node": "warn", "cluster-group-on-nodes": "warn"},
    ),
    "DNS and no more between nodes": (
        lambda one: own_groups(
            one, *FROM_PLANE, (("udp", 53, 53), "nodes"), (("tcp", 53, 53), "nodes")
        ),
        {"node-to-node": "warn"},
    ),
    "by the block of the VPC": (by_block, {}),
    "by the block of another VPC": (
        other_block,
        {
            "control-plane-to-nodes": "fail",
            "dns": "fail",
            "node-to-node": "warn",
            "cluster-group-on-nodes": "warn",
        },
    ),
    "by a prefix list": (by_prefix_list, {}),
    "control plane without interfaces that are shown": (
        no_interfaces,
        {"nodes-to-control-plane": "fail", "cluster-group-on-nodes": "warn"},
    ),
    "nodes let nothing out": (
        nodes_closed,
        {
            "nodes-to-control-plane": "fail",
            "dns": "fail",
            "node-to-node": "warn",
            "cluster-group-on-nodes": "warn",
            "egress": "warn",
        },
    ),
    "nodes let only HTTPS out": (
        nodes_closed_but_https,
        {"dns": "fail", "node-to-node": "warn", "cluster-group-on-nodes": "warn"},
    ),
    "nodes let everything out by a rule of their own": (nodes_closed_but_all, {}),
    "two groups with the tag on one node": (two_tags, {"owned-tag": "warn"}),
    "the tag is shared": (tag_shared, {"owned-tag": "warn"}),
    "two kinds of nodes that do not know each other": (
        two_kinds,
        {
            "control-plane-to-nodes": "ok",
            "dns": "fail",
            "node-to-node": "warn",
            "cluster-group-on-nodes": "warn",
        },
    ),
    "the rules of two groups of a node together": (two_groups_together, {}),
    "the default group of the VPC": (default_group, {"default-group": "warn"}),
    "another cluster in the same group": (shared_plane, {"control-plane-groups": "warn"}),
    "another cluster in a group of its own": (other_cluster, {}),
    "no nodes": (no_nodes, {}),
    "no route to AWS": (no_route, {"egress": "warn"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_has_exactly_these_faults(session: AwsSession, name: str) -> None:
    build, expected = LAYOUTS[name]
    layout = new_layout(session)
    build(layout)
    rows = judge(session, layout)
    found = {row.name: row.state for row in rows.values() if row.state != "ok"}
    assert found == {key: state for key, state in expected.items() if state != "ok"}
    # What fails says what is missing, and by which command it comes.
    for row in rows.values():
        assert bool(row.missing) == (row.state != "ok"), row
        if row.state == "fail":
            assert row.command.startswith("aws ec2 authorize-security-group-"), row


@pytest.mark.parametrize(
    ("rule", "host", "state"),
    [
        ((HTTPS, "10.0.1.50/32"), "10.0.1.50", "ok"),
        ((HTTPS, "10.0.1.50/32"), "10.0.1.51", "fail"),
        ((HTTPS, "192.168.0.0/16"), "192.168.4.4", "ok"),
        ((KUBELET, "192.168.0.0/16"), "192.168.4.4", "fail"),
        ((ALL, "192.168.0.0/16"), "192.168.4.4", "ok"),
    ],
)
def test_a_host_reaches_the_endpoint_by_the_rules_of_its_groups(
    session: AwsSession, rule: Rule, host: str, state: str
) -> None:
    layout = new_layout(session)
    managed(layout)
    layout.allow("cluster", rule)
    row = judge(session, layout, host=host)["host-to-endpoint"]
    assert row.state == state
    assert (f"from {host}/32" in row.missing) == (state == "fail")


def test_a_host_with_an_interface_is_judged_by_its_groups(session: AwsSession) -> None:
    layout = new_layout(session)
    managed(layout)
    layout.group("bastion")
    layout.ec2.create_network_interface(
        SubnetId=layout.subnet, PrivateIpAddress="10.0.1.77", Groups=[layout.groups["bastion"]]
    )
    row = judge(session, layout, host="10.0.1.77")["host-to-endpoint"]
    assert row.state == "fail"
    assert row.command == (
        f"aws ec2 authorize-security-group-ingress --region {REGION} "
        f"--group-id {layout.groups['cluster']} --protocol tcp --port 443 "
        f"--source-group {layout.groups['bastion']}"
    )
    layout.allow("cluster", (HTTPS, "bastion"))
    assert judge(session, layout, host="10.0.1.77")["host-to-endpoint"].state == "ok"


def test_host_that_names_its_interface_is_judged_by_the_groups_of_that_one(
    session: AwsSession,
) -> None:
    layout = new_layout(session)
    managed(layout)
    layout.group("bastion")
    made = layout.ec2.create_network_interface(
        SubnetId=layout.subnet, PrivateIpAddress="10.0.1.78", Groups=[layout.groups["bastion"]]
    )
    name = made["NetworkInterface"]["NetworkInterfaceId"]
    row = judge(session, layout, own=OwnHost("10.0.1.78", name))["host-to-endpoint"]
    assert (row.state, layout.groups["bastion"] in row.command) == ("fail", True)
    # An interface of another network may have an address that is in this one, too.
    row = judge(session, layout, own=OwnHost("10.0.1.78", "eni-0a1b2c3d4e5f60999"))[
        "host-to-endpoint"
    ]
    assert (row.state, "10.0.1.78/32" in row.missing) == ("fail", True)
    layout.allow("cluster", (HTTPS, "bastion"))
    assert judge(session, layout, own=OwnHost("10.0.1.78", name))["host-to-endpoint"].state == "ok"


def test_named_address_comes_before_the_instance(session: AwsSession) -> None:
    layout = new_layout(session)
    managed(layout)
    layout.allow("cluster", (HTTPS, "192.168.0.0/16"))
    own = OwnHost("10.0.1.78", "eni-0a1b2c3d4e5f60999")
    row = judge(session, layout, host="192.168.4.4", own=own)["host-to-endpoint"]
    assert row.state == "ok"


def test_nodes_without_the_tag_are_known_by_their_ids(session: AwsSession) -> None:
    layout = new_layout(session)
    layout.allow("cluster", (ALL, "cluster"))
    layout.plane("cluster")
    layout.group("nodes", tag="owned")
    made = layout.ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        SubnetId=layout.subnet,
        SecurityGroupIds=[layout.groups["nodes"]],
    )
    instance = made["Instances"][0]["InstanceId"]
    assert judge(session, layout)["control-plane-to-nodes"].state == "ok"
    found = judge(session, layout, instances=[instance, "i-0a1b2c3d4e5f60999"])
    assert found["control-plane-to-nodes"].state == "fail"
    assert found["nodes-to-control-plane"].state == "fail"


def test_a_public_address_is_not_asked_of_security_groups(session: AwsSession) -> None:
    layout = new_layout(session)
    managed(layout)
    assert "host-to-endpoint" not in judge(session, layout, host="203.0.113.9")
