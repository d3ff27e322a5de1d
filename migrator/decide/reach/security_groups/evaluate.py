"""Whether security groups let traffic pass.

Source: VPC user guide, "Security group rules" and "Security groups for your VPC": rules only allow;
an interface has the rules of all its groups; answers to what passed are let through; a rule that
names a group means the private addresses of interfaces in that group. EC2 API reference,
IpPermission: ports count for tcp and udp, type and code for icmp (-1: all), all else ignores them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from migrator.decide.reach.security_groups.traffic import (
    ICMP,
    PORTS,
    WITH_RANGE,
    Answer,
    Block,
    Peer,
    Traffic,
    Truth,
    block_of,
    protocol_name,
    worst,
)
from migrator.model.security_groups import ALL_TRAFFIC, Direction, SecurityGroup, SecurityRule

PrefixLists: TypeAlias = Mapping[str, tuple[str, ...]]
Span: TypeAlias = tuple[int, int]
# Type and code of ICMP as one number, so that ranges of ports and of messages are the same.
_CODES = 256
_EVERY_MESSAGE = (0, _CODES * _CODES - 1)


class Relevant(NamedTuple):
    """The rules of an interface that are about some traffic; ``unread``: its groups without rules
    because they were not read.
    """

    direction: Direction
    groups: tuple[str, ...]
    traffic: Traffic
    rules: tuple[tuple[SecurityRule, Truth], ...]
    unread: tuple[str, ...]


def relevant_rules(
    direction: Direction,
    groups: Iterable[str],
    traffic: Traffic,
    known: Mapping[str, SecurityGroup],
) -> Relevant:
    """What is the same for every peer of an interface with ``groups``."""
    names = tuple(groups)
    found = []
    for name in names:
        for rule in known[name].rules if name in known else ():
            about = _about_traffic(rule, traffic)
            if rule.direction == direction and about != "no":
                found.append((rule, about))
    unread = tuple(name for name in names if name not in known)
    return Relevant(direction, names, traffic, tuple(found), unread)


def passes(relevant: Relevant, peer: Peer, prefix_lists: PrefixLists) -> Answer:
    """Whether the interface may send all of the traffic to the peer (``egress``) or receive it
    from there (``ingress``).

    The answer is ``unknown`` where a group or a prefix list that could let it pass was not read,
    or a rule is of a kind that is not understood.
    """
    certain: list[SecurityRule] = []
    possible: list[SecurityRule] = []
    for rule, about in relevant.rules:
        truth = worst((about, _about_peer(rule, peer, prefix_lists)))
        if truth == "yes":
            certain.append(rule)
        elif truth == "unknown":
            possible.append(rule)
    by = _covering(certain, relevant.traffic)
    if by is not None:
        return Answer("yes", by)
    if relevant.unread:
        return Answer("unknown", why=f"the rules of {', '.join(relevant.unread)} were not read")
    maybe = _covering(certain + possible, relevant.traffic)
    if maybe is not None:
        doubt = next(rule for rule in maybe if rule in possible)
        return Answer("unknown", maybe, f"whether {doubt.describe()} holds here is not known")
    owners = ", ".join(relevant.groups) or "no group"
    return Answer("no", why=f"no {relevant.direction} rule of {owners} allows it")


def _about_traffic(rule: SecurityRule, traffic: Traffic) -> Truth:
    """Whether a rule is about some of the traffic, for any peer."""
    protocol = protocol_name(rule.protocol)
    if protocol is None:
        return "unknown"
    if protocol == ALL_TRAFFIC:
        return "yes"
    if protocol != traffic.protocol:
        return "no"
    if protocol not in WITH_RANGE:
        return "yes"
    if None in (rule.first, rule.last):
        return "unknown"
    return _overlap(_span(rule), _wanted(traffic))


def _overlap(one: Span, other: Span) -> Truth:
    """Whether two spans have a number in common."""
    if one[1] < other[0]:
        return "no"
    if other[1] < one[0]:
        return "no"
    return "yes"


def _span(rule: SecurityRule) -> Span:
    """The ports of a rule, or its ICMP messages as numbers; all where it names none, or where its
    protocol has neither.
    """
    protocol = protocol_name(rule.protocol)
    if protocol not in WITH_RANGE:
        return _EVERY_MESSAGE
    # Such a rule is never certain: it may mean all of them.
    if rule.first is None or rule.last is None:
        return _EVERY_MESSAGE
    if protocol in PORTS:
        return rule.first, rule.last
    if rule.first == -1:
        return _EVERY_MESSAGE
    message = rule.first * _CODES
    if rule.last == -1:
        return message, message + _CODES - 1
    return message + rule.last, message + rule.last


def _wanted(traffic: Traffic) -> Span:
    """The ports of the traffic, or its one ICMP message."""
    if traffic.protocol in PORTS:
        return traffic.first, traffic.last
    if traffic.protocol in ICMP:
        message = traffic.first * _CODES + traffic.last
        return message, message
    return 0, 0


def _about_peer(rule: SecurityRule, peer: Peer, prefix_lists: PrefixLists) -> Truth:
    """Whether a rule is about the peer, whatever the traffic is."""
    if rule.peer_group:
        return _in_group(rule.peer_group, peer)
    if rule.cidr:
        return _in_blocks((rule.cidr,), peer)
    if rule.prefix_list in prefix_lists:
        return _in_blocks(prefix_lists[rule.prefix_list], peer)
    # A prefix list that was not read, or a peer of a kind that is not understood.
    return "unknown"


def _in_group(group: str, peer: Peer) -> Truth:
    """Whether the peer's interface is in a group."""
    if peer.groups is not None:
        return "yes" if group in peer.groups else "no"
    return "no" if group in peer.not_in else "unknown"


def _in_blocks(cidrs: Sequence[str], peer: Peer) -> Truth:
    """Whether the peer's addresses are in one of the blocks; in part is not known."""
    network = block_of(peer.network)
    states = {_within(block_of(cidr), network) for cidr in cidrs}
    if "yes" in states:
        return "yes"
    if "unknown" in states:
        return "unknown"
    return "no"


def _within(block: Block | None, network: Block | None) -> Truth:
    """Whether a block holds all addresses of a network; unknown where it holds some, or where one
    of them is not known.
    """
    if block is None or network is None:
        return "unknown"
    if block.version != network.version:
        return "no"
    if block.low <= network.low and network.high <= block.high:
        return "yes"
    if _overlap((block.low, block.high), (network.low, network.high)) == "yes":
        return "unknown"
    return "no"


def _covering(rules: Sequence[SecurityRule], traffic: Traffic) -> tuple[SecurityRule, ...] | None:
    """Rules that together allow all of the traffic, each reaching beyond those before it; None
    where some of it is left.
    """
    left, last = _wanted(traffic)
    used: list[SecurityRule] = []
    for rule in sorted(rules, key=_span):
        first, end = _span(rule)
        # Rules are in the order of their first port: what is left here no later one covers.
        if first > left:
            return None
        if end >= left:
            used.append(rule)
            left = end + 1
        if left > last:
            return tuple(used)
    return None
