"""What a pod of this tool has to reach: the API server, DNS, and the addresses of credentials.

Sources: Kubernetes documentation, "Accessing the API from a Pod" (Service ``default/kubernetes``);
EKS user guide, "Manage CoreDNS" (Service ``kube-system/kube-dns``) and "Set up the Amazon EKS Pod
Identity Agent" (169.254.170.23, fd00:ec2::23, port 80); EC2 user guide, "Instance metadata"
(169.254.169.254, fd00:ec2::254).
"""

from ipaddress import ip_address
from typing import Final

from migrator.decide.reach.network_policies.services import service_in
from migrator.model.network_policies.packets import Endpoint, Target
from migrator.model.network_policies.raw_policies import RawPolicies

API_SERVER: Final = "the API server"
DNS: Final = "DNS"
METADATA: Final = "the instance metadata"
POD_IDENTITY: Final = "the Pod Identity agent"
KUBERNETES: Final = ("default", "kubernetes")
KUBE_DNS: Final = ("kube-system", "kube-dns")
_LOCAL: Final = {
    METADATA: {4: "169.254.169.254", 6: "fd00:ec2::254"},
    POD_IDENTITY: {4: "169.254.170.23", 6: "fd00:ec2::23"},
}
_HTTP: Final = 80


def targets_in(raw: RawPolicies) -> tuple[Target, ...]:
    """The four targets, in this order: API server, DNS, instance metadata, Pod Identity agent."""
    server = _by_service(
        raw,
        API_SERVER,
        KUBERNETES,
        443,
        "TCP",
    )
    addresses = server.service.addresses if server.service else ()
    version = addresses[0].version if addresses else 4
    local = [
        Target(
            name,
            at=(Endpoint(ip_address(spelled[version]), _HTTP),),
            on_node=name == POD_IDENTITY,
        )
        for name, spelled in _LOCAL.items()
    ]
    return (
        server,
        _by_service(
            raw,
            DNS,
            KUBE_DNS,
            53,
            "UDP",
        ),
        *local,
    )


def _by_service(
    raw: RawPolicies,
    name: str,
    service: tuple[str, str],
    port: int,
    protocol: str,
) -> Target:
    """A target behind a Service; in doubt where that, or what is behind it, was not read."""
    title = "/".join(service)
    given, slices = raw.services.get(service), raw.slices.get(service)
    if given is None or slices is None:
        return Target(name, doubt=f"Service {title} and its endpoints could not be read")
    found = service_in(
        given,
        slices,
        raw.pods,
        port=port,
        protocol=protocol,
    )
    if found is None:
        return Target(name, doubt=f"Service {title} has no port {port} {protocol}")
    read = {(each["metadata"].get("namespace"), each["metadata"].get("name")) for each in raw.pods}
    unread = [
        each.pod.name
        for each in found.endpoints
        if each.pod is not None and (each.pod.namespace, each.pod.name) not in read
    ]
    if unread:
        return Target(name, doubt=f"pod {service[0]}/{unread[0]} could not be read")
    return Target(name, found)
