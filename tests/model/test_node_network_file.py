"""``nodeNetwork`` of a snapshot: which addresses stay, and what a route leads to."""

from migrator.model.files.node_network import node_network
from migrator.model.node_network import InstancePlace, OwnAddress

ELASTIC = {"PublicIp": "198.51.100.7", "AllocationId": "eipalloc-1", "IpOwnerId": "111122223333"}
OF_THE_DAY = {"PublicIp": "198.51.100.8", "IpOwnerId": "amazon"}


def interface(association: object, instance: str = "i-1") -> dict[str, object]:
    return {
        "SubnetId": "subnet-a",
        "Association": association,
        "Attachment": {"InstanceId": instance},
    }


def test_address_with_an_allocation_is_elastic() -> None:
    found = node_network(
        {"networkInterfaces": [interface(ELASTIC), interface(OF_THE_DAY, "i-2"), interface({})]}
    )
    assert found is not None
    assert found.own_addresses == (
        OwnAddress("subnet-a", "198.51.100.7", "i-1", elastic=True),
        OwnAddress("subnet-a", "198.51.100.8", "i-2"),
    )


def test_route_to_an_instance_names_the_instance_and_not_its_interface() -> None:
    route = {
        "DestinationCidrBlock": "0.0.0.0/0",
        "InstanceId": "i-1",
        "NetworkInterfaceId": "eni-1",
        "State": "active",
    }
    found = node_network({"routeTables": [{"VpcId": "vpc-1", "Routes": [route]}]})
    assert found is not None
    assert found.route_tables is not None
    assert [each.target for each in found.route_tables[0].routes] == ["i-1"]


def test_address_that_could_not_be_associated_is_none_of_the_gateway() -> None:
    addresses = [
        {"PublicIp": "198.51.100.4", "Status": "succeeded"},
        {"PublicIp": "198.51.100.5", "Status": "failed"},
        {"PublicIp": "198.51.100.6"},
    ]
    gateway = {"NatGatewayId": "nat-1", "State": "available", "NatGatewayAddresses": addresses}
    found = node_network({"natGateways": [gateway]})
    assert found is not None
    assert found.nat_gateways is not None
    assert found.nat_gateways[0].addresses == ("198.51.100.4", "198.51.100.6")


def test_interface_says_its_groups_and_the_clusters_of_its_tags() -> None:
    tags = [
        {"Key": "cluster.k8s.amazonaws.com/name", "Value": "prod"},
        {"Key": "kubernetes.io/cluster/older", "Value": "owned"},
        {"Key": "team", "Value": "payments"},
    ]
    item = interface({}) | {"TagSet": tags, "Groups": [{"GroupId": "sg-1", "GroupName": "x"}]}
    found = node_network({"networkInterfaces": [item]})
    assert found is not None
    place = InstancePlace("subnet-a", "i-1", frozenset({"sg-1"}), frozenset({"prod", "older"}))
    assert found.instances == (place,)
