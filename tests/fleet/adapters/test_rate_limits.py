"""Token buckets: whatever is asked and whenever, no more is let through than burst and rate
allow.
"""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.fleet.adapters.rate_limits import DEFAULT_RATES, RateLimits, TokenBucket
from migrator.fleet.model.fleet import RateRule


class Time:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def limits(*rules: RateRule, share: float = 1.0) -> tuple[RateLimits, Time]:
    time = Time()
    return RateLimits(rules, share=share, clock=time.read, sleep=time.sleep), time


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=80),
)
def test_no_stretch_of_time_sees_more_than_burst_and_rate_allow(
    rate: float, burst: int, gaps: list[float]
) -> None:
    time = Time()
    bucket = TokenBucket(rate, burst, time.read)
    let_through = []
    for gap in gaps:
        time.now += gap
        let_through.append(time.now + bucket.take())
    for first, begin in enumerate(let_through):
        for last in range(first, len(let_through)):
            assert last - first + 1 <= burst + rate * (let_through[last] - begin) + 1 + 1e-6


def test_accounts_regions_and_rules_have_buckets_of_their_own() -> None:
    pace, time = limits(RateRule("eks:*", 1, 1))
    for account, region in (("1", "a"), ("1", "b"), ("2", "a")):
        pace.wait(account, region, "eks:ListClusters")
    pace.wait("1", "a", "ec2:DescribeInstances")
    assert time.slept == []
    pace.wait("1", "a", "eks:DescribeCluster")
    assert time.slept == [1.0]


def test_iam_is_one_place_for_all_regions() -> None:
    pace, time = limits(RateRule("iam:*", 2, 1))
    pace.wait("1", "a", "iam:ListRoles")
    pace.wait("1", "b", "iam:GetRole")
    assert time.slept == [0.5]


def test_every_rule_that_fits_is_kept() -> None:
    pace, time = limits(RateRule("eks:CreateAccessEntry", 1, 1), RateRule("*", 100, 1))
    pace.wait("1", "a", "eks:CreateAccessEntry")
    pace.wait("1", "a", "eks:CreateAccessEntry")
    assert time.slept == [1.0]


def test_processes_side_by_side_share_a_rate() -> None:
    pace, time = limits(RateRule("eks:*", 10, 10), share=0.5)
    for _ in range(6):
        pace.wait("1", "a", "eks:ListClusters")
    assert time.slept == [pytest.approx(0.2)]


def test_without_rules_the_defaults_hold() -> None:
    pace, time = limits()
    for _ in range(DEFAULT_RATES[0].burst + 1):
        pace.wait("1", "a", "eks:ListClusters")
    assert time.slept == [pytest.approx(1 / DEFAULT_RATES[0].per_second)]


def test_threads_share_a_bucket() -> None:
    time = Time()
    bucket = TokenBucket(1.0, 1, time.read)
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(bucket.take())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [float(number) for number in range(20)]
