"""A token bucket as a value: when the next write may be sent."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """``rate`` writes per second on average, at most ``burst`` without a pause. ``tokens`` were
    left at ``at``.

    ``tokens`` may be negative: that many writes are promised and wait.
    """

    rate: float
    burst: float
    tokens: float
    at: datetime


def full_bucket(rate: float, now: datetime, *, burst: float = 1.0) -> Bucket:
    """A bucket that has not been used. ``rate`` is in writes per second and above 0."""
    return Bucket(rate=rate, burst=burst, tokens=burst, at=now)


def take(bucket: Bucket, now: datetime) -> tuple[Bucket, timedelta]:
    """The bucket after one more write was promised, and how long that write has to wait (zero or
    more).
    """
    elapsed = max(0.0, (now - bucket.at).total_seconds())
    tokens = min(bucket.burst, bucket.tokens + elapsed * bucket.rate) - 1
    wait = timedelta(seconds=max(0.0, -tokens / bucket.rate))
    return replace(bucket, tokens=tokens, at=max(now, bucket.at)), wait
