"""Whether nodes can join: reads the ways of nodes out of their VPC where the endpoint makes them
matter.
"""

from migrator.decide.findings.node_join import NodeJoin, is_join_trap, node_join
from migrator.errors import MigratorError
from migrator.model.diagnosis import Check
from migrator.model.files.node_network import node_network
from migrator.model.files.snapshot import fargate_profile, nodegroup
from migrator.ports import ClusterReader, NodeNetworks, Raw

NAME = "node-join"


def node_network_of(networks: NodeNetworks | None, cluster: Raw) -> Raw | None:
    """``nodeNetwork`` of a cluster's snapshot, from DescribeCluster ``.cluster``; None where nodes
    do not depend on it.
    """
    if networks is None or not is_join_trap(cluster):
        return None
    return networks.read(str(cluster["resourcesVpcConfig"].get("vpcId")))


def node_join_check(
    reader: ClusterReader, networks: NodeNetworks | None, cluster: Raw
) -> tuple[Check, ...]:
    """The check of a diagnosis: none where the endpoint does not make nodes depend on addresses."""
    if not is_join_trap(cluster):
        return ()
    try:
        found = _read(reader, networks, cluster)
    except MigratorError as error:
        said = f"Whether nodes can join is not known. {error.message} {error.why}"
        return (Check(NAME, "unknown", said.strip(), error.remedy),)
    if found is None:
        said = "Nodes join from listed addresses only, and each of their subnets is listed."
        return (Check(NAME, "ok", said),)
    said = f"Nodes and Fargate pods join only from publicAccessCidrs. {found.message}"
    return (Check(NAME, "fail" if found.failing else "warn", said, found.remedy),)


def _read(reader: ClusterReader, networks: NodeNetworks | None, cluster: Raw) -> NodeJoin | None:
    groups = [nodegroup(each, "nodegroups") for each in reader.list_nodegroups()]
    profiles = [fargate_profile(each, "fargateProfiles") for each in reader.list_fargate_profiles()]
    network = node_network(node_network_of(networks, cluster))
    return node_join(cluster, groups, profiles, network)
