"""Stage "TCP": a direct connection that was not made.

Source: EKS user guide, "Cluster API server endpoint". A source address that publicAccessCidrs does
not list gets no answer at all, and the control plane's logs show nothing of it.
"""

import ipaddress

from migrator.decide.findings.platform import cidr_obstacle
from migrator.decide.findings.public_cidrs import (
    admits,
    host_cidr,
    is_open_to_versions,
)
from migrator.decide.reach.way.cause import TCP, Cause
from migrator.decide.reach.way.name_stage import are_private
from migrator.model.diagnosis import Check
from migrator.model.way import Connected, Way, WayEnds


def tcp_cause(way: Way) -> Cause | None:
    """Why there is no direct connection."""
    connected, ends = way.connected, way.ends
    if connected is None or connected.kind == "open" or ends.proxy is not None:
        return None
    if connected.kind == "timeout":
        return _timed_out(way)
    return _failed(way, connected)


def is_filter_possible(way: Way) -> bool:
    """Whether the connection failed as it does behind publicAccessCidrs."""
    ends = way.ends
    if ends.proxy is not None or ends.tunnelled or not ends.public:
        return False
    if way.connected is None or way.connected.kind != "timeout":
        return False
    return not _is_open(way)


def _is_open(way: Way) -> bool:
    """Whether the filter admits every address of the versions that the endpoint has. A name that
    was not resolved here counts as one with IPv4 addresses: every endpoint has them.
    """
    addresses = way.resolved.addresses if way.resolved else ()
    versions = {_version(address) for address in addresses}
    return is_open_to_versions(way.ends.public_cidrs, versions or {4})


def _version(address: str) -> int:
    """4 or 6, of an address that may name its zone."""
    return ipaddress.ip_address(address.partition("%")[0]).version


def _where(ends: WayEnds) -> str:
    return f"{ends.host}:{ends.port}"


def _failed(way: Way, connected: Connected) -> Cause:
    ends = way.ends
    where = _where(ends)
    if connected.kind == "refused" and ends.tunnelled:
        return Cause(
            "endpoint-refused",
            TCP,
            f"Nothing listens at {where}, where the way to {ends.tls_name} begins.",
            f"The system says: {connected.said}.",
            "Open the tunnel or the port forwarding again, then run the same command again.",
        )
    if connected.kind == "refused":
        return Cause(
            "endpoint-refused",
            TCP,
            f"{where} refuses connections.",
            f"A host answered that nothing listens there: {connected.said}. This is no address "
            f"filter, which gives no answer.",
            f"Check that the cluster is ACTIVE: `{_describe(ends)} --query cluster.status`",
        )
    if connected.kind == "reset":
        return Cause(
            "endpoint-reset",
            TCP,
            f"The connection to {where} was reset while it was made.",
            f"A firewall on the way ends it: {connected.said}.",
            f"Have the firewall allow TCP {ends.port} to {ends.host}, or use --proxy-url.",
        )
    if connected.kind == "no-route":
        return _no_route(way, connected)
    return Cause(
        "api-server-unreachable",
        TCP,
        f"The connection to {where} failed.",
        f"The system says: {connected.said}.",
        "Mend what the system names, then run the same command again.",
    )


def _no_route(way: Way, connected: Connected) -> Cause:
    addresses = way.resolved.addresses if way.resolved else ()
    shown = addresses[0] if addresses else way.ends.host
    why = f"The system says: {connected.said}."
    if addresses and all(":" in address for address in addresses):
        why = f"It has IPv6 addresses alone. {why}"
    return Cause(
        "endpoint-no-route",
        TCP,
        f"This machine has no route to {_where(way.ends)} ({', '.join(addresses)}).",
        why,
        f"Connect the network or the VPN that leads there: `ip route get {shown}`",
    )


def _timed_out(way: Way) -> Cause:
    ends = way.ends
    what = f"{_where(ends)} does not answer: the connection timed out."
    addresses = way.resolved.addresses if way.resolved else ()
    if ends.public is False:
        return Cause(
            "endpoint-private",
            TCP,
            what,
            "Its endpoint answers inside the VPC only (endpointPublicAccess is off).",
            "From outside use --via ssm:auto, which goes through a node of the cluster, or "
            "--proxy-url; in the VPC let TCP 443 from this machine into the cluster's security "
            "group.",
        )
    if ends.private and are_private(addresses):
        return Cause(
            "endpoint-private",
            TCP,
            what,
            f"The name leads to the VPC's addresses ({', '.join(addresses)}): a security group of "
            f"the cluster lets TCP 443 from this machine in, or nothing does.",
            "Let TCP 443 from this machine into the cluster's security group.",
        )
    if ends.public is None or _is_open(way):
        return _dropped(way, what)
    return _filtered(way, what, addresses)


def _dropped(way: Way, what: str) -> Cause:
    why = "A firewall on the way drops the connection."
    if way.ends.public:
        why = "publicAccessCidrs lets every address in: a firewall on the way drops it."
    return Cause(
        "endpoint-timed-out",
        TCP,
        what,
        why,
        f"Have the firewall of this network allow TCP {way.ends.port} to {way.ends.host}, or use "
        f"--proxy-url.",
    )


def _filtered(way: Way, what: str, addresses: tuple[str, ...]) -> Cause:
    ends, source = way.ends, way.source_address
    listed = ", ".join(ends.public_cidrs)
    if source is None:
        return _unknown_source(what, f"({listed}) lets this machine in is not known.")
    if not _is_family_tried(source, addresses):
        return _unknown_source(
            what,
            f"({listed}) lets this machine in is not known: its address {source} is not of the "
            f"family that the endpoint has ({', '.join(addresses)}).",
        )
    if admits(ends.public_cidrs, source):
        return Cause(
            "endpoint-timed-out",
            TCP,
            what,
            f"publicAccessCidrs ({listed}) lets this machine's address {source} in: a firewall on "
            f"the way drops the connection, or the list was changed in the last minutes.",
            f"Have the firewall of this network allow TCP {ends.port} to {ends.host}, or use "
            f"--proxy-url.",
        )
    return _not_listed(ends, what, source)


def _unknown_source(what: str, why: str) -> Cause:
    return Cause(
        "source-address-unknown",
        TCP,
        what,
        f"Whether publicAccessCidrs {why}",
        "Find the address out and run the same command again with --source-address ADDRESS: "
        "`curl https://checkip.amazonaws.com`",
    )


def _not_listed(ends: WayEnds, what: str, source: str) -> Cause:
    listed = ", ".join(ends.public_cidrs)
    why = f"This machine's address {source} is not in publicAccessCidrs ({listed})."
    full = cidr_obstacle(len(ends.public_cidrs))
    if full is not None:
        return Cause("source-address-filtered", TCP, what, f"{why} {full.message}", full.remedy)
    allowed = ",".join((*ends.public_cidrs, host_cidr(source)))
    return Cause(
        "source-address-filtered",
        TCP,
        what,
        why,
        f"Add the address, or give --open-endpoint-for-me to have it added while the command "
        f"runs: `{_aws(ends, 'update-cluster-config')} --resources-vpc-config "
        f"publicAccessCidrs={allowed}`",
    )


def _is_family_tried(source: str, addresses: tuple[str, ...]) -> bool:
    """Whether the endpoint has an address of the source's family: the other one is filtered by
    other entries of the list.
    """
    if not addresses:
        return True
    try:
        wanted = ipaddress.ip_address(source).version
    except ValueError:
        return False
    return any(_version(each) == wanted for each in addresses)


def _aws(ends: WayEnds, call: str) -> str:
    where = f" --region {ends.region}" if ends.region else ""
    return f"aws eks {call}{where} --name {ends.cluster or 'CLUSTER'}"


def _describe(ends: WayEnds) -> str:
    return _aws(ends, "describe-cluster")


def tcp_check(ends: WayEnds) -> Check:
    """A connection that was made, for doctor."""
    if ends.proxy is not None:
        return Check(TCP, "ok", f"{ends.proxy.url} accepts connections.")
    return Check(TCP, "ok", f"{_where(ends)} accepts connections.")
