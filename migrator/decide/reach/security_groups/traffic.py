"""What is asked of security groups, and the three answers.

Protocol numbers: IANA, "Assigned Internet Protocol Numbers".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from typing import Final, Literal, NamedTuple, TypeAlias

from migrator.model.security_groups import ALL_TRAFFIC, SecurityRule

Truth: TypeAlias = Literal["yes", "no", "unknown"]
PORTS = frozenset({"tcp", "udp"})
ICMP = frozenset({"icmp", "icmpv6"})
# Protocols whose rules name ports, or types and codes.
WITH_RANGE = PORTS | ICMP
_KNOWN = WITH_RANGE | {ALL_TRAFFIC, *map(str, range(256))}
_NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


class Traffic(NamedTuple):
    """A protocol with a range of ports, both ends included; for ICMP the type and the code.

    ``-1``: all traffic of every protocol.
    """

    protocol: str
    first: int = 0
    last: int = 65535

    def describe(self) -> str:
        """``TCP 443``, ``TCP 1025-65535``, ``all traffic``."""
        if self.protocol == ALL_TRAFFIC:
            return "all traffic"
        if self.first == self.last:
            return f"{self.protocol.upper()} {self.first}"
        return f"{self.protocol.upper()} {self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, as a rule sees it.

    ``network``: its address or block, empty where it is not known. ``groups``: the groups of its
    interface, None where they are not known; ``not_in``: groups that it is certainly not in then.
    """

    network: str = ""
    groups: frozenset[str] | None = frozenset()
    not_in: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether traffic passes: by which rules, or why that is not known or not so."""

    state: Truth
    rules: tuple[SecurityRule, ...] = ()
    why: str = ""


HTTPS: Final = Traffic("tcp", 443, 443)


class Block(NamedTuple):
    """Addresses of one family, as numbers, both ends included."""

    version: int
    low: int
    high: int


@lru_cache(maxsize=65536)
def block_of(cidr: str) -> Block | None:
    """A block or an address as numbers; None for a text that is neither."""
    try:
        network = ip_network(cidr, strict=False)
    except ValueError:
        return None
    low = int(network.network_address)
    return Block(network.version, low, low + network.num_addresses - 1)


def protocol_name(text: str) -> str | None:
    """``-1``, ``tcp``, ``udp``, ``icmp``, ``icmpv6``, or a number of another protocol; None for
    what EC2 does not know.
    """
    name = _NAMES.get(text, text.lower())
    if name in _KNOWN:
        return name
    return None


def worst(states: Iterable[Truth]) -> Truth:
    """The state of what needs all: one ``no`` decides, then one ``unknown``."""
    found = set(states)
    if "no" in found:
        return "no"
    if "unknown" in found:
        return "unknown"
    return "yes"
