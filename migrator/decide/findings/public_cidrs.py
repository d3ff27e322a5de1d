"""Arithmetic of ``publicAccessCidrs``: blocks of both families, merged into the fewest that admit
the same addresses.

Source: EKS user guide, "Cluster API server endpoint" (40 blocks at most; IPv4, and IPv6 for
clusters of that family). What is no block is kept as it is: EKS put it there.
"""

import ipaddress
from collections.abc import Collection, Iterable, Sequence
from typing import Final

_EVERY: Final = {4: "0.0.0.0/0", 6: "::/0"}
# EKS user guide, "Cluster API server endpoint": endpoints of clusters of the IPv6 family have
# addresses of both families, all others have IPv4 addresses alone.
_VERSIONS: Final = {"ipv4": (4,), "ipv6": (4, 6)}


def is_open_to_all(cidrs: Sequence[str], family: str = "ipv4") -> bool:
    """Whether every address from which the endpoint can be asked is admitted: also where there is
    no list. ``family``: ``kubernetesNetworkConfig.ipFamily``, ``ipv4`` or ``ipv6``.
    """
    return is_open_to_versions(cidrs, _VERSIONS.get(family, (4, 6)))


def is_open_to_versions(cidrs: Sequence[str], versions: Collection[int]) -> bool:
    """Whether every address of these versions of IP (4, 6) is admitted. A block of one of them says
    nothing of the other.
    """
    if not cidrs:
        return True
    return all(admits(cidrs, _EVERY[version]) for version in versions)


def host_cidr(address: str) -> str:
    """The block of one address: ``/32``, or ``/128`` for IPv6.

    Raises ``ValueError`` for what is no address.
    """
    return str(ipaddress.ip_network(address))


def merged_cidrs(cidrs: Iterable[str]) -> tuple[str, ...]:
    """The fewest blocks that hold the same addresses, IPv4 before IPv6, each family in order."""
    version_4: list[ipaddress.IPv4Network] = []
    version_6: list[ipaddress.IPv6Network] = []
    others: list[str] = []
    for cidr in cidrs:
        network = _network(cidr)
        if isinstance(network, ipaddress.IPv4Network):
            version_4.append(network)
        elif isinstance(network, ipaddress.IPv6Network):
            version_6.append(network)
        elif cidr not in others:
            others.append(cidr)
    merged = [str(each) for each in ipaddress.collapse_addresses(version_4)]
    merged += [str(each) for each in ipaddress.collapse_addresses(version_6)]
    return (*merged, *others)


def admits(cidrs: Sequence[str], block: str) -> bool:
    """Whether every address of a block (or one address) is in the list. Several blocks of the list
    may hold it together.
    """
    wanted = _network(block)
    if wanted is None:
        return False
    return any(_is_inside(wanted, _network(cidr)) for cidr in merged_cidrs(cidrs))


def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def _is_inside(
    inner: ipaddress.IPv4Network | ipaddress.IPv6Network,
    outer: ipaddress.IPv4Network | ipaddress.IPv6Network | None,
) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
