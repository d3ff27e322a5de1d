"""The network of an account in one Region: what EC2 shows of it, and what a new cluster has.

Sources: EKS user guide, "View Amazon EKS security group requirements for clusters" (the cluster
security group, its rules and tags; interfaces with the description ``Amazon EKS NAME``); eksctl
leaves nodes of managed node groups in the cluster group; the Terraform module
``terraform-aws-modules/eks`` makes a group for the nodes and an additional one for the control
plane (its ``node_groups.tf``: 443, 4443, 6443, 8443, 9443 and 10250 from the control plane, DNS and
1025-65535 between nodes).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
LAYOUTS = ("eksctl", "terraform", "none")
_NAMED_BY_ADDRESS = re.compile(r"(?:.*[.-])?ip-(\d+)-(\d+)-(\d+)-(\d+)\.")
_FROM_CONTROL_PLANE = (443, 4443, 6443, 8443, 9443, 10250)


@dataclass(slots=True)
class Network:
    """Raw objects of EC2 by their ids. ``prefix_lists``: the blocks of each. ``made``: clusters
    whose own objects are there.
    """

    groups: dict[str, Json] = field(default_factory=dict)
    interfaces: dict[str, Json] = field(default_factory=dict)
    subnets: dict[str, Json] = field(default_factory=dict)
    route_tables: dict[str, Json] = field(default_factory=dict)
    nat_gateways: dict[str, Json] = field(default_factory=dict)
    endpoints: dict[str, Json] = field(default_factory=dict)
    prefix_lists: dict[str, list[str]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

    def tags_of(self, resource: str) -> list[Json] | None:
        """The tags of an object, to be changed in place; None for no object."""
        for kind in (self.groups, self.interfaces, self.subnets, self.route_tables, self.endpoints):
            if resource in kind:
                found: list[Json] = kind[resource].setdefault("Tags", [])
                return found
        return None


def make_id(kind: str, *parts: str) -> str:
    """An id of EC2: the same parts give the same one."""
    return f"{kind}-{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:17]}"


@dataclass(frozen=True, slots=True)
class NewCluster:
    """What the network of a cluster is made from. ``nodes``: instance ids with their private DNS
    names.
    """

    arn: str
    name: str
    account: str
    vpc_config: Mapping[str, Any]
    nodes: Sequence[tuple[str, str]]
    layout: str


def ensure_network(network: Network, cluster: NewCluster) -> None:
    """Make what is not there of a cluster's network: subnets with a route to a NAT gateway, the
    groups of its layout, two interfaces of the control plane, and one of each node.
    """
    if cluster.arn in network.made or cluster.layout == "none":
        return
    network.made.add(cluster.arn)
    _make_subnets(network, cluster)
    of_plane, of_nodes = _make_groups(network, cluster)
    subnets = list(cluster.vpc_config["subnetIds"])
    for number, subnet in enumerate(subnets[:2]):
        _make_interface(
            network,
            cluster,
            make_id("eni", cluster.arn, str(number)),
            {
                "Description": f"Amazon EKS {cluster.name}",
                "SubnetId": subnet,
                "PrivateIpAddress": f"10.0.{number + 1}.4",
                "RequesterManaged": True,
                "InterfaceType": "interface",
            },
            of_plane,
        )
    for instance, dns_name in cluster.nodes:
        _make_interface(
            network,
            cluster,
            make_id("eni", cluster.arn, instance),
            {
                "Description": "",
                "SubnetId": subnets[0] if subnets else "",
                "PrivateIpAddress": _address_of(dns_name, instance),
                "Attachment": {
                    "InstanceId": instance,
                    "DeviceIndex": 0,
                    "Status": "attached",
                    "AttachmentId": make_id("eni-attach", instance),
                },
            },
            of_nodes,
        )


def _make_subnets(network: Network, cluster: NewCluster) -> None:
    """The subnets that DescribeCluster names, and one route table for the VPC."""
    vpc = str(cluster.vpc_config["vpcId"])
    for number, subnet in enumerate(cluster.vpc_config["subnetIds"]):
        made = {
            "SubnetId": subnet,
            "VpcId": vpc,
            "CidrBlock": f"10.0.{number + 1}.0/24",
            "State": "available",
            "OwnerId": cluster.account,
        }
        network.subnets.setdefault(subnet, made)
    table = make_id("rtb", vpc)
    routes = [
        {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
        {
            "DestinationCidrBlock": "0.0.0.0/0",
            "NatGatewayId": make_id("nat", vpc),
            "State": "active",
        },
    ]
    if not any(each["VpcId"] == vpc for each in network.route_tables.values()):
        network.route_tables[table] = {
            "RouteTableId": table,
            "VpcId": vpc,
            "Associations": [{"Main": True, "RouteTableId": table}],
            "Routes": routes,
        }
        _make_nat_gateway(network, vpc)


def _make_nat_gateway(network: Network, vpc: str) -> None:
    """The NAT gateway of a VPC, with a public address for documentation (RFC 5737) that follows
    from the VPC's id.
    """
    name = make_id("nat", vpc)
    number = int(hashlib.sha256(vpc.encode()).hexdigest(), 16) % 200 + 20
    made = {
        "NatGatewayId": name,
        "VpcId": vpc,
        "State": "available",
        "ConnectivityType": "public",
        "NatGatewayAddresses": [
            {
                "AllocationId": make_id("eipalloc", vpc),
                "PublicIp": f"198.51.100.{number}",
                "PrivateIp": "10.0.1.5",
                "IsPrimary": True,
                "Status": "succeeded",
            }
        ],
    }
    network.nat_gateways.setdefault(name, made)


def _make_groups(network: Network, cluster: NewCluster) -> tuple[list[str], list[str]]:
    """The groups of the control plane's interfaces, and those of the nodes'."""
    own = str(cluster.vpc_config["clusterSecurityGroupId"])
    more = [str(each) for each in cluster.vpc_config.get("securityGroupIds") or ()]
    tags = {
        f"kubernetes.io/cluster/{cluster.name}": "owned",
        "aws:eks:cluster-name": cluster.name,
        "Name": f"eks-cluster-sg-{cluster.name}-1234567890",
    }
    out = [permission("-1", cidr="0.0.0.0/0"), permission("-1", group=own)]
    _make_group(
        network,
        cluster,
        own,
        tags["Name"],
        [permission("-1", group=own)],
        out,
        tags,
    )
    outward = [permission("-1", cidr="0.0.0.0/0")]
    for each in more:
        _make_group(
            network,
            cluster,
            each,
            f"{cluster.name}-{each}",
            [],
            outward,
            {},
        )
    if cluster.layout == "eksctl":
        return [own, *more], [own]
    nodes = make_id("sg", cluster.arn, "nodes")
    plane = make_id("sg", cluster.arn, "control-plane")
    into_nodes = [permission("tcp", port, group=plane) for port in _FROM_CONTROL_PLANE]
    into_nodes += [permission(protocol, 53, group=nodes) for protocol in ("tcp", "udp")]
    into_nodes.append(permission("tcp", 1025, 65535, group=nodes))
    owned = {f"kubernetes.io/cluster/{cluster.name}": "owned"}
    _make_group(
        network,
        cluster,
        nodes,
        f"{cluster.name}-node",
        into_nodes,
        outward,
        owned,
    )
    into_plane = [permission("tcp", 443, group=nodes)]
    _make_group(
        network,
        cluster,
        plane,
        f"{cluster.name}-cluster",
        into_plane,
        outward,
        {},
    )
    return [own, plane, *more], [nodes]


def permission(
    protocol: str, first: int = -1, last: int | None = None, *, cidr: str = "", group: str = ""
) -> Json:
    """An IpPermission for one peer; ``-1`` has no ports."""
    made: Json = {"IpProtocol": protocol, "IpRanges": [], "UserIdGroupPairs": []}
    if protocol != "-1":
        made |= {"FromPort": first, "ToPort": first if last is None else last}
    if cidr:
        made["IpRanges"] = [{"CidrIp": cidr}]
    if group:
        made["UserIdGroupPairs"] = [{"GroupId": group}]
    return made


def _make_group(
    network: Network,
    cluster: NewCluster,
    name: str,
    title: str,
    into: list[Json],
    out: list[Json],
    tags: Mapping[str, str],
) -> None:
    """A group, unless the world has one of this id."""
    made = {
        "GroupId": name,
        "GroupName": title,
        "Description": title,
        "VpcId": cluster.vpc_config["vpcId"],
        "OwnerId": cluster.account,
        "IpPermissions": into,
        "IpPermissionsEgress": out,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    network.groups.setdefault(name, made)


def _make_interface(
    network: Network, cluster: NewCluster, name: str, raw: Json, groups: Iterable[str]
) -> None:
    """An interface, unless the world has one of this instance."""
    instance = (raw.get("Attachment") or {}).get("InstanceId")
    if instance and interfaces_of(network, instance):
        return
    address = raw["PrivateIpAddress"]
    made = {
        "NetworkInterfaceId": name,
        "VpcId": cluster.vpc_config["vpcId"],
        "OwnerId": cluster.account,
        "Status": "in-use",
        "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True}],
        "Groups": [{"GroupId": each} for each in groups],
        **raw,
    }
    network.interfaces.setdefault(name, made)


def put_groups(network: Network, cluster: str, groups: Iterable[str]) -> None:
    """Give the control plane's interfaces of a cluster these groups, as EKS does."""
    for raw in network.interfaces.values():
        if raw.get("Description") == f"Amazon EKS {cluster}":
            raw["Groups"] = [{"GroupId": each} for each in groups]


def interfaces_of(network: Network, instance: str) -> list[Json]:
    """The interfaces of an instance."""
    return [
        raw
        for raw in network.interfaces.values()
        if (raw.get("Attachment") or {}).get("InstanceId") == instance
    ]


def _address_of(dns_name: str, instance: str) -> str:
    """The address that a private DNS name spells, else one that follows from the instance's id."""
    found = _NAMED_BY_ADDRESS.match(dns_name)
    if found is not None:
        return ".".join(found.groups())
    number = int(hashlib.sha256(instance.encode()).hexdigest(), 16)
    return f"10.0.1.{number % 200 + 20}"
