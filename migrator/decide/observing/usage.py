"""Counting who logs in: log lines are added one by one, and what is kept does not grow with their
number.

The one value in this package that changes in place: a month of audit log has millions of lines. It
depends on which lines were added and not on their order (but for which kinds of denials are left
out when there are too many), so that a scan may stop and continue, and may ask CloudWatch to count
for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from migrator.decide.observing.log_lines import moment_of
from migrator.model.observation import Decider, SeenLogin, SeenRequest
from migrator.model.security_note import USER_AGENT
from migrator.model.snapshot import Login
from migrator.model.usage_report import Decided, Denial

# Of one principal with the same groups; with more of them only their common prefix is kept.
MOST_NAMES = 100
MOST_DENIALS = 2_000
OWN_USER_AGENT = USER_AGENT
_DECIDERS: tuple[Decider | str, ...] = ("rbac", "access-policy", "other", "impersonated", "denied")
_DAY = 86_400_000


@dataclass(slots=True)
class Span:
    """A number of events and the times of the first and the last, in milliseconds since 1970."""

    first: int
    last: int
    count: int = 1

    def add(
        self,
        first: int,
        last: int,
        count: int,
    ) -> None:
        """More of the same."""
        self.first = min(self.first, first)
        self.last = max(self.last, last)
        self.count += count


@dataclass(slots=True)
class _Names:
    """The names of one principal with the same groups: each one, or folded into their common
    prefix.
    """

    spans: dict[str, Span] = field(default_factory=dict)
    prefix: str | None = None

    def add(
        self,
        name: str,
        first: int,
        last: int,
        count: int,
    ) -> None:
        """So many log-ins under a name, between two moments."""
        key = name
        if self.prefix is not None:
            key = self._widen(name)
        span = self.spans.get(key)
        if span is None:
            self.spans[key] = Span(first, last, count)
        else:
            span.add(first, last, count)
        # Sessions may each have a name of their own: what is kept must not grow with their number.
        if self.prefix is None and len(self.spans) > MOST_NAMES:
            self._fold()

    def _widen(self, name: str) -> str:
        """The key of a name once names are folded; the prefix becomes shorter where the name needs
        it.
        """
        assert self.prefix is not None  # noqa: S101 - folded
        prefix = _common(self.prefix, name)
        if prefix != self.prefix:
            self.spans = {f"{prefix}*": self.spans[f"{self.prefix}*"]}
            self.prefix = prefix
        return f"{prefix}*"

    def _fold(self) -> None:
        """All names become one: their common prefix and a star."""
        # Every name between the first and the last has their prefix.
        self.prefix = _common(min(self.spans), max(self.spans))
        spans = iter(self.spans.values())
        whole = next(spans)
        for span in spans:
            whole.add(span.first, span.last, span.count)
        self.spans = {f"{self.prefix}*": whole}


class Tally:
    """Counts of logins, decisions and denials. ``applied``: when a plan was first applied
    (milliseconds since 1970).
    """

    def __init__(self, applied: int | None = None) -> None:
        self.applied = applied
        self.lines = 0
        # Log type -> days since 1970 with at least one line of it.
        self.days: dict[str, set[int]] = {}
        self._logins: dict[tuple[str, tuple[str, ...]], _Names] = {}
        self._decided: dict[str, list[int]] = {}
        self._own: dict[str, int] = {}  # requests of this tool, which verifies by logging in
        self._denials: dict[tuple[str, str, str], tuple[Span, int]] = {}
        self._left_out = 0

    # adding

    def add_login(
        self,
        login: SeenLogin,
        *,
        count: int = 1,
        first: datetime | None = None,
    ) -> None:
        """A login, or ``count`` of them from ``first`` to ``login.at``."""
        last = milliseconds(login.at)
        begin = last
        if first is not None:
            begin = milliseconds(first)
        if login.refused:
            self._deny(login.arn, "login", login.refused, begin, last, count)
            return
        names = self._logins.get((login.arn, login.groups))
        if names is None:
            names = self._logins[login.arn, login.groups] = _Names()
        names.add(login.username, begin, last, count)

    def add_request(
        self,
        request: SeenRequest,
        *,
        as_login: bool,
        count: int = 1,
        first: datetime | None = None,
    ) -> None:
        """A request, or ``count`` alike from ``first`` to ``request.at``.

        ``as_login``: no other log shows logins, so that the request counts as one.
        """
        # This tool's own requests say nothing about who uses the cluster.
        if request.user_agent.startswith(OWN_USER_AGENT):
            self._own[request.arn] = self._own.get(request.arn, 0) + count
            return
        last = milliseconds(request.at)
        begin = last
        if first is not None:
            begin = milliseconds(first)
        counts = self._decided.setdefault(request.arn, [0] * len(_DECIDERS))
        decider: Decider | str = request.by
        # A denial of an impersonated user is no denial of the one who logged in.
        if not request.allowed and request.by != "impersonated":
            decider = "denied"
            what = f"{request.verb} {request.target or 'a path'}"
            self._deny(request.arn, what, "no rule allows it", begin, last, count)
        counts[_DECIDERS.index(decider)] += count
        if as_login:
            names = self._logins.setdefault((request.arn, request.groups), _Names())
            names.add(request.username, begin, last, count)

    def saw(
        self,
        log_type: str,
        timestamp: int,
        lines: int = 1,
    ) -> None:
        """A log had a line, of whatever kind."""
        self.lines += lines
        self.days.setdefault(log_type, set()).add(timestamp // _DAY)

    def _deny(
        self,
        arn: str,
        what: str,
        why: str,
        first: int,
        last: int,
        count: int,
    ) -> None:
        """So many denials of one kind; ``what`` was asked, ``why`` is the reason for people."""
        key = (arn, what, why)
        after = self._after_apply(first, count)
        known = self._denials.get(key)
        if known is not None:
            span, after_before = known
            span.add(first, last, count)
            self._denials[key] = (span, after_before + after)
            return
        # Names of objects are as many as a cluster's users make: what is kept has a bound.
        if len(self._denials) >= MOST_DENIALS:
            self._left_out += count
            return
        self._denials[key] = (Span(first, last, count), after)

    def _after_apply(self, first: int, count: int) -> int:
        """How many of so many events are certainly after the first apply."""
        # Of events that CloudWatch counted, only the first and the last time are known.
        if self.applied is None or first < self.applied:
            return 0
        return count

    # results

    def only_own(self) -> frozenset[str]:
        """Principals whose requests in the audit log all came from this tool."""
        return frozenset(self._own) - self._decided.keys()

    def logins(self) -> tuple[Login, ...]:
        """Each principal under each name with each set of groups, in the order of these."""
        found: list[Login] = []
        for (arn, groups), names in self._logins.items():
            for name, span in names.spans.items():
                first, last = moment_of(span.first), moment_of(span.last)
                found.append(Login(arn, name, groups, first, last, span.count))
        found.sort(key=lambda login: (login.arn, login.username, login.groups))
        return tuple(found)

    def decided(self) -> tuple[Decided, ...]:
        """What decided the requests of each principal."""
        return tuple(Decided(arn, *counts) for arn, counts in sorted(self._decided.items()))

    def denials(self) -> tuple[Denial, ...]:
        """Refused logins and denied requests, the latest first; at most ``MOST_DENIALS`` kinds."""
        found = [self._denial(key, span, after) for key, (span, after) in self._denials.items()]
        found.sort(key=lambda each: (-each.last.timestamp(), each.arn, each.what, each.why))
        return tuple(found)

    def _denial(
        self,
        key: tuple[str, str, str],
        span: Span,
        after: int,
    ) -> Denial:
        first, last = moment_of(span.first), moment_of(span.last)
        # Without an applied plan there is no "after".
        if self.applied is None:
            return Denial(*key, first, last, span.count, None)
        return Denial(*key, first, last, span.count, after)

    @property
    def denials_left_out(self) -> int:
        """Denials of the kinds beyond the bound."""
        return self._left_out

    # stopping and continuing

    def document(self) -> dict[str, Any]:
        """Everything, as JSON: what a scan that stops leaves for the one that continues it."""
        logins: list[list[Any]] = []
        for (arn, groups), names in self._logins.items():
            spans = {name: _numbers(span) for name, span in names.spans.items()}
            logins.append([arn, list(groups), names.prefix, spans])
        denials: list[list[Any]] = []
        for key, (span, after) in self._denials.items():
            denials.append([*key, *_numbers(span), after])
        return {
            "applied": self.applied,
            "lines": self.lines,
            "days": {kind: sorted(days) for kind, days in self.days.items()},
            "logins": logins,
            "decided": self._decided,
            "own": self._own,
            "denials": denials,
            "leftOut": self._left_out,
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Tally":
        """The tally that wrote the document.

        Raises ``KeyError``, ``TypeError`` or ``ValueError`` for another one.
        """
        tally = cls(document["applied"])
        tally.lines = int(document["lines"])
        tally._left_out = int(document["leftOut"])
        for kind, days in document["days"].items():
            tally.days[str(kind)] = set(map(int, days))
        for arn, groups, prefix, numbers in document["logins"]:
            spans = {name: Span(*span) for name, span in numbers.items()}
            tally._logins[arn, tuple(groups)] = _Names(spans, prefix)
        for arn, counts in document["decided"].items():
            tally._decided[arn] = list(map(int, counts))
        for arn, count in document["own"].items():
            tally._own[arn] = int(count)
        for arn, what, why, first, last, count, after in document["denials"]:
            tally._denials[arn, what, why] = (Span(first, last, count), after)
        return tally


def _common(one: str, other: str) -> str:
    """The common prefix of two names; the shorter one where it is the beginning of the other."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return one[:place]
    return min(one, other, key=len)


def _numbers(span: Span) -> list[int]:
    return [span.first, span.last, span.count]


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


_EPOCH = moment_of(0)
