"""Security groups: the evaluator, and a brute force over sampled packets that shares no code with
it.

Source of the brute force: VPC user guide, "Security group rules"; EC2 API reference, IpPermission.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from migrator.decide.reach.security_groups.evaluate import passes, relevant_rules
from migrator.decide.reach.security_groups.traffic import Answer, Peer, Traffic
from migrator.model.security_groups import SecurityGroup, SecurityRule

HTTPS = Traffic("tcp", 443, 443)
HOST = Peer("10.0.0.7")
LISTS = {"pl-1": ("10.0.0.0/24", "2001:db8::/64"), "pl-2": ()}


def group(*rules: SecurityRule, name: str = "sg-a") -> SecurityGroup:
    return SecurityGroup(name, name, "vpc-1", rules)


def rule(
    protocol: str = "tcp", first: int | None = 443, last: int | None = 443, **peer: str
) -> SecurityRule:
    return SecurityRule("sg-a", "ingress", protocol, first, last, **peer)


def judge(
    known: Mapping[str, SecurityGroup],
    mine: list[str],
    peer: Peer,
    traffic: Traffic,
) -> Answer:
    return passes(relevant_rules("ingress", mine, traffic, known), peer, LISTS)


def ask(
    *rules: SecurityRule,
    peer: Peer = HOST,
    traffic: Traffic = HTTPS,
) -> Answer:
    return judge({"sg-a": group(*rules)}, ["sg-a"], peer, traffic)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (rule(cidr="10.0.0.0/24"), "yes"),
        (rule(cidr="10.0.1.0/24"), "no"),
        (rule(cidr="0.0.0.0/0"), "yes"),
        (rule(cidr="::/0"), "no"),
        (rule(cidr="10.0.0.9/24"), "yes"),
        (rule(peer_group="sg-b"), "yes"),
        (rule(peer_group="sg-c"), "no"),
        (rule(prefix_list="pl-1"), "yes"),
        (rule(prefix_list="pl-2"), "no"),
        (rule(prefix_list="pl-3"), "unknown"),
        (rule("-1", None, None, cidr="10.0.0.0/8"), "yes"),
        (rule("6", cidr="10.0.0.0/8"), "yes"),
        (rule("udp", cidr="10.0.0.0/8"), "no"),
        (rule("tcp", 0, 65535, cidr="10.0.0.0/8"), "yes"),
        (rule("tcp", 444, 65535, cidr="10.0.0.0/8"), "no"),
        (rule("tcp", None, None, cidr="10.0.0.0/8"), "unknown"),
        (rule("quic", cidr="10.0.0.0/8"), "unknown"),
        (rule("300", cidr="10.0.0.0/8"), "unknown"),
        (rule("50", cidr="10.0.0.0/8"), "no"),
        (rule(cidr="not a block"), "unknown"),
        (rule(), "unknown"),
    ],
)
def test_one_rule(found: SecurityRule, state: str) -> None:
    answer = ask(found, peer=Peer("10.0.0.7", frozenset({"sg-b"})))
    assert answer.state == state
    assert answer.rules == (() if state == "no" else (found,))
    assert bool(answer.why) == (state != "yes")


def test_a_rule_of_the_other_direction_is_none() -> None:
    outward = SecurityRule("sg-a", "egress", "-1", cidr="0.0.0.0/0")
    assert ask(outward).state == "no"


def test_a_group_of_a_peer_that_is_not_known_is_unknown() -> None:
    assert ask(rule(peer_group="sg-b"), peer=Peer("10.0.0.7", None)).state == "unknown"


def test_an_address_that_is_not_known_is_unknown() -> None:
    assert ask(rule(cidr="10.0.0.0/8"), peer=Peer("")).state == "unknown"


def test_part_of_a_block_is_unknown_and_all_of_it_is_allowed() -> None:
    half = rule(cidr="10.0.0.0/25")
    assert ask(half, peer=Peer("10.0.0.0/24")).state == "unknown"
    assert ask(half, peer=Peer("10.0.0.64/26")).state == "yes"


def test_a_group_that_was_not_read_is_unknown_and_another_one_may_still_allow_it() -> None:
    known = {"sg-a": group(rule(cidr="10.0.0.0/24"))}
    both = ["sg-x", "sg-a"]

    def state(address: str) -> str:
        return judge(known, both, Peer(address), HTTPS).state

    assert state("10.0.0.7") == "yes"
    assert state("10.9.0.7") == "unknown"


def test_rules_together_allow_a_range() -> None:
    ranges = [
        rule("tcp", 30, 40, cidr="10.0.0.0/8"),
        rule("tcp", 0, 20, cidr="10.0.0.0/8"),
        rule("tcp", 15, 30, cidr="10.0.0.0/8"),
    ]
    assert ask(*ranges, traffic=Traffic("tcp", 10, 35)).state == "yes"
    assert ask(*ranges, traffic=Traffic("tcp", 10, 41)).state == "no"
    assert ask(*ranges[:2], traffic=Traffic("tcp", 10, 35)).state == "no"


def test_only_a_rule_of_every_protocol_allows_all_traffic() -> None:
    everything = Traffic("-1")
    assert ask(rule("tcp", 0, 65535, cidr="0.0.0.0/0"), traffic=everything).state == "no"
    assert ask(rule("-1", -1, -1, cidr="0.0.0.0/0"), traffic=everything).state == "yes"


@pytest.mark.parametrize(
    ("kind", "code", "state"), [(-1, -1, "yes"), (3, -1, "yes"), (3, 4, "yes"), (3, 1, "no")]
)
def test_icmp_is_judged_by_type_and_code(kind: int, code: int, state: str) -> None:
    found = rule("icmp", kind, code, cidr="10.0.0.0/8")
    assert ask(found, traffic=Traffic("icmp", 3, 4)).state == state


def test_ten_thousand_rules_are_judged_by_one_sweep() -> None:
    # The square of the number would run into the time-out of a test.
    narrow = [rule("tcp", n, n, cidr=f"10.{n % 250}.{n // 250}.0/24") for n in range(10_000)]
    assert ask(*narrow, traffic=Traffic("tcp", 1025, 65535)).state == "no"
    assert ask(*narrow, traffic=Traffic("tcp", 10250, 10250)).state == "no"


ADDRESSES = ["10.0.0.7", "10.0.0.200", "10.1.0.7", "192.0.2.9", "2001:db8::7", "2001:db9::7"]
BLOCKS = ["10.0.0.0/24", "10.0.0.0/25", "10.0.0.7/32", "10.0.0.0/8", "0.0.0.0/0", "::/0"]
BLOCKS += ["2001:db8::/64", "broken"]
GROUPS = ["sg-a", "sg-b", "sg-c"]
PROTOCOLS = ["-1", "tcp", "udp", "6", "17", "icmp", "50", "quic"]
_edges = st.sampled_from([-1, 0, 1, 3, 4, 52, 53, 442, 443, 444, 1025, 10250, 65535])
_peers: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.sampled_from(BLOCKS).map(lambda text: {"cidr": text}),
    st.sampled_from(GROUPS).map(lambda text: {"peer_group": text}),
    st.sampled_from(["pl-1", "pl-2", "pl-3"]).map(lambda text: {"prefix_list": text}),
    st.just({}),
)


@st.composite
def rules(draw: st.DrawFn) -> SecurityRule:
    ends = sorted([draw(_edges), draw(_edges)])
    first, last = ends if draw(st.integers(0, 9)) else (None, None)
    owner = draw(st.sampled_from(GROUPS))
    protocol = draw(st.sampled_from(PROTOCOLS))
    return SecurityRule(
        owner,
        draw(st.sampled_from(["ingress", "ingress", "egress"])),
        protocol,
        first,
        last,
        **draw(_peers),
    )


packets = st.one_of(
    st.builds(lambda p, n: (p, n, n), st.sampled_from(["tcp", "udp"]), _edges.map(abs)),
    st.just(("icmp", 3, 4)),
    st.just(("50", 0, 0)),
)


def brute_protocol(one: SecurityRule, protocol: str, first: int, second: int) -> bool | None:
    """Whether a rule is about a packet; None: it cannot be said."""
    spelled = {"6": "tcp", "17": "udp"}.get(one.protocol, one.protocol)
    if spelled == "quic":
        return None
    if spelled == "-1":
        return True
    if spelled != protocol:
        return False
    if protocol == "50":
        return True
    if one.first is None or one.last is None:
        return None
    if protocol == "icmp":
        return one.first == -1 or (one.first == first and one.last in (-1, second))
    return one.first <= first <= one.last


def brute_peer(one: SecurityRule, peer: Peer) -> bool | None:
    if one.peer_group and peer.groups is None:
        return False if one.peer_group in peer.not_in else None
    if one.peer_group:
        return one.peer_group in (peer.groups or ())
    if one.prefix_list == "pl-3":
        return None
    blocks = [one.cidr] if one.cidr else list(LISTS.get(one.prefix_list, ()))
    if not one.cidr and not one.prefix_list:
        return None
    if "broken" in blocks:
        return None
    where = ip_address(peer.network)
    return any(where in ip_network(text, strict=False) for text in blocks)


def brute(
    found: list[SecurityRule],
    mine: list[str],
    packet: tuple[str, int, int],
    peer: Peer,
    known: set[str],
) -> str:
    votes: list[bool | None] = [None for name in mine if name not in known]
    for one in found:
        if one.direction != "ingress" or one.owner not in mine or one.owner not in known:
            continue
        about = brute_protocol(one, *packet)
        whom = brute_peer(one, peer)
        if about is False or whom is False:
            votes.append(False)
        elif about is None or whom is None:
            votes.append(None)
        else:
            votes.append(True)
    if True in votes:
        return "yes"
    return "unknown" if None in votes else "no"


@settings(max_examples=200)
@given(
    st.lists(rules(), max_size=8),
    st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True),
    packets,
    st.sampled_from(ADDRESSES),
    st.one_of(st.none(), st.frozensets(st.sampled_from(GROUPS), max_size=2)),
    st.frozensets(st.sampled_from(GROUPS), max_size=2),
    st.sets(st.sampled_from(GROUPS), min_size=1),
)
@example(
    [rule("icmp", -1, 4, cidr="10.0.0.0/8")],
    ["sg-a"],
    ("icmp", 3, 4),
    "10.0.0.7",
    frozenset(),
    frozenset(),
    {"sg-a"},
)
@example(
    [rule(peer_group="sg-b")],
    ["sg-a"],
    ("tcp", 443, 443),
    "10.9.0.5",
    None,
    frozenset({"sg-c"}),
    {"sg-a"},
)
def test_the_evaluator_agrees_with_a_brute_force(
    found: list[SecurityRule],
    mine: list[str],
    packet: tuple[str, int, int],
    address: str,
    member_of: frozenset[str] | None,
    not_in: frozenset[str],
    read: set[str],
) -> None:
    known = {
        name: SecurityGroup(name, name, "vpc-1", tuple(one for one in found if one.owner == name))
        for name in read
    }
    peer = Peer(address, member_of, not_in)
    answer = judge(known, mine, peer, Traffic(*packet))
    assert answer.state == brute(found, mine, packet, peer, read)


@settings(max_examples=100)
@given(st.lists(rules(), max_size=6), st.sampled_from(["tcp", "udp"]), _edges, _edges)
def test_a_range_is_allowed_where_every_port_of_it_is(
    found: list[SecurityRule], protocol: str, one: int, other: int
) -> None:
    first, last = sorted((abs(one), abs(other)))
    known = {"sg-a": group(*found)}
    peer = Peer("10.0.0.7", frozenset({"sg-b"}))
    edges = {first, last}
    for each in found:
        edges |= {port + step for port in (each.first, each.last) if port for step in (-1, 0, 1)}
    states = {
        judge(known, ["sg-a"], peer, Traffic(protocol, port, port)).state
        for port in edges
        if first <= port <= last
    }
    whole = judge(known, ["sg-a"], peer, Traffic(protocol, first, last)).state
    expected = "no" if "no" in states else "unknown" if "unknown" in states else "yes"
    assert whole == expected


@settings(max_examples=100)
@given(st.lists(rules(), max_size=6), st.sampled_from(["10.0.0.0/24", "10.0.0.0/26", "::/64"]))
def test_what_is_said_of_a_block_holds_for_its_addresses(
    found: list[SecurityRule], block: str
) -> None:
    known = {"sg-a": group(*found)}

    def state(network: str) -> str:
        return judge(known, ["sg-a"], Peer(network), HTTPS).state

    whole = state(block)
    first = ip_network(block).network_address
    sampled = {state(str(first + step)) for step in (0, 7, 63)}
    # A block is unknown where rules are about parts of it.
    assert whole == "unknown" or sampled == {whole}
