"""Stage "name": does the endpoint's name resolve, and to what.

Source: EKS user guide, "Cluster API server endpoint": with private access alone the name resolves
to addresses of the VPC, everywhere.
"""

import ipaddress
from typing import Final

from migrator.decide.reach.way.cause import NAME, Cause
from migrator.model.diagnosis import Check
from migrator.model.way import Resolved, WayEnds

_SHARED: Final = ipaddress.ip_network("100.64.0.0/10")


def name_cause(ends: WayEnds, resolved: Resolved) -> Cause | None:
    """Why the name of the endpoint gives no address. With a proxy, the proxy resolves it."""
    if ends.proxy is not None or resolved.addresses:
        return None
    if resolved.slow:
        return Cause(
            "name-slow",
            NAME,
            f"The resolver of this machine did not answer for {ends.host}.",
            "It was waited for as long as the way may take.",
            f"Check the name servers of this machine (/etc/resolv.conf, VPN): `getent hosts "
            f"{ends.host}`",
        )
    return Cause(
        "name-unresolved",
        NAME,
        f"The name {ends.host} does not resolve.",
        f"The resolver says: {resolved.said}.",
        f"Ask another resolver, then mend this machine's: `nslookup {ends.host} 1.1.1.1`",
    )


def name_check(ends: WayEnds, resolved: Resolved) -> Check:
    """What the name resolves to, for doctor."""
    listed = ", ".join(resolved.addresses)
    if ends.proxy is not None:
        return Check(NAME, "ok", f"The proxy resolves {ends.host}.")
    if ends.public is False and not are_private(resolved.addresses):
        said = f"{ends.host} resolves to {listed}, although its endpoint is private."
        return Check(NAME, "warn", said, f"Ask for it again: `nslookup {ends.host}`")
    kind = "private" if are_private(resolved.addresses) else "public"
    return Check(NAME, "ok", f"{ends.host} resolves to {kind} addresses: {listed}.")


def are_private(addresses: tuple[str, ...]) -> bool:
    """Whether all are addresses of a network that is not the internet."""
    return bool(addresses) and all(map(_is_private, addresses))


def _is_private(address: str) -> bool:
    wanted = ipaddress.ip_address(address.partition("%")[0])
    # Python counts the shared space of RFC 6598 as neither private nor public; VPCs use it.
    return wanted.is_private or wanted in _SHARED
