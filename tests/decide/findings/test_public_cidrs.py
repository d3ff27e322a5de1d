"""Arithmetic of publicAccessCidrs, held to ``ipaddress`` address by address."""

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.findings.public_cidrs import (
    admits,
    host_cidr,
    is_open_to_all,
    is_open_to_versions,
    merged_cidrs,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def small(base: str, bits: int) -> st.SearchStrategy[str]:
    """Blocks inside one small block, so that they touch and overlap."""
    outer = ipaddress.ip_network(base)
    return st.builds(
        lambda number, prefix: str(
            ipaddress.ip_network((int(outer.network_address) + number, prefix), strict=False)
            if outer.version == 4
            else ipaddress.IPv6Network((int(outer.network_address) + number, prefix), strict=False)
        ),
        st.integers(0, outer.num_addresses - 1),
        st.integers(bits - 5, bits),
    )


V4 = small("198.51.100.0/27", 32)
V6 = small("2001:db8::/123", 128)
LISTS = st.lists(V4 | V6, max_size=12)


def held(cidrs: Sequence[str]) -> set[object]:
    """Every address of the list, by ``ipaddress``."""
    return {address for cidr in cidrs for address in ipaddress.ip_network(cidr)}


def fewest(addresses: set[int], first: int, size: int) -> int:
    """The fewest blocks that hold exactly these addresses of an aligned block, by trying."""
    inside = [number for number in addresses if first <= number < first + size]
    if not inside:
        return 0
    if len(inside) == size:
        return 1
    half = size // 2
    return fewest(addresses, first, half) + fewest(addresses, first + half, half)


@given(LISTS)
def test_merged_list_holds_the_same_addresses(cidrs: list[str]) -> None:
    assert held(merged_cidrs(cidrs)) == held(cidrs)


@given(LISTS)
def test_merged_list_is_the_shortest_of_each_family(cidrs: list[str]) -> None:
    merged = merged_cidrs(cidrs)
    for version in (4, 6):
        base = ipaddress.ip_address("198.51.100.0" if version == 4 else "2001:db8::")
        numbers = {
            int(ipaddress.ip_address(str(each))) - int(base)
            for each in held(cidrs)
            if ipaddress.ip_address(str(each)).version == version
        }
        ours = [each for each in merged if ipaddress.ip_network(each).version == version]
        assert len(ours) == fewest(numbers, 0, 32)


@given(LISTS, V4 | V6)
def test_block_is_admitted_exactly_where_each_address_of_it_is(
    cidrs: list[str], block: str
) -> None:
    everything = set(ipaddress.ip_network(block))
    assert admits(cidrs, block) == (everything <= held(cidrs))


@given(LISTS)
def test_merging_twice_changes_nothing(cidrs: list[str]) -> None:
    merged = merged_cidrs(cidrs)
    assert merged_cidrs(merged) == merged
    assert merged_cidrs(reversed(cidrs)) == merged


def test_what_is_no_block_is_kept_and_admits_nothing() -> None:
    assert merged_cidrs(["here", "198.51.100.1/32", "here"]) == ("198.51.100.1/32", "here")
    assert not admits(["here"], "198.51.100.1")
    assert not admits(["198.51.100.1/32"], "here")


def test_families_are_apart() -> None:
    assert not admits(["0.0.0.0/0"], "2001:db8::1")
    assert not admits(["::/0"], "198.51.100.1")


@pytest.mark.parametrize("family", ["ipv4", "ipv6", "another"])
def test_endpoint_without_a_list_is_open_to_all(family: str) -> None:
    assert is_open_to_all([], family)
    assert not is_open_to_all(["198.51.100.1/32"], family)


@pytest.mark.parametrize(
    ("cidrs", "open_to"),
    [
        (["198.51.100.1/32", "0.0.0.0/0"], {4}),
        (["0.0.0.0/1", "128.0.0.0/1"], {4}),
        (["::/0"], {6}),
        (["203.0.113.0/24", "::/0"], {6}),
        (["0.0.0.0/0", "2001:db8::/32"], {4}),
        (["0.0.0.0/0", "::/0"], {4, 6}),
    ],
)
def test_a_block_opens_its_own_family_alone(cidrs: list[str], open_to: set[int]) -> None:
    assert {version for version in (4, 6) if is_open_to_versions(cidrs, [version])} == open_to
    # An endpoint of a cluster of the IPv6 family has addresses of both.
    assert is_open_to_all(cidrs, "ipv4") == (4 in open_to)
    assert is_open_to_all(cidrs, "ipv6") == (open_to == {4, 6})


@pytest.mark.parametrize(
    ("address", "cidrs", "expected"),
    [
        ("203.0.113.9", ("203.0.113.0/24",), True),
        ("203.0.114.9", ("203.0.113.0/24", "203.0.114.9/32"), True),
        ("2001:db8::1", ("203.0.113.0/24", "2001:db8::/32"), True),
        ("2001:db8::1", ("203.0.113.0/24",), False),
        ("nonsense", ("203.0.113.0/24",), False),
        ("203.0.113.9", ("nonsense",), False),
        ("203.0.113.9", (), False),
    ],
)
def test_addresses_in_blocks(address: str, cidrs: tuple[str, ...], expected: bool) -> None:
    assert admits(cidrs, address) is expected


def test_one_address_is_a_block() -> None:
    assert host_cidr("203.0.113.9") == "203.0.113.9/32"
    assert host_cidr("2001:db8::1") == "2001:db8::1/128"
