"""Which address a command adds to the public endpoint, by what the endpoint has already."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from migrator.decide.reach.opened_endpoint import (
    block_to_open,
    closing_question,
    debt_words,
    describe_opening,
    is_restricted,
    opening_checks,
    with_killed,
)
from migrator.errors import MigratorError
from migrator.model.opened_endpoint import EndpointSeen, Opening

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
V4, V6 = "203.0.113.10", "2001:db8::7"
FULL = tuple(f"198.51.100.{number}/32" for number in range(40))
OURS = Opening("another", f"{V4}/32", "", NOW + timedelta(hours=1))


def seen(*cidrs: str, family: str = "ipv4", opened: tuple[Opening, ...] = ()) -> EndpointSeen:
    return EndpointSeen(True, True, cidrs, family, opened)


@pytest.mark.parametrize(
    ("endpoint", "restricted"),
    [
        (seen(), False),
        (seen("0.0.0.0/0"), False),
        (seen("198.51.100.0/24", "0.0.0.0/0"), False),
        (seen("198.51.100.0/24"), True),
        (seen("0.0.0.0/0", "::/0", family="ipv6"), False),
        # IPv6 addresses are not admitted by a block of IPv4.
        (seen("0.0.0.0/0", family="ipv6"), True),
        (seen("::/0", family="ipv6"), True),
    ],
)
def test_endpoint_is_restricted_where_an_address_of_its_families_is_not_admitted(
    endpoint: EndpointSeen, restricted: bool
) -> None:
    assert is_restricted(endpoint) is restricted


@pytest.mark.parametrize(
    ("endpoint", "address", "block"),
    [
        (seen("198.51.100.0/24"), V4, f"{V4}/32"),
        (seen("203.0.113.0/24"), V4, None),
        # Two blocks of the list hold the address together with others.
        (seen("203.0.113.8/30", "203.0.113.12/30"), V4, None),
        (seen("0.0.0.0/0", family="ipv6"), V4, None),
        (seen("0.0.0.0/0", family="ipv6"), V6, f"{V6}/128"),
        (seen("198.51.100.0/24", family="ipv6"), V6, f"{V6}/128"),
        (seen("2001:db8::/32", family="ipv6"), V6, None),
        # An opening of another command ends with that command.
        (seen("198.51.100.0/24", f"{V4}/32", opened=(OURS,)), V4, f"{V4}/32"),
        (seen("203.0.113.0/24", f"{V4}/32", opened=(OURS,)), V4, None),
        (seen(*FULL[:39]), V4, f"{V4}/32"),
        (seen(*FULL), "198.51.100.7", None),
        # A full list that has the address as an opening gets no further range.
        (seen(*FULL[:39], f"{V4}/32", opened=(OURS,)), V4, f"{V4}/32"),
    ],
)
def test_address_is_added_where_no_lasting_range_admits_it(
    endpoint: EndpointSeen, address: str, block: str | None
) -> None:
    assert block_to_open(endpoint, address) == block


@pytest.mark.parametrize(
    ("endpoint", "address", "code"),
    [
        (seen(*FULL), V4, "endpoint-ranges-full"),
        (seen(*FULL, family="ipv6"), V6, "endpoint-ranges-full"),
        (seen("198.51.100.0/24"), V6, "endpoint-address-family"),
        (seen("198.51.100.0/24"), None, "source-address-unknown"),
        # What a proxy answered in the name of the address service.
        (seen("198.51.100.0/24"), "10.1.2.3", "source-address-unknown"),
        (seen("198.51.100.0/24"), "127.0.0.1", "source-address-unknown"),
    ],
)
def test_address_that_cannot_be_added_is_refused_with_the_reason(
    endpoint: EndpointSeen, address: str | None, code: str
) -> None:
    with pytest.raises(MigratorError) as caught:
        block_to_open(endpoint, address)
    assert caught.value.code == code


def test_cluster_without_a_public_endpoint_is_refused() -> None:
    with pytest.raises(MigratorError) as caught:
        is_restricted(replace(seen("198.51.100.0/24"), public=False))
    assert caught.value.code == "endpoint-not-public"


def test_tag_of_what_is_not_listed_is_never_called_an_open_address() -> None:
    left = replace(OURS, killed=True, listed=False)
    (said,) = debt_words([left], "prod", NOW)
    (check,) = opening_checks([left], "prod", NOW)
    for text in (said, check.said, closing_question([left], [], NOW)):
        assert "(not in publicAccessCidrs now)" in text
        assert "publicAccessCidrs has" not in text
        assert "publicAccessCidrs still has" not in text
    assert (check.state, "--close-endpoint" in check.remedy) == ("warn", True)


@pytest.mark.parametrize(
    ("recorded", "listed", "doubted"),
    [
        ([], True, True),
        ([OURS], True, False),
        # The same run with another address: a tag was changed.
        ([replace(OURS, cidr="192.0.2.7/32")], True, True),
        ([], False, False),
    ],
)
def test_question_doubts_a_listed_address_that_this_state_did_not_record(
    recorded: list[Opening], listed: bool, doubted: bool
) -> None:
    question = closing_question([replace(OURS, listed=listed)], recorded, NOW)
    assert ("an administrator may have listed" in question) is doubted


@pytest.mark.parametrize(
    ("runs", "until", "words"),
    [
        (True, 1, "until 2026-11-30 01:00 UTC"),
        (None, 1, "until 2026-11-30 01:00 UTC"),
        (False, 1, "whose process was killed"),
        (None, -1, "overdue since 2026-11-29 23:00 UTC"),
        (False, -1, "whose process was killed"),
    ],
)
def test_debt_is_named_once_its_command_has_certainly_ended(
    runs: bool | None, until: int, words: str
) -> None:
    opening = replace(OURS, until=NOW + timedelta(hours=until))
    found = with_killed([opening], lambda _: runs)
    assert describe_opening(found[0], NOW).endswith(words)
    named = debt_words(found, "prod", NOW)
    assert bool(named) == (not words.startswith("until"))
    assert all(said.endswith("migrate doctor prod --close-endpoint") for said in named)
