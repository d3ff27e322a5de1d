"""How a verdict is known, in one line for people: who logged in and when, and what the probes
answered.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from migrator.model.evidence import Attribution, ProbeResult, SelfSubject
from migrator.model.long_lists import some_of
from migrator.model.moments import moment_of_text
from migrator.model.rbac import AccessRequest

_MOST_NAMED = 3

# What ties a proof to the entry, and to nothing else.
TIES: Mapping[Attribution, str] = {
    "marker": "its groups show the run's own marker",
    "policy": "the decision names an access policy",
    "node": "its groups are those of a node entry",
    "rehearsal": "aws-auth was blank",
    "api-mode": "no row is asked in API mode",
    "only-way": "aws-auth does not map it",
}


def clock_time(moment: datetime | str) -> str:
    """A time for people, in UTC; a text is one of ISO 8601."""
    if isinstance(moment, str):
        moment = moment_of_text(moment)
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def tied(attribution: Attribution, at: str = "") -> str:
    """``tied to the entry: …``; empty where nothing ties the proof to it.

    ``at``: when that was seen, ISO 8601; empty leaves the time out.
    """
    if attribution not in TIES:
        return ""
    when = ""
    if at:
        when = f" at {clock_time(at)}"
    return f"tied to the entry{when}: {TIES[attribution]}"


def how_of_login(subject: SelfSubject | None, results: Sequence[ProbeResult], at: str) -> str:
    """``logged in as NAME at TIME; 31 of 31 probes equal; 4 of 4 negative probes denied``.

    ``subject`` None is a refused login. Probes of announced differences are not counted here:
    ``how_of_announced`` says what they show. ``at`` is ISO 8601.
    """
    at = clock_time(at)
    if subject is None:
        return f"tried to log in at {at}, and was refused"
    allowed = asked = 0
    denied = negative = 0
    for result in results:
        if result.probe.announced is not None:
            continue
        if result.probe.expected:
            asked += 1
            allowed += result.allowed
        else:
            negative += 1
            denied += not result.allowed
    parts = [f"logged in as {subject.username} at {at}"]
    if not subject.may_ask:
        parts.append("it may not ask about itself, so that no group and no permission was seen")
    if asked:
        parts.append(f"{allowed} of {asked} probes equal")
    if negative:
        parts.append(f"{denied} of {negative} negative probes denied")
    # A login alone shows who the principal is, and nothing of what it may do.
    if not asked and not negative:
        parts.append("no probe was asked")
    return "; ".join(parts)


def how_of_announced(results: Sequence[ProbeResult], before: Mapping[AccessRequest, bool]) -> str:
    """What the answers after the change show of the differences that the plan announces.

    ``before`` are the answers of the live baseline. A loss is shown by yes before and no after, a
    gain by no before and yes after. ``1 of 2 announced gains shown (denied now: get pods in
    shop)``; empty without such a probe.
    """
    parts = []
    for change in _CHANGES:
        asked = [each for each in results if each.probe.announced == change.announced]
        if not asked:
            continue
        parts.append(_how_of_change(change, asked, before))
    return "; ".join(parts)


class _Change(NamedTuple):
    """A kind of announced difference, and the words for answers that do not show it."""

    announced: str
    words: str
    allowed_after: bool
    not_yet: str
    same_before: str


_CHANGES = (
    _Change("lost", "losses", False, "allowed now", "denied before, too"),
    _Change("gained", "gains", True, "denied now", "allowed before, too"),
)


def _how_of_change(
    change: _Change, asked: Sequence[ProbeResult], before: Mapping[AccessRequest, bool]
) -> str:
    """The line for one kind of difference, with the requests that do not show it and why."""
    # Why an answer does not show the change -> the requests with such an answer.
    unshown: dict[str, list[str]] = {change.not_yet: [], change.same_before: [], "no baseline": []}
    shown = 0
    for each in asked:
        request = each.probe.request
        if each.allowed is not change.allowed_after:
            unshown[change.not_yet].append(request_text(request))
        # Without the answer before, nothing is known to have changed.
        elif request not in before:
            unshown["no baseline"].append(request_text(request))
        elif before[request] is change.allowed_after:
            unshown[change.same_before].append(request_text(request))
        else:
            shown += 1
    text = f"{shown} of {len(asked)} announced {change.words} shown"
    whys = [f"{why}: {some_of(named, _MOST_NAMED)}" for why, named in unshown.items() if named]
    if whys:
        text += f" ({'; '.join(whys)})"
    return text


def request_text(request: AccessRequest) -> str:
    """A question in the words of ``kubectl auth can-i``.

    ``get apps/deployments/scale NAME in shop``, or ``get /healthz`` for a path.
    """
    if request.path is not None:
        return f"{request.verb} {request.path}"
    parts = (request.api_group, request.resource, request.subresource)
    what = "/".join(part for part in parts if part)
    text = f"{request.verb} {what}"
    if request.name:
        text += f" {request.name}"
    if request.namespace:
        text += f" in {request.namespace}"
    return text
