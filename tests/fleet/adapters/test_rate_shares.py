"""Shares of a rate: processes side by side make together what one would make alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.fleet.adapters.rate_limits import RateLimits
from migrator.fleet.model.fleet import RateRule


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def calls_by(limits: RateLimits, time: Time, until: float, api: str = "eks:DescribeCluster") -> int:
    """How many calls one process that does nothing else makes until then."""
    made = 0
    while time.now <= until:
        limits.wait("111122223333", "eu-central-1", api)
        made += time.now <= until
    return made


@settings(max_examples=60)
@given(
    processes=st.integers(1, 40),
    per_second=st.sampled_from([1.0, 5.0, 20.0]),
    burst=st.integers(1, 40),
    seconds=st.sampled_from([0.0, 1.0, 10.0]),
)
def test_processes_with_a_share_each_make_no_more_calls_than_one_with_all(
    processes: int, per_second: float, burst: int, seconds: float
) -> None:
    total = 0
    for _ in range(processes):
        time = Time()
        limits = RateLimits(
            (RateRule("*", per_second, burst),), share=1 / processes, clock=time, sleep=time.sleep
        )
        total += calls_by(limits, time, seconds)
    assert total <= burst + per_second * seconds + 1e-6
    assert total >= burst + per_second * seconds - processes  # and lose less than one call each
