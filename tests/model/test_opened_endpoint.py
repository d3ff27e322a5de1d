"""Openings of the endpoint as the tags of a cluster show them: any caller may write tags."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.model.opened_endpoint import Opening, openings_in, tag_key, tag_value

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
