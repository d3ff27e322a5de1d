"""When the next write may be sent."""

from datetime import datetime, timedelta, timezone

from migrator.decide.running.rate import full_bucket, take

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)


def test_first_write_of_a_full_bucket_does_not_wait() -> None:
    assert take(full_bucket(2.0, NOW), NOW)[1] == timedelta(0)


def test_writes_beyond_the_burst_wait_one_after_the_other() -> None:
    bucket, waits = full_bucket(2.0, NOW, burst=2.0), []
    for _ in range(4):
        bucket, wait = take(bucket, NOW)
        waits.append(wait.total_seconds())
    assert waits == [0.0, 0.0, 0.5, 1.0]


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    empty, _ = take(full_bucket(2.0, NOW), NOW)
    later = NOW + timedelta(hours=1)
    once, first = take(empty, later)
    _, second = take(once, later)
    assert (first.total_seconds(), second.total_seconds()) == (0.0, 0.5)


def test_clock_that_goes_back_gives_no_tokens() -> None:
    empty, _ = take(full_bucket(1.0, NOW), NOW)
    bucket, wait = take(empty, NOW - timedelta(hours=1))
    assert (wait.total_seconds(), bucket.at) == (1.0, NOW)
