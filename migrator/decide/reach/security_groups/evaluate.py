"""Whether security groups let traffic pass.

Source: VPC user guide, "Security group rules" and "Security groups for your VPC": rules only allow;
an interface has the rules of all its groups; answers to what passed are let through; a rule that
names a group means the private addresses of interfaces in that group. EC2 API reference,
IpPermission: ports count for tcp and udp, type and code for icmp (-1: all), all else ignores them.
"""

from collections.abc import Iterable, Mapping, Sequence

from migrator.decide.reach.security_groups.traffic import (
    ICMP,
    PORTS,
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

PrefixLists = Mapping[str, tuple[str, ...]]
# Type and code of ICMP as one number, so that ranges of ports and of messages are the same.
_CODES = 256
_EVERY_MESSAGE = (0, _CODES * _CODES - 1)


def passes(
    direction: Direction,
    groups: Iterable[str],
    peer: Peer,
    traffic: Traffic,
    *,
    known: Mapping[str, SecurityGroup],
    prefix_lists: PrefixLists,
) -> Answer:
    """Whether an interface with ``groups`` may send to the peer (``egress``) or receive from it
    (``ingress``), for all of the traffic.

    ``known``: the groups that were read. The answer is ``unknown`` where a group or a prefix list
    that could let it pass was not read, or a rule is of a kind that is not understood.
    """
    certain: list[SecurityRule] = []
    possible: list[SecurityRule] = []
    unread = [group for group in groups if group not in known]
    for rule in _rules_of(direction, groups, known):
        truth = rule_admits(rule, peer, traffic, prefix_lists)
        if truth == "yes":
            certain.append(rule)
        elif truth == "unknown":
            possible.append(rule)
    by = _covering(certain, traffic)
    if by is not None:
        return Answer("yes", by)
    if unread:
        return Answer("unknown", why=f"the rules of {', '.join(unread)} were not read")
    maybe = _covering(certain + possible, traffic)
    if maybe is not None:
        doubt = next(rule for rule in maybe if rule in possible)
        return Answer("unknown", maybe, f"whether {doubt.describe()} holds here is not known")
    return Answer("no", why=f"no {direction} rule of {', '.join(groups) or 'no group'} allows it")


def _rules_of(
    direction: Direction, groups: Iterable[str], known: Mapping[str, SecurityGroup]
) -> Iterable[SecurityRule]:
    for group in groups:
        if group in known:
            yield from (rule for rule in known[group].rules if rule.direction == direction)


def rule_admits(
    rule: SecurityRule, peer: Peer, traffic: Traffic, prefix_lists: PrefixLists
) -> Truth:
    """Whether a rule is about this peer and about some of the traffic."""
    about = _about_traffic(rule, traffic)
    if about == "no":
        return "no"
    return worst((about, _about_peer(rule, peer, prefix_lists)))


def _about_traffic(rule: SecurityRule, traffic: Traffic) -> Truth:
    protocol = protocol_name(rule.protocol)
    if protocol is None:
        return "unknown"
    if protocol == ALL_TRAFFIC:
        return "yes"
    if protocol != traffic.protocol:
        return "no"
    if protocol not in PORTS and protocol not in ICMP:
        return "yes"
    if rule.first is None or rule.last is None:
        return "unknown"
    first, last = _span(rule)
    wanted_first, wanted_last = _wanted(traffic)
    return "yes" if first <= wanted_last and wanted_first <= last else "no"


def _span(rule: SecurityRule) -> tuple[int, int]:
    """The ports of a rule, or its ICMP messages as numbers; all where it names none."""
    protocol = protocol_name(rule.protocol)
    if rule.first is None or rule.last is None:
        return _EVERY_MESSAGE
    if protocol in PORTS:
        return rule.first, rule.last
    if protocol not in ICMP or rule.first == -1:
        return _EVERY_MESSAGE
    if rule.last == -1:
        return rule.first * _CODES, rule.first * _CODES + _CODES - 1
    return rule.first * _CODES + rule.last, rule.first * _CODES + rule.last


def _wanted(traffic: Traffic) -> tuple[int, int]:
    """The ports of the traffic, or its one ICMP message."""
    if traffic.protocol in PORTS:
        return traffic.first, traffic.last
    if traffic.protocol in ICMP:
        message = traffic.first * _CODES + traffic.last
        return message, message
    return 0, 0


def _about_peer(rule: SecurityRule, peer: Peer, prefix_lists: PrefixLists) -> Truth:
    if rule.peer_group:
        if peer.groups is None:
            return "unknown"
        return "yes" if rule.peer_group in peer.groups else "no"
    if rule.cidr:
        return _in_blocks((rule.cidr,), peer)
    if rule.prefix_list:
        blocks = prefix_lists.get(rule.prefix_list)
        return "unknown" if blocks is None else _in_blocks(blocks, peer)
    return "unknown"


def _in_blocks(cidrs: Sequence[str], peer: Peer) -> Truth:
    """Whether the peer's addresses are in one of the blocks; in part is not known."""
    network = block_of(peer.network)
    if network is None:
        return "unknown" if cidrs else "no"
    states = {_within(block_of(cidr), network) for cidr in cidrs}
    if "yes" in states:
        return "yes"
    return "unknown" if "unknown" in states else "no"


def _within(block: Block | None, network: Block) -> Truth:
    if block is None:
        return "unknown"
    if block.version != network.version:
        return "no"
    if block.low <= network.low and network.high <= block.high:
        return "yes"
    overlaps = block.low <= network.high and network.low <= block.high
    return "unknown" if overlaps else "no"


def _covering(rules: Sequence[SecurityRule], traffic: Traffic) -> tuple[SecurityRule, ...] | None:
    """Rules that together allow all of the traffic, as few as a sweep over the ports needs; None
    where some of it is left.
    """
    first, last = _wanted(traffic)
    spans = sorted(
        ((*_span_for(rule), index) for index, rule in enumerate(rules)), key=lambda span: span[0]
    )
    used: list[SecurityRule] = []
    at = 0
    while first <= last:
        best: tuple[int, int] | None = None
        # The rule that begins at or before the first port that is left, and reaches farthest.
        while at < len(spans) and spans[at][0] <= first:
            reach = (spans[at][1], spans[at][2])
            best = reach if best is None or reach[0] > best[0] else best
            at += 1
        if best is None or best[0] < first:
            return None
        used.append(rules[best[1]])
        first = best[0] + 1
    return tuple(used)


def _span_for(rule: SecurityRule) -> tuple[int, int]:
    if protocol_name(rule.protocol) in PORTS or protocol_name(rule.protocol) in ICMP:
        return _span(rule)
    return _EVERY_MESSAGE
