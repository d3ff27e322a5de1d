"""How traffic of nodes leaves a VPC: subnets, route tables, NAT gateways, public addresses of
instances, as EC2 lists them.

An Elastic IP is seen where it is used: at its NAT gateway, and at its interface by the allocation.
So DescribeAddresses, which besides lists what nothing uses, is not asked.
"""

from collections.abc import Mapping
from typing import Any

from migrator.adapters.aws_session import AwsSession, jsonable
from migrator.errors import MigratorError
from migrator.model.files.node_network import names_cluster
from migrator.ports import Raw, TaskRunner

# The key in a snapshot, the operation, the list in its answer.
_LISTS: Mapping[str, tuple[str, str]] = {
    "subnets": ("describe_subnets", "Subnets"),
    "routeTables": ("describe_route_tables", "RouteTables"),
    "natGateways": ("describe_nat_gateways", "NatGateways"),
    "networkInterfaces": ("describe_network_interfaces", "NetworkInterfaces"),
}
# Credentials and Regions that fail, fail for every call.
_NOT_ALLOWED = frozenset({"iam-denied", "region-disabled", "sdk-too-old"})


class Ec2NodeNetwork:
    """:class:`migrator.ports.NodeNetworks` of one Region."""

    def __init__(self, session: AwsSession, tasks: TaskRunner) -> None:
        self._session = session
        self._tasks = tasks

    def read(self, vpc: str) -> Raw:
        """The lists of a VPC by their keys in a snapshot; without those that may not be read."""
        found = self._tasks.map(lambda key: (key, self._list(key, vpc)), list(_LISTS))
        return {key: items for key, items in found if items is not None}

    def _list(self, key: str, vpc: str) -> list[Any] | None:
        method, name = _LISTS[key]
        filters = [{"Name": "vpc-id", "Values": [vpc]}]
        # A VPC can have tens of thousands of interfaces: only those of instances are asked for.
        if key == "networkInterfaces":
            filters.append({"Name": "attachment.instance-id", "Values": ["i-*"]})
        try:
            # DescribeNatGateways spells its parameter otherwise than the other operations.
            parameter = "Filter" if key == "natGateways" else "Filters"
            items = self._session.pages(
                "ec2", method, name, subject=f"{name} of {vpc}", **{parameter: filters}
            )
        except MigratorError as error:
            if error.code in _NOT_ALLOWED:
                return None
            raise
        kept: list[Any] = jsonable([_kept(each) for each in items])
        return kept


def _kept(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item without the parts that say nothing about the way: a snapshot is kept by people."""
    kept = {key: value for key, value in item.items() if key in _FIELDS}
    tags = [tag for tag in item.get("TagSet") or () if names_cluster(str(tag.get("Key")))]
    if tags:
        kept["TagSet"] = tags
    return kept


_FIELDS = frozenset(
    {
        "Association",
        "Associations",
        "Attachment",
        "CidrBlock",
        "ConnectivityType",
        "Groups",
        "Ipv6CidrBlockAssociationSet",
        "NatGatewayAddresses",
        "NatGatewayId",
        "NetworkInterfaceId",
        "RouteTableId",
        "Routes",
        "State",
        "SubnetId",
        "VpcId",
    }
)
