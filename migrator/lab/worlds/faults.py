"""Faults of a cloud, injected on a seeded schedule.

A fault names calls by pattern (``eks:CreateAccessEntry``, ``eks:*``, ``kubernetes:patch
configmaps``), a kind, and when it strikes: after ``skip`` matching calls, at most ``times`` times,
each time with ``probability`` (drawn from the seed, so the same schedule strikes alike in every run
that makes the same calls).
"""

import fnmatch
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from migrator.lab.worlds.principals import Limit

FaultKind: TypeAlias = Literal[
    "latency",  # `seconds` longer
    "throttle",  # the service's throttling error; `retry_after` seconds as a header when given
    "error",  # HTTP `status`, 500 or 503
    "reset",  # the connection is reset before anything is done
    "lost-answer",  # it is done, and the connection closes (or hangs `seconds`) without an answer
    "stale-read",  # a read answers from the state `seconds` of lab time ago
    # a list answers at most `page_size` items and a token; FilterLogEvents even none, with 0
    "partial-page",
    "expired-credentials",  # the token included in the request is expired
    "update-fails",  # the cluster update that this call starts ends as `outcome`
    # just before the call another writer writes aws-auth: `change` edit, recreate or delete
    "second-writer",
    "node-stops",  # just before the call the kubelet of `node` stops renewing its lease
    "ca-rotates",  # just before the call the cluster's certificate authority is replaced
    "undecided",  # a review of access is answered with neither yes nor no: an authorizer failed
    # a policy of kind `by` denies it, in AWS's words; a webhook does in the cluster
    "denied",
]
PolicyKind: TypeAlias = Literal[
    "identity-based-policy",
    "service-control-policy",
    "permissions-boundary",
    "session-policy",
    "vpc-endpoint-policy",
]
# As AWS's texts name them.
_POLICY_KINDS: Mapping[PolicyKind, str] = {
    "identity-based-policy": "identity-based policy",
    "service-control-policy": "service control policy",
    "permissions-boundary": "permissions boundary",
    "session-policy": "session policy",
    "vpc-endpoint-policy": "VPC endpoint policy",
}
Outcome: TypeAlias = Literal["Failed", "Cancelled"]
Change: TypeAlias = Literal["edit", "recreate", "delete"]


@dataclass(slots=True)
class Fault:
    """One injected fault and how often it has struck.

    ``cluster`` says where a second writer writes, a node stops or an authority is replaced; it may
    be left out in a world of one cluster. Raises :class:`ValueError` for values that mean nothing:
    a schedule that never strikes hides what it should show.
    """

    operation: str
    kind: FaultKind
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    status: int = 500
    retry_after: int | None = None
    page_size: int = 1
    outcome: Outcome = "Failed"
    cluster: str = ""
    change: Change = "edit"
    node: str = ""
    by: PolicyKind = "service-control-policy"
    policy: str = ""  # its ARN, which AWS names in one organization
    seen: int = 0
    struck: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _one_of("fault", self.kind, get_args(FaultKind))
        _one_of("outcome", self.outcome, get_args(Outcome))
        _one_of("change", self.change, get_args(Change))
        _one_of("policy", self.by, get_args(PolicyKind))
        _between("skip", self.skip, 0)
        if self.times is not None:
            _between("times", self.times, 0)
        _between("probability", self.probability, 0, 1)
        _between("seconds", self.seconds, 0)
        _between("status", self.status, 500, 599)
        if self.retry_after is not None:
            _between("retry_after", self.retry_after, 0)
        _between("page_size", self.page_size, 0)
        if self.kind == "node-stops" and not self.node:
            raise ValueError("node-stops needs the name of a node: node=NAME")
        if self.kind == "stale-read" and not self.seconds:
            raise ValueError("stale-read needs how far back it reads: seconds=N")
        self._random = random.Random(f"{self.seed} {self.operation} {self.kind}")  # noqa: S311 - a schedule, no secret

    @property
    def limit(self) -> Limit:
        """The policy by which the fault ``denied`` denies everything: the organization's with a
        statement, the others by what they do not allow.
        """
        kind = _POLICY_KINDS[self.by]
        if self.by == "service-control-policy":
            return Limit(kind, self.policy, denied=("*",))
        return Limit(kind, self.policy, allowed=())

    def strikes(self, operation: str) -> bool:
        """Whether this call is hit. Counts the call.

        A random number is drawn for every call that matches, hit or not, so that ``skip`` and
        ``times`` do not shift which of the later calls are drawn.
        """
        if not fnmatch.fnmatchcase(operation, self.operation):
            return False
        self.seen += 1
        drawn = self._random.random()
        if self.seen <= self.skip:
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        if drawn >= self.probability:
            return False
        self.struck += 1
        return True


def _one_of(what: str, value: object, known: tuple[str, ...]) -> None:
    """Raise :class:`ValueError`, which names what is known, for a value that is not."""
    if value not in known:
        raise ValueError(f"unknown {what} {value!r}; known are {', '.join(known)}")


def _between(what: str, value: object, least: float, most: float = float("inf")) -> None:
    """Raise :class:`ValueError` for what is no number, and for one that is out of its limits; both
    limits are allowed.
    """
    # True and False are integers to Python.
    number = None if isinstance(value, bool) else value
    if isinstance(number, int | float) and least <= number <= most:
        return
    limits = f"of at least {least:g}"
    if most != float("inf"):
        limits = f"from {least:g} to {most:g}"
    raise ValueError(f"{what} must be a number {limits}, not {value!r}")


class Faults:
    """The faults of a lab. Both servers ask :meth:`draw` once for every request."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Inject a fault from now on."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """No faults any more."""
        with self._lock:
            self._faults = []

    def all(self) -> list[Fault]:
        """What is injected, with counts."""
        with self._lock:
            return list(self._faults)

    def draw(self, operation: str) -> dict[FaultKind, Fault]:
        """The faults that strike this call, by kind; of two of one kind the later one counts."""
        if not self._faults:
            return {}
        with self._lock:
            return {fault.kind: fault for fault in self._faults if fault.strikes(operation)}
