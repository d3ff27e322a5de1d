"""What DescribeCluster says of a migration's chances: status, platform, and the ways to the API
server.

Source: EKS user guide, "Cluster API server endpoint" (access modes, and that nodes need the private
endpoint or an allowed address). What keeps access entries from a cluster is in
``decide/findings/platform.py``: a plan says the same.
"""

from collections.abc import Mapping
from typing import Any

from migrator.decide.findings.platform import (
    cidr_obstacle,
    mode_of,
    platform_obstacle,
    said_versions,
    versions_of,
)
from migrator.decide.findings.public_cidrs import admits, host_cidr, is_open_to_all
from migrator.decide.reach.aws_command import aws_eks
from migrator.model.diagnosis import Check
from migrator.model.opened_endpoint import seen_in

Raw = Mapping[str, Any]


def cluster_checks(cluster: Raw) -> tuple[Check, ...]:
    """Checks of the cluster itself, from DescribeCluster ``.cluster``."""
    return (_status(cluster), _platform(cluster), _mode(cluster), _endpoint(cluster))


def _status(cluster: Raw) -> Check:
    status = str(cluster.get("status", "unknown"))
    if status == "ACTIVE":
        return Check("cluster-status", "ok", "The cluster is ACTIVE.")
    remedy = "Mend the cluster first."
    # These two end without an operator (EKS API reference, Cluster, "status").
    if status in ("UPDATING", "CREATING"):
        remedy = "Wait until it is ACTIVE."
    return Check("cluster-status", "fail", f"The cluster is {status}.", remedy)


def _platform(cluster: Raw) -> Check:
    obstacle = platform_obstacle(cluster)
    if obstacle is not None:
        return Check("platform", "fail", obstacle.message, obstacle.remedy)
    said = said_versions(cluster)
    if mode_of(cluster) != "CONFIG_MAP" or versions_of(cluster) is not None:
        return Check("platform", "ok", f"{said}: has access entries.")
    return Check(
        "platform", "unknown", f"{said}: not a version that is understood.", "Look it up by hand."
    )


def _mode(cluster: Raw) -> Check:
    mode = mode_of(cluster)
    if mode == "API":
        return Check(
            "authentication-mode",
            "ok",
            "The mode is API: the migration is done, aws-auth is not asked.",
        )
    return Check("authentication-mode", "ok", f"The mode is {mode}.")


def _endpoint(cluster: Raw) -> Check:
    vpc = cluster.get("resourcesVpcConfig") or {}
    public = vpc.get("endpointPublicAccess")
    private = vpc.get("endpointPrivateAccess")
    cidrs = tuple(vpc.get("publicAccessCidrs") or ())
    if public is None:
        return Check("endpoint-access", "unknown", "The endpoint's access mode is not known.")
    if not public:
        said = "The endpoint is private: it is reached from the VPC and what is connected to it."
        return Check("endpoint-access", "ok", said)
    if is_open_to_all(cidrs, seen_in(cluster).family):
        more = ""
        if private:
            more = " and from inside the VPC"
        return Check("endpoint-access", "ok", f"The endpoint is open to every address{more}.")
    said = f"The endpoint is open to {', '.join(cidrs)}"
    if private:
        return Check("endpoint-access", "ok", f"{said}, and from inside the VPC.")
    # Without private access, traffic of nodes leaves the VPC and comes to the public endpoint
    # ("Cluster API server endpoint").
    return Check(
        "endpoint-access",
        "warn",
        f"{said}, and not from inside the VPC: nodes and Fargate pods join only from these "
        f"addresses.",
        "Switch private access on, or allow the addresses that nodes leave the VPC with.",
    )


def address_check(cluster: Raw, address: str | None) -> Check | None:
    """Whether this machine's public address is allowed.

    None where every address is, or where there is no public endpoint. ``address`` None: it could
    not be found out.
    """
    vpc = cluster.get("resourcesVpcConfig") or {}
    cidrs = tuple(vpc.get("publicAccessCidrs") or ())
    if not vpc.get("endpointPublicAccess"):
        return None
    if is_open_to_all(cidrs, seen_in(cluster).family):
        return None
    if address is None:
        said = f"Whether this machine is in publicAccessCidrs ({', '.join(cidrs)}) is not known."
        return Check(
            "source-address",
            "unknown",
            said,
            "Compare with the address that your network is seen under.",
        )
    if admits(cidrs, address):
        return Check(
            "source-address", "ok", f"This machine's address {address} is in publicAccessCidrs."
        )
    full = cidr_obstacle(len(cidrs))
    if full is not None:
        said = f"This machine's address {address} is not in publicAccessCidrs. {full.message}"
        return Check("source-address", "fail", said, full.remedy)
    allowed = ",".join((*cidrs, host_cidr(address)))
    return Check(
        "source-address",
        "fail",
        f"This machine's address {address} is not in publicAccessCidrs ({', '.join(cidrs)}).",
        f"`{aws_eks(cluster, 'update-cluster-config')} --resources-vpc-config "
        f"publicAccessCidrs={allowed}`, "
        "--open-endpoint-for-me, --proxy-url, or a VPN.",
    )
