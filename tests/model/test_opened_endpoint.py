"""Openings of the endpoint as the tags of a cluster show them: any caller may write tags."""

import ipaddress
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.model.opened_endpoint import (
    Opening,
    openings_in,
    tag_key,
    tag_value,
    why_no_source,
)

UNTIL = datetime(2026, 11, 30, 5, tzinfo=timezone.utc)
RUN = "0123456789abcdef"


def tag(cidr: str) -> dict[str, str]:
    return {tag_key(RUN): tag_value(Opening(RUN, cidr, "arn:aws:iam::111122223333:user/a", UNTIL))}


@given(st.ip_addresses())
def test_tag_of_one_address_is_its_opening(address: object) -> None:
    (found,) = openings_in(tag(f"{address}/{32 if '.' in str(address) else 128}"))
    assert (found.run, found.until) == (RUN, UNTIL)
    assert found.cidr.partition("/")[0] == str(address)


@pytest.mark.parametrize(
    "cidr", ["203.0.113.0/24", "198.51.100.0/31", "0.0.0.0/0", "2001:db8::/64"]
)
def test_tag_that_names_a_range_is_no_opening(cidr: str) -> None:
    """Closing it would take a range of the administrators out of the list."""
    assert openings_in(tag(cidr)) == ()


@given(st.text())
def test_any_text_in_a_tag_is_an_opening_or_left_out(value: str) -> None:
    assert len(openings_in({tag_key(RUN): value})) <= 1


PRIVATE = ("10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.3.7", "fd00::7")


@given(st.ip_addresses())
def test_source_address_is_refused_by_what_python_knows_of_it(
    address: "ipaddress.IPv4Address | ipaddress.IPv6Address",
) -> None:
    """Everything that the standard library calls special is either refused or documentation."""
    mapped = address.version == 6 and getattr(address, "ipv4_mapped", None) is not None
    special = address.is_unspecified or address.is_loopback or address.is_link_local
    if special or address.is_multicast or mapped:
        assert why_no_source(str(address), public=False)
    if address.is_global and not address.is_multicast and not mapped:
        assert why_no_source(str(address), public=True) == ""


SPECIAL = (
    ("0.0.0.0", "no host"),  # noqa: S104 - nothing listens there
    ("0.1.2.3", "no host"),
    ("127.0.0.1", "loopback"),
    ("169.254.169.254", "link-local"),
    ("224.0.0.1", "multicast"),
    ("255.255.255.255", "reserved"),
    ("::", "no host"),
    ("::1", "loopback"),
    ("::ffff:203.0.113.10", "name it as IPv4"),
    ("fe80::1", "link-local"),
    ("ff02::1", "multicast"),
    ("2001:db8::7%eth0", "zone"),
    ("", "no IP address"),
    ("203.0.113.10/32", "no IP address"),
)


@pytest.mark.parametrize(("address", "why"), SPECIAL)
def test_no_machine_is_seen_under_a_special_address(address: str, why: str) -> None:
    assert why in why_no_source(address, public=True)
    assert why in why_no_source(address, public=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_address_is_seen_inside_a_network_alone(address: str) -> None:
    assert why_no_source(address, public=False) == ""
    assert "private" in why_no_source(address, public=True)
