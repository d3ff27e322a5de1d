"""EC2: security groups, interfaces, subnets, route tables, VPC endpoints and prefix lists."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.network import (
    Json,
    Network,
    NewCluster,
    ensure_network,
    make_id,
    permission,
    put_groups,
)
from migrator.lab.worlds.raw_parts import items_of, part_of

_Values = Callable[[Json], Iterable[str]]
# What filters compare (EC2 API reference, the operations' "Filter"), by the kind of object.
_IN_VPC: Mapping[str, _Values] = {"vpc-id": lambda raw: [raw.get("VpcId", "")]}
_INTERFACE: Mapping[str, _Values] = {
    **_IN_VPC,
    "description": lambda raw: [raw.get("Description", "")],
    "network-interface-id": lambda raw: [raw["NetworkInterfaceId"]],
    "subnet-id": lambda raw: [raw.get("SubnetId", "")],
    "group-id": lambda raw: [each["GroupId"] for each in items_of(raw, "Groups")],
    "attachment.instance-id": lambda raw: [part_of(raw, "Attachment").get("InstanceId", "")],
    "addresses.private-ip-address": lambda raw: [
        each["PrivateIpAddress"] for each in items_of(raw, "PrivateIpAddresses")
    ],
    "ipv6-addresses.ipv6-address": lambda raw: [
        each["Ipv6Address"] for each in items_of(raw, "Ipv6Addresses")
    ],
}
_GROUP: Mapping[str, _Values] = {
    **_IN_VPC,
    "group-id": lambda raw: [raw["GroupId"]],
    "group-name": lambda raw: [raw["GroupName"]],
}
_SUBNET: Mapping[str, _Values] = {**_IN_VPC, "subnet-id": lambda raw: [raw["SubnetId"]]}
_TABLE: Mapping[str, _Values] = {
    **_IN_VPC,
    "route-table-id": lambda raw: [raw["RouteTableId"]],
    "association.subnet-id": lambda raw: [
        each.get("SubnetId", "") for each in items_of(raw, "Associations")
    ],
    "association.main": lambda raw: [
        str(bool(each.get("Main"))).lower() for each in items_of(raw, "Associations")
    ],
}
_ENDPOINT: Mapping[str, _Values] = {
    **_IN_VPC,
    "service-name": lambda raw: [raw.get("ServiceName", "")],
    "vpc-endpoint-id": lambda raw: [raw["VpcEndpointId"]],
}


def network_of(call: Call) -> Network:
    """The network of the caller's account in the call's Region, with that of every cluster in
    it.
    """
    network = call.account.networks.setdefault(call.region, Network())
    for (account, region, _), cluster in call.world.clusters.items():
        if account == call.caller.account and region == call.region:
            ensure_network(network, _as_new(call, cluster))
            changed = cluster.additional_groups_at(call.now)
            if changed is not None:
                put_groups(network, cluster.name, changed)
    return network


def _as_new(call: Call, cluster: LabCluster) -> NewCluster:
    """A cluster as its network is made; its instances get the tag by which EKS knows its nodes."""
    ids = {
        str(part_of(each, "spec").get("providerID", "")).rpartition("/")[2]
        for each in cluster.kubernetes_objects
        if each.get("kind") == "Node"
    }
    instances = [
        call.account.instances[name] for name in sorted(ids) if name in call.account.instances
    ]
    for instance in instances:
        if cluster.network != "none":
            instance.tags.setdefault(f"kubernetes.io/cluster/{cluster.name}", "owned")
    return NewCluster(
        cluster.arn,
        cluster.name,
        cluster.account,
        cluster.vpc_config_at(call.now),
        [(each.id, each.private_dns_name) for each in instances],
        cluster.network,
    )


class _Listing(NamedTuple):
    """A Describe operation: ``key`` of its answer, ``ids`` of its parameters, ``name`` the id of
    an object, and the error where an id does not exist.
    """

    key: str
    ids: str
    name: str
    error: str
    kind: Callable[[Network], Mapping[str, Json]]
    known: Mapping[str, _Values]


def _describe(listing: _Listing, call: Call) -> Mapping[str, Any]:
    """The objects with the ids that are asked for, or all, that every filter passes."""
    objects = listing.kind(network_of(call))
    wanted = items_of(call.params, listing.ids)
    missing = sorted(set(wanted) - set(objects))
    if missing:
        raise AwsError(listing.error, f"The ID '{missing[0]}' does not exist")
    found = [objects[name] for name in wanted or objects]
    for asked in (*items_of(call.params, "Filters"), *items_of(call.params, "Filter")):
        found = [raw for raw in found if _passes(raw, asked, listing.known)]
    page, token = call.page(found, lambda raw: str(raw[listing.name]), default=1000)
    return {listing.key: page, "NextToken": token}


def _passes(raw: Json, asked: Mapping[str, Any], known: Mapping[str, _Values]) -> bool:
    """Whether a filter passes an object: by any of its values, which may have wildcards."""
    name = str(asked.get("Name"))
    tags = {each["Key"]: each["Value"] for each in items_of(raw, "Tags")}
    if name == "tag-key":
        values: Iterable[str] = tags
    elif name.startswith("tag:"):
        values = [value for key, value in tags.items() if key == name.removeprefix("tag:")]
    elif name in known:
        values = known[name](raw)
    else:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    patterns = [str(value) for value in items_of(asked, "Values")]
    return any(fnmatchcase(value, pattern) for value in values for pattern in patterns)


def get_managed_prefix_list_entries(call: Call) -> Mapping[str, Any]:
    """GetManagedPrefixListEntries."""
    name = str(call.need("PrefixListId"))
    lists = network_of(call).prefix_lists
    if name not in lists:
        text = f"The prefix list ID '{name}' does not exist"
        raise AwsError("InvalidPrefixListID.NotFound", text)
    page, token = call.page(lists[name], str, default=100)
    return {"Entries": [{"Cidr": cidr} for cidr in page], "NextToken": token}


def _authorize(side: str, call: Call) -> Mapping[str, Any]:
    """AuthorizeSecurityGroupIngress and -Egress: ``side`` is the group's list of permissions."""
    group = _group(call)
    for each in _permissions(call):
        if each in group[side]:
            raise AwsError("InvalidPermission.Duplicate", "the specified rule already exists")
        with call.effect(group=group["GroupId"]):
            group[side].append(each)
    return {"Return": True}


def _revoke(side: str, call: Call) -> Mapping[str, Any]:
    """RevokeSecurityGroupIngress and -Egress."""
    group = _group(call)
    for each in _permissions(call):
        if each not in group[side]:
            text = "The specified rule does not exist in this security group."
            raise AwsError("InvalidPermission.NotFound", text)
        with call.effect(group=group["GroupId"]):
            group[side].remove(each)
    return {"Return": True}


def _group(call: Call) -> Json:
    """The group that a call names. Raises InvalidGroup.NotFound."""
    name = str(call.need("GroupId"))
    found = network_of(call).groups.get(name)
    if found is None:
        raise AwsError("InvalidGroup.NotFound", f"The ID '{name}' does not exist")
    return found


def _permissions(call: Call) -> list[Json]:
    """The permissions that a call names, in full or by its short parameters, each for one peer."""
    found: list[Json] = []
    short = {
        "IpProtocol": call.params.get("IpProtocol"),
        "FromPort": call.params.get("FromPort"),
        "ToPort": call.params.get("ToPort"),
        "IpRanges": [{"CidrIp": call.params["CidrIp"]}] if call.params.get("CidrIp") else [],
    }
    asked = items_of(call.params, "IpPermissions")
    for raw in asked or [short]:
        ports = {} if raw["IpProtocol"] == "-1" else _ports(raw)
        base = {"IpProtocol": raw["IpProtocol"], "IpRanges": [], "UserIdGroupPairs": [], **ports}
        for key in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
            found += [{**base, key: [dict(peer)]} for peer in items_of(raw, key)]
    return found


def _ports(raw: Mapping[str, Any]) -> Json:
    """The ports of a permission; ICMP has type and code there."""
    return {"FromPort": raw.get("FromPort"), "ToPort": raw.get("ToPort")}


_TagChange = Callable[[list[Json], Mapping[str, Any]], None]


def _change_tags(change: _TagChange, call: Call) -> Mapping[str, Any]:
    """CreateTags and DeleteTags."""
    for name in call.need("Resources"):
        tags = network_of(call).tags_of(str(name))
        if tags is None:
            raise AwsError("InvalidID", f"The ID '{name}' is not valid")
        for tag in items_of(call.params, "Tags"):
            with call.effect(resource=name):
                change(tags, tag)
    return {}


def _put_tag(tags: list[Json], tag: Mapping[str, Any]) -> None:
    """A key is there once: the last value counts (EC2 API reference, CreateTags)."""
    _drop_tag(tags, {"Key": tag["Key"]})
    tags.append({"Key": tag["Key"], "Value": tag.get("Value", "")})


def _drop_tag(tags: list[Json], tag: Mapping[str, Any]) -> None:
    """Without a value the tag goes whatever its value is (EC2 API reference, DeleteTags)."""
    value = tag.get("Value")
    tags[:] = [
        each for each in tags if each["Key"] != tag["Key"] or value not in (None, each["Value"])
    ]


def modify_network_interface_attribute(call: Call) -> Mapping[str, Any]:
    """ModifyNetworkInterfaceAttribute: the groups of an interface."""
    name = str(call.need("NetworkInterfaceId"))
    found = network_of(call).interfaces.get(name)
    if found is None:
        raise AwsError("InvalidNetworkInterfaceID.NotFound", f"The ID '{name}' does not exist")
    with call.effect(interface=name):
        found["Groups"] = [{"GroupId": each} for each in call.need("Groups")]
    return {}


def create_security_group(call: Call) -> Mapping[str, Any]:
    """CreateSecurityGroup: it lets everything out, and nothing in."""
    network, vpc, title = network_of(call), str(call.need("VpcId")), str(call.need("GroupName"))
    if (vpc, title) in [(each["VpcId"], each["GroupName"]) for each in network.groups.values()]:
        text = f"The security group '{title}' already exists for VPC '{vpc}'"
        raise AwsError("InvalidGroup.Duplicate", text)
    name = make_id("sg", vpc, title)
    with call.effect(group=name):
        network.groups[name] = {
            "GroupId": name,
            "GroupName": title,
            "Description": str(call.need("Description")),
            "VpcId": vpc,
            "OwnerId": call.caller.account,
            "IpPermissions": [],
            "IpPermissionsEgress": [permission("-1", cidr="0.0.0.0/0")],
            "Tags": [],
        }
    return {"GroupId": name}


def create_vpc_endpoint(call: Call) -> Mapping[str, Any]:
    """CreateVpcEndpoint, available as soon as it is made. Raises InvalidParameter where the VPC has
    another endpoint to which the service's name leads.
    """
    network, vpc = network_of(call), str(call.need("VpcId"))
    service = str(call.need("ServiceName"))
    made: Json = {
        "VpcEndpointId": make_id("vpce", vpc, service, str(len(network.endpoints))),
        "VpcEndpointType": str(call.params.get("VpcEndpointType") or "Gateway"),
        "VpcId": vpc,
        "ServiceName": service,
        "State": "available",
        "PrivateDnsEnabled": False,
        "SubnetIds": items_of(call.params, "SubnetIds"),
        "Groups": [{"GroupId": each} for each in items_of(call.params, "SecurityGroupIds")],
    }
    with call.effect(endpoint=made["VpcEndpointId"]):
        _change_endpoint(network, made, call.params, "RouteTableIds")
        network.endpoints[made["VpcEndpointId"]] = made
    return {"VpcEndpoint": made}


def modify_vpc_endpoint(call: Call) -> Mapping[str, Any]:
    """ModifyVpcEndpoint: private DNS, and further route tables."""
    network, name = network_of(call), str(call.need("VpcEndpointId"))
    found = network.endpoints.get(name)
    if found is None:
        raise AwsError(
            "InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{name}' does not exist"
        )
    with call.effect(endpoint=name):
        _change_endpoint(network, found, call.params, "AddRouteTableIds")
    return {"Return": True}


def _change_endpoint(
    network: Network, endpoint: Json, params: Mapping[str, Any], tables: str
) -> None:
    """Let the service's name lead to an endpoint, and tables route to it."""
    if params.get("PrivateDnsEnabled"):
        named = (endpoint["VpcId"], endpoint["ServiceName"])
        same = [
            each
            for each in network.endpoints.values()
            if (each.get("VpcId"), each.get("ServiceName")) == named
            and each.get("PrivateDnsEnabled")
        ]
        if same:
            text = (
                "private-dns-enabled cannot be set because there is already a conflicting DNS"
                f" domain for {endpoint['ServiceName']} in the VPC {endpoint['VpcId']}"
            )
            raise AwsError("InvalidParameter", text)
        endpoint["PrivateDnsEnabled"] = True
    for name in items_of(params, tables):
        if name not in network.route_tables:
            text = f"The routeTable ID '{name}' does not exist"
            raise AwsError("InvalidRouteTableID.NotFound", text)
        route = {
            "DestinationPrefixListId": make_id("pl", str(endpoint["ServiceName"])),
            "GatewayId": endpoint["VpcEndpointId"],
            "State": "active",
        }
        network.route_tables[name]["Routes"].append(route)


_LISTINGS: Mapping[str, _Listing] = {
    "DescribeNatGateways": _Listing(
        "NatGateways",
        "NatGatewayIds",
        "NatGatewayId",
        "NatGatewayNotFound",
        lambda network: network.nat_gateways,
        {
            **_IN_VPC,
            "nat-gateway-id": lambda raw: [raw["NatGatewayId"]],
            "state": lambda raw: [raw.get("State", "")],
        },
    ),
    "DescribeNetworkInterfaces": _Listing(
        "NetworkInterfaces",
        "NetworkInterfaceIds",
        "NetworkInterfaceId",
        "InvalidNetworkInterfaceID.NotFound",
        lambda network: network.interfaces,
        _INTERFACE,
    ),
    "DescribeSecurityGroups": _Listing(
        "SecurityGroups",
        "GroupIds",
        "GroupId",
        "InvalidGroup.NotFound",
        lambda network: network.groups,
        _GROUP,
    ),
    "DescribeSubnets": _Listing(
        "Subnets",
        "SubnetIds",
        "SubnetId",
        "InvalidSubnetID.NotFound",
        lambda network: network.subnets,
        _SUBNET,
    ),
    "DescribeRouteTables": _Listing(
        "RouteTables",
        "RouteTableIds",
        "RouteTableId",
        "InvalidRouteTableID.NotFound",
        lambda network: network.route_tables,
        _TABLE,
    ),
    "DescribeVpcEndpoints": _Listing(
        "VpcEndpoints",
        "VpcEndpointIds",
        "VpcEndpointId",
        "InvalidVpcEndpointId.NotFound",
        lambda network: network.endpoints,
        _ENDPOINT,
    ),
}
OPERATIONS: Mapping[str, Handler] = {
    **{name: partial(_describe, listing) for name, listing in _LISTINGS.items()},
    "GetManagedPrefixListEntries": get_managed_prefix_list_entries,
    "AuthorizeSecurityGroupIngress": partial(_authorize, "IpPermissions"),
    "AuthorizeSecurityGroupEgress": partial(_authorize, "IpPermissionsEgress"),
    "RevokeSecurityGroupIngress": partial(_revoke, "IpPermissions"),
    "RevokeSecurityGroupEgress": partial(_revoke, "IpPermissionsEgress"),
    "CreateSecurityGroup": create_security_group,
    "CreateVpcEndpoint": create_vpc_endpoint,
    "ModifyVpcEndpoint": modify_vpc_endpoint,
    "CreateTags": partial(_change_tags, _put_tag),
    "DeleteTags": partial(_change_tags, _drop_tag),
    "ModifyNetworkInterfaceAttribute": modify_network_interface_attribute,
}
