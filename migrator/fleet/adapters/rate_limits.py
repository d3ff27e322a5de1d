"""How fast AWS is asked: a token bucket for each account, Region and rule, shared by all callers in
this process.

botocore's adaptive retries slow one client down after it was throttled, and know nothing of its
siblings; the limits of AWS count per account and Region. So every attempt to send, a retry
included, takes a token of each rule that fits.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from migrator.fleet.model.fleet import RateRule

# Well below what accounts have been seen to be throttled at, because others work in them, too.
DEFAULT_RATES = (RateRule("eks:*", 20, 40), RateRule("iam:*", 10, 20), RateRule("*", 50, 100))
_GLOBAL = frozenset({"iam", "organizations"})  # one endpoint for all Regions


@dataclass(eq=False)
class TokenBucket:
    """``burst`` tokens at first, ``per_second`` more in each second. A caller that takes one that
    is not there yet waits for it, in the order of asking.
    """

    per_second: float
    burst: float
    clock: Callable[[], float]
    _tokens: float = field(init=False)
    _at: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self._tokens = self.burst
        self._at = self.clock()

    def take(self) -> float:
        """Take one token; returns the seconds to wait until it is there."""
        with self._lock:
            now = self.clock()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
            self._at = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self.per_second)


class RateLimits:
    """The buckets of this process. ``share`` is its part of each rate where several processes work
    concurrently.
    """

    def __init__(
        self,
        rules: Sequence[RateRule] = DEFAULT_RATES,
        *,
        share: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rules = tuple(rules) or DEFAULT_RATES
        self._share = share
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}

    def pace(self, account: str, region: str) -> Callable[[str], None]:
        """What to call with ``service:Operation`` before each attempt to send it in this account
        and Region.
        """
        return lambda api: self.wait(account, region, api)

    def wait(
        self,
        account: str,
        region: str,
        api: str,
    ) -> None:
        """Take a token of every rule that fits, and wait until the last of them is there."""
        place = "global" if api.partition(":")[0] in _GLOBAL else region
        waits = [
            self._bucket(account, place, rule).take()
            for rule in self._rules
            if fnmatchcase(api, rule.api)
        ]
        longest = max(waits, default=0.0)
        if longest > 0:
            self._sleep(longest)

    def _bucket(
        self,
        account: str,
        region: str,
        rule: RateRule,
    ) -> TokenBucket:
        """The bucket of one rule in one account and Region. It has this process's share of rate and
        burst, be that less than one call: the parts of all processes add up to the rate.
        """
        key = (account, region, rule.api)
        with self._lock:
            if key not in self._buckets:
                per_second, burst = rule.per_second * self._share, rule.burst * self._share
                self._buckets[key] = TokenBucket(per_second, burst, self._clock)
            return self._buckets[key]
