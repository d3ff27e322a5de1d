"""What DescribeCluster says of a migration's chances: status, platform, and the ways to the API
server.

Source: EKS user guide, "Setting up access entries" (platform versions), "Cluster API server
endpoint" (access modes, and that nodes need the private endpoint or an allowed address), "Amazon
EKS on AWS Outposts".
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from migrator.model.diagnosis import Check

Raw = Mapping[str, Any]
# The first platform version with access entries; later Kubernetes versions all have them.
_FIRST_PLATFORM: Final = {
    (1, 23): 17,
    (1, 24): 15,
    (1, 25): 12,
    (1, 26): 11,
    (1, 27): 10,
    (1, 28): 6,
    (1, 29): 1,
    (1, 30): 2,
}
_EVERY_ADDRESS: Final = frozenset({"0.0.0.0/0", "::/0"})


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
    if cluster.get("outpostConfig"):
        return Check(
            "platform",
            "fail",
            "The cluster runs on an Outpost, where access entries are not supported.",
            "It keeps aws-auth.",
        )
    version = _numbers(cluster.get("version"))[:2]
    platform = _numbers(cluster.get("platformVersion"))[:1]
    said = f"Kubernetes {cluster.get('version')}, platform {cluster.get('platformVersion')}"
    # EKS may write versions in another form one day: that is no reason to call them too old.
    if len(version) < 2 or not platform:
        return Check(
            "platform",
            "unknown",
            f"{said}: not a version that is understood.",
            "Look it up by hand.",
        )
    # Each Kubernetes version has its own platform versions, counted from 1.
    first = _FIRST_PLATFORM.get((version[0], version[1]), 0)
    if version < (1, 23) or platform[0] < first:
        return Check(
            "platform", "fail", f"{said}: too old for access entries.", "Update the cluster first."
        )
    return Check("platform", "ok", f"{said}: has access entries.")


def _numbers(text: object) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,6}", str(text or "")))


def _mode(cluster: Raw) -> Check:
    mode = (cluster.get("accessConfig") or {}).get("authenticationMode") or "CONFIG_MAP"
    if mode == "API":
        return Check(
            "authentication-mode",
            "ok",
            "The mode is API: the migration is done, aws-auth is not asked.",
        )
    return Check("authentication-mode", "ok", f"The mode is {mode}.")


def _endpoint(cluster: Raw) -> Check:
    vpc = cluster.get("resourcesVpcConfig") or {}
    public, private = vpc.get("endpointPublicAccess"), vpc.get("endpointPrivateAccess")
    cidrs = tuple(vpc.get("publicAccessCidrs") or ())
    if public is None:
        return Check("endpoint-access", "unknown", "The endpoint's access mode is not known.")
    if not public:
        said = "The endpoint is private: it is reached from the VPC and what is connected to it."
        return Check("endpoint-access", "ok", said)
    if _is_open_to_all(cidrs):
        more = " and from inside the VPC" if private else ""
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


def _is_open_to_all(cidrs: Sequence[str]) -> bool:
    # Without a list EKS allows every address ("Cluster API server endpoint").
    if not cidrs:
        return True
    return not _EVERY_ADDRESS.isdisjoint(cidrs)


def address_check(cluster: Raw, address: str | None) -> Check | None:
    """Whether this machine's public address is allowed; None where every address is, or where
    there is no public endpoint.
    """
    vpc = cluster.get("resourcesVpcConfig") or {}
    cidrs = tuple(vpc.get("publicAccessCidrs") or ())
    if not vpc.get("endpointPublicAccess"):
        return None
    if _is_open_to_all(cidrs):
        return None
    if address is None:
        said = f"Whether this machine is in publicAccessCidrs ({', '.join(cidrs)}) is not known."
        return Check(
            "source-address",
            "unknown",
            said,
            "Compare with the address that your network is seen under.",
        )
    if is_among(address, cidrs):
        return Check(
            "source-address", "ok", f"This machine's address {address} is in publicAccessCidrs."
        )
    name = cluster.get("name", "CLUSTER")
    allowed = ",".join((*cidrs, host_cidr(address)))
    return Check(
        "source-address",
        "fail",
        f"This machine's address {address} is not in publicAccessCidrs ({', '.join(cidrs)}).",
        f"`aws eks update-cluster-config --name {name} --resources-vpc-config "
        f"publicAccessCidrs={allowed}`, "
        "--open-endpoint-for-me, --proxy-url, or a VPN.",
    )


def is_among(address: str, cidrs: Sequence[str]) -> bool:
    """Whether an address is in one of the blocks. What is no address or block counts as no."""
    try:
        wanted = ipaddress.ip_address(address)
        networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    except ValueError:
        return False
    # A block of the other version holds no such address (Python's ipaddress says so, too).
    return any(wanted in network for network in networks)


def host_cidr(address: str) -> str:
    """The block of one address: ``/32``, or ``/128`` for IPv6. Raises ``ValueError`` for what is no
    address.
    """
    return str(ipaddress.ip_network(address))
