"""``nodeNetwork`` of a snapshot: lists of EC2's answers, as ``aws ec2 describe-… --output json``
gives them.

Keys: ``subnets``, ``routeTables``, ``natGateways``, ``networkInterfaces``. A list that is missing
was not read. Fields that are missing say nothing; a list of another type is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from migrator.errors import Failed
from migrator.model.node_network import (
    InstancePlace,
    NatGateway,
    NodeNetwork,
    NodeRoute,
    NodeRouteTable,
    NodeSubnet,
    OwnAddress,
)

Raw = Mapping[str, Any]
T = TypeVar("T")
# What a route leads to, by the field that names it (EC2 API reference, Route).
_TARGETS = (
    "NatGatewayId",
    "GatewayId",
    "EgressOnlyInternetGatewayId",
    "TransitGatewayId",
    # A route to an interface names its instance, too, whose other interfaces may lead further.
    "InstanceId",
    "NetworkInterfaceId",
    "VpcPeeringConnectionId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
)
_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def node_network(value: object) -> NodeNetwork | None:
    """The network in a snapshot; None where it was not read. Raises ``snapshot-malformed``."""
    if value is None:
        return None
    raw = _object(value, "nodeNetwork")
    return NodeNetwork(
        subnets=_listed(raw, "subnets", _subnet),
        route_tables=_listed(raw, "routeTables", _route_table),
        nat_gateways=_listed(raw, "natGateways", _nat_gateway),
        own_addresses=_own_addresses(raw),
        instances=_listed(raw, "networkInterfaces", _instance),
    )


def _listed(raw: Raw, key: str, make: Callable[[Raw], T]) -> tuple[T, ...] | None:
    if raw.get(key) is None:
        return None
    return tuple(map(make, _objects(raw, key, f"nodeNetwork.{key}")))


def _subnet(raw: Raw) -> NodeSubnet:
    blocks: list[str] = []
    for each in _objects(raw, "Ipv6CidrBlockAssociationSet", "nodeNetwork.subnets"):
        state = _object_in(each, "Ipv6CidrBlockState", "nodeNetwork.subnets")
        if state.get("State", "associated") == "associated":
            blocks.append(_text(each, "Ipv6CidrBlock"))
    return NodeSubnet(_text(raw, "SubnetId"), _text(raw, "VpcId"), tuple(blocks))


def _route_table(raw: Raw) -> NodeRouteTable:
    place = "nodeNetwork.routeTables"
    links = _objects(raw, "Associations", place)
    return NodeRouteTable(
        vpc=_text(raw, "VpcId"),
        main=any(each.get("Main") for each in links),
        subnets=frozenset(filter(None, (_text(each, "SubnetId") for each in links))),
        routes=tuple(map(_route, _objects(raw, "Routes", place))),
    )


def _route(raw: Raw) -> NodeRoute:
    return NodeRoute(
        destination=_first(raw, _DESTINATIONS),
        target=_first(raw, _TARGETS),
        active=raw.get("State", "active") == "active",
    )


def _nat_gateway(raw: Raw) -> NatGateway:
    listed = _objects(raw, "NatGatewayAddresses", "nodeNetwork.natGateways")
    # An address whose association failed is not in use (EC2 API reference, NatGatewayAddress).
    addresses = [_text(each, "PublicIp") for each in listed if each.get("Status") != "failed"]
    return NatGateway(
        id=_text(raw, "NatGatewayId"),
        state=_text(raw, "State"),
        public=raw.get("ConnectivityType", "public") == "public",
        addresses=tuple(filter(None, addresses)),
    )


# Tags by which an interface is one of a cluster's nodes: of the VPC CNI, of EKS, of whoever made
# the instance (EKS user guide, "Subnet and interface tags"; amazon-vpc-cni-k8s, README).
_NAMES_CLUSTER = ("cluster.k8s.amazonaws.com/name", "eks:cluster-name", "eks:eks-cluster-name")
_OF_CLUSTER = "kubernetes.io/cluster/"


def names_cluster(key: str) -> bool:
    """Whether a tag with this key names a cluster."""
    return key in _NAMES_CLUSTER or key.startswith(_OF_CLUSTER)


def _instance(raw: Raw) -> InstancePlace:
    place = "nodeNetwork.networkInterfaces"
    tags = {_text(each, "Key"): _text(each, "Value") for each in _objects(raw, "TagSet", place)}
    named = [tags.get(key, "") for key in _NAMES_CLUSTER]
    named += [key.removeprefix(_OF_CLUSTER) for key in tags if key.startswith(_OF_CLUSTER)]
    groups = [_text(each, "GroupId") for each in _objects(raw, "Groups", place)]
    return InstancePlace(
        subnet=_text(raw, "SubnetId"),
        instance=_text(_object_in(raw, "Attachment", place), "InstanceId"),
        groups=frozenset(filter(None, groups)),
        clusters=frozenset(filter(None, named)),
    )


def _own_addresses(raw: Raw) -> tuple[OwnAddress, ...] | None:
    """The public addresses of instances. Interfaces of load balancers and of NAT gateways have
    addresses, too, and no instance.
    """
    key = "networkInterfaces"
    if raw.get(key) is None:
        return None
    found: list[OwnAddress] = []
    for each in _objects(raw, key, f"nodeNetwork.{key}"):
        instance = _text(_object_in(each, "Attachment", f"nodeNetwork.{key}"), "InstanceId")
        association = _object_in(each, "Association", f"nodeNetwork.{key}")
        address = _text(association, "PublicIp")
        # Only Elastic IPs have an allocation (EC2 API reference, NetworkInterfaceAssociation).
        elastic = bool(_text(association, "AllocationId"))
        if instance and address:
            found.append(OwnAddress(_text(each, "SubnetId"), address, instance, elastic))
    return tuple(found)


def _first(raw: Raw, keys: Sequence[str]) -> str:
    for key in keys:
        if raw.get(key):
            return _text(raw, key)
    return ""


def _text(raw: Raw, key: str) -> str:
    return str(raw.get(key) or "")


def _objects(raw: Raw, key: str, where: str) -> list[Raw]:
    """The objects of a list that may be missing. Raises ``snapshot-malformed``."""
    value = raw.get(key) or []
    if not isinstance(value, list):
        raise _malformed(where, "a list", value)
    return [_object(each, where) for each in value]


def _object(value: object, where: str) -> Raw:
    if not isinstance(value, Mapping):
        raise _malformed(where, "an object", value)
    return value


def _object_in(raw: Raw, key: str, where: str) -> Raw:
    """An object that may be missing."""
    return _object(raw.get(key) or {}, where)


def _malformed(where: str, wanted: str, found: object) -> Failed:
    return Failed(
        "snapshot-malformed",
        f"The snapshot's `{where}` is not {wanted}.",
        why=f"Found {type(found).__name__}: {str(found)[:80]!r}.",
        remedy="Make the snapshot again with `migrate snapshot CLUSTER --out FILE`, or mend that "
        "field.",
    )
