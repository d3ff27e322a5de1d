"""What a lock that was just read means, and how long a holder may rely on its own."""

from datetime import datetime, timedelta, timezone

import pytest

from migrator.decide.running.lock_protocol import (
    LEASE_SECONDS,
    LONGEST_SECONDS,
    Watched,
    clear_until,
    counts_until,
    judge,
    lasts,
    lock_of_another,
    locked,
    long_expired,
)
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
HOLDER = LockHolder("ana@laptop/7", token="t1", command="apply", since="12:00")


def seen(version: str = "1", **changes: object) -> LockSeen:
    fields = {"holder": HOLDER, "renewed": "2026-11-22T12:00:00Z", "seconds": 30, **changes}
    return LockSeen(LockRecord(**fields), version, "Lease x")  # type: ignore[arg-type]


def test_lock_that_is_not_there_or_was_let_go_is_free() -> None:
    assert judge(None, "t2", None, 0.0, None) == "free"
    assert judge(LockSeen(None, "1", "Lease x"), "t2", None, 0.0, None) == "free"


def test_lock_with_our_token_is_ours() -> None:
    assert judge(seen(), "t1", None, 0.0, runs=False) == "ours"


def test_process_that_is_known_on_this_machine_decides() -> None:
    assert judge(seen(), "t2", None, 0.0, runs=False) == "dead"
    assert judge(seen(), "t2", None, 0.0, runs=True) == "alive"


@pytest.mark.parametrize(
    ("watched", "now", "meaning"),
    [
        (None, 1000.0, "wait"),
        (Watched(seen("0"), 0.0), 1000.0, "alive"),
        (Watched(seen("1"), 0.0), 29.9, "wait"),
        (Watched(seen("1"), 0.0), 30.0, "over"),
    ],
)
def test_lock_of_another_machine_is_over_once_it_did_not_change_for_its_time(
    watched: Watched | None, now: float, meaning: str
) -> None:
    assert judge(seen("1"), "t2", watched, now, None) == meaning


@pytest.mark.parametrize("wrong", [0, -1, LONGEST_SECONDS + 1])
def test_time_that_cannot_be_right_is_not_believed(wrong: int) -> None:
    record = seen(seconds=wrong).record
    assert record is not None
    assert lasts(record) == LEASE_SECONDS


def test_lock_is_long_expired_ten_minutes_after_its_end() -> None:
    record = seen().record
    assert record is not None
    end = NOW + timedelta(seconds=30)
    assert not long_expired(record, end + timedelta(minutes=10))
    assert long_expired(record, end + timedelta(minutes=10, seconds=1))


def test_lock_whose_renewal_is_no_time_is_never_long_expired() -> None:
    record = seen(renewed="yesterday").record
    assert record is not None
    assert not long_expired(record, NOW + timedelta(days=1))


def test_holder_relies_on_its_lock_for_less_than_the_lock_lasts() -> None:
    assert counts_until(100.0, 30) == 120.0
    assert counts_until(100.0, 9) == 106.0
    assert clear_until(100.0, 30.0) == 120.0


def test_refusal_names_the_owner_and_its_command() -> None:
    error = locked(seen())
    assert "ana@laptop/7 (apply since 12:00)" in error.message
    assert "--break-lock ana@laptop/7" in error.remedy
    assert "ana@laptop/7." in locked(seen(holder=LockHolder("ana@laptop/7"))).message


def test_refusal_of_a_lock_that_cannot_be_read_names_a_placeholder() -> None:
    error = locked(LockSeen(None, "1", "Lease x"))
    assert "its owner is not known" in error.message
    assert "--break-lock OWNER" in error.remedy


def test_lock_of_another_owner_is_not_broken() -> None:
    assert lock_of_another(seen()).code == "lock-owner-differs"
