"""Injected latency: what a network and a service cost, as machine time per call."""

import fnmatch
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatencyRule:
    """Seconds of machine time for calls whose name (``eks:DescribeCluster``, ``kubernetes:get
    nodes``) matches.
    """

    pattern: str
    seconds: float


class Latency:
    """Latency of every call of a lab; the last rule that matches counts. Nothing is slow by
    default.
    """

    def __init__(self) -> None:
        self._rules: list[LatencyRule] = []
        self._lock = threading.Lock()

    def set(self, pattern: str, seconds: float) -> None:
        """Make matching calls take ``seconds`` longer; 0 takes it back."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule.pattern != pattern]
            if seconds > 0:
                self._rules.append(LatencyRule(pattern, seconds))

    def of(self, operation: str) -> float:
        """Seconds of latency of a call."""
        for rule in reversed(self._rules):
            if fnmatch.fnmatchcase(operation, rule.pattern):
                return rule.seconds
        return 0.0

    def wait(self, operation: str) -> None:
        """Sleep for the latency of a call. Never while holding the world's lock."""
        seconds = self.of(operation)
        if seconds > 0:
            time.sleep(seconds)
