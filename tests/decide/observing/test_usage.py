"""Counting who logs in: whatever the order, wherever it stops, however many names there are."""

import json
from datetime import datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.observing.usage import MOST_DENIALS, MOST_NAMES, Tally, milliseconds
from migrator.model.observation import SeenLogin, SeenRequest

ARN = "arn:aws:iam::111122223333:role/sre"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


def login(
    name: str = "sre", second: int = 0, *groups: str, arn: str = ARN, refused: str = ""
) -> SeenLogin:
    return SeenLogin(
        arn,
        "" if refused else name,
        groups,
        NOON + timedelta(seconds=second),
        "authenticator",
        refused,
    )


def request(
    second: int = 0, *, by: str = "rbac", allowed: bool = True, agent: str = "kubectl"
) -> SeenRequest:
    at = NOON + timedelta(seconds=second)
    return SeenRequest(ARN, "sre", ("g",), at, allowed, by, "get", "secrets", user_agent=agent)  # type: ignore[arg-type]


LOGINS = st.builds(
    login,
    st.sampled_from(["a", "b", "ab", ""]),
    st.integers(0, 100),
    st.sampled_from(["g", "h"]),
    arn=st.sampled_from([ARN, f"{ARN}2"]),
    refused=st.sampled_from(["", "no"]),
)


@given(st.lists(LOGINS, max_size=40), st.randoms(), st.integers(0, 40))
def test_neither_order_nor_a_stop_changes_the_counts(
    found: list[SeenLogin], random: Random, stop: int
) -> None:
    one, other = (
        Tally(applied=milliseconds(NOON) + 50_000),
        Tally(applied=milliseconds(NOON) + 50_000),
    )
    for each in found:
        one.add_login(each)
    shuffled = list(found)
    random.shuffle(shuffled)
    for place, each in enumerate(shuffled):
        if place == stop:
            other = Tally.of_document(json.loads(json.dumps(other.document())))
        other.add_login(each)
    assert one.logins() == other.logins()
    assert one.denials() == other.denials()
    assert sum(each.count for each in one.logins()) + sum(
        each.count for each in one.denials()
    ) == len(found)


def test_a_login_is_principal_name_and_groups_with_first_last_and_count() -> None:
    tally = Tally()
    for second, groups in ((5, ("g",)), (1, ("g",)), (9, ("g",)), (3, ())):
        tally.add_login(login("sre", second, *groups))
    without, with_group = tally.logins()
    assert (without.groups, without.count) == ((), 1)
    assert (with_group.count, with_group.first, with_group.last) == (
        3,
        NOON + timedelta(seconds=1),
        NOON + timedelta(seconds=9),
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_with_too_many_names_only_what_they_begin_with_is_kept(*, backwards: bool) -> None:
    names = [f"people:session-{number}" for number in range(MOST_NAMES + 50)]
    tally = Tally()
    for second, name in enumerate(reversed(names) if backwards else names):
        tally.add_login(login(name, second, "g"))
    tally = Tally.of_document(json.loads(json.dumps(tally.document())))
    tally.add_login(login("people:x", 1, "g"))
    (found,) = tally.logins()
    assert (found.username, found.count) == ("people:*", MOST_NAMES + 51)
    assert len(json.dumps(tally.document())) < 500


def test_up_to_the_limit_every_name_is_kept() -> None:
    tally = Tally()
    for number in range(MOST_NAMES):
        tally.add_login(login(f"n{number}"))
    assert len(tally.logins()) == MOST_NAMES


def test_what_decided_requests_is_counted_by_principal() -> None:
    tally = Tally()
    for by, allowed in (("rbac", True), ("access-policy", True), ("other", True), ("rbac", False)):
        tally.add_request(request(by=by, allowed=allowed), as_login=False)
    tally.add_request(request(by="impersonated", allowed=False), as_login=False)
    (found,) = tally.decided()
    assert (found.rbac, found.access_policy, found.other, found.denied, found.impersonated) == (
        1,
        1,
        1,
        1,
        1,
    )
    assert tally.logins() == ()


def test_requests_stand_for_logins_where_nothing_else_tells() -> None:
    tally = Tally()
    tally.add_request(request(1), as_login=True)
    tally.add_request(request(2), as_login=True)
    (found,) = tally.logins()
    assert (found.username, found.groups, found.count) == ("sre", ("g",), 2)


def test_denials_since_the_first_apply_are_told_apart() -> None:
    tally = Tally(applied=milliseconds(NOON))
    tally.add_request(request(-1, allowed=False), as_login=False)
    tally.add_request(request(0, allowed=False), as_login=False)
    tally.add_login(login(second=1, refused="identity is not mapped"))
    refused, denied = tally.denials()
    assert (refused.what, refused.why, refused.since_apply) == (
        "login",
        "identity is not mapped",
        1,
    )
    assert (denied.what, denied.count, denied.since_apply) == ("get secrets", 2, 1)
    assert Tally().denials() == ()


def test_kinds_of_denials_are_bounded_and_the_rest_is_counted() -> None:
    tally = Tally()
    for number in range(MOST_DENIALS + 3):
        tally.add_login(login(refused=f"reason {number}"))
    assert len(tally.denials()) == MOST_DENIALS
    assert tally.denials_left_out == 3


def test_whom_only_this_tool_was_is_told_unless_somebody_else_was_too() -> None:
    tally = Tally()
    tally.add_request(request(agent="eks-access-migrator"), as_login=True)
    assert tally.only_own() == {ARN}
    assert (tally.logins(), tally.decided()) == ((), ())
    tally.add_request(request(), as_login=True)
    assert tally.only_own() == frozenset()
