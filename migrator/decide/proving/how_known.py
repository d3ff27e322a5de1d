"""How a verdict is known, in one line for people: who logged in and when, and what the probes
answered.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from migrator.model.evidence import Attribution, ProbeResult, SelfSubject
from migrator.model.rbac import AccessRequest

_MOST_NAMED = 3

# What ties a proof to the entry, and to nothing else.
TIES: Mapping[Attribution, str] = {
    "marker": "its groups show the run's own marker",
    "policy": "the decision names an access policy",
    "node": "its groups are those of a node entry",
    "rehearsal": "aws-auth was blank",
    "api-mode": "no row is asked in API mode",
    "only-way": "aws-auth has nothing for it",
}


def clock_time(moment: datetime | str) -> str:
    """A time for people, in UTC; a text is one of ISO 8601."""
    found = (
        datetime.fromisoformat(moment.replace("Z", "+00:00")) if isinstance(moment, str) else moment
    )
    return found.strftime("%Y-%m-%d %H:%M:%SZ")


def tied(attribution: Attribution, at: str = "") -> str:
    """``tied to the entry: …``; empty where nothing ties the proof to it. ``at``: when that was
    seen.
    """
    when = f" at {clock_time(at)}" if at else ""
    return f"tied to the entry{when}: {TIES[attribution]}" if attribution in TIES else ""


def how_of_login(subject: SelfSubject | None, results: Sequence[ProbeResult], at: str) -> str:
    """``logged in as NAME at TIME; 31 of 31 probes equal; 4 of 4 negative probes denied``."""
    at = clock_time(at)
    if subject is None:
        return f"tried to log in at {at}, and was refused"
    plain = [result for result in results if result.probe.announced is None]
    asked = [result for result in plain if result.probe.expected]
    negative = [result for result in plain if not result.probe.expected]
    parts = [f"logged in as {subject.username} at {at}"]
    if asked:
        parts.append(f"{sum(each.allowed for each in asked)} of {len(asked)} probes equal")
    if negative:
        parts.append(
            f"{sum(not each.allowed for each in negative)} of {len(negative)} negative probes "
            f"denied"
        )
    return "; ".join(parts if plain else [*parts, "no probe was asked"])


def how_of_announced(results: Sequence[ProbeResult], before: Mapping[AccessRequest, bool]) -> str:
    """What the answers after the change show of the differences that the plan announces; empty
    without such a probe.

    ``before`` are the answers of the live baseline. A loss is shown by yes before and no after, a
    gain by no before and yes after. ``1 of 2 announced gains shown (denied now: get pods in
    shop)``.
    """
    parts = []
    for change, words, is_there in (("lost", "losses", False), ("gained", "gains", True)):
        asked = [each for each in results if each.probe.announced == change]
        there = [each for each in asked if each.allowed is is_there]
        shown = [each for each in there if before.get(each.probe.request) is (not is_there)]
        if not asked:
            continue
        unshown = [
            *_named(
                "allowed now" if change == "lost" else "denied now",
                [each for each in asked if each not in there],
            ),
            *_named(
                "denied before, too" if change == "lost" else "allowed before, too",
                [each for each in there if before.get(each.probe.request) is is_there],
            ),
            *_named("no baseline", [each for each in there if each.probe.request not in before]),
        ]
        parts.append(
            f"{len(shown)} of {len(asked)} announced {words} shown"
            + (f" ({'; '.join(unshown)})" if unshown else "")
        )
    return "; ".join(parts)


def _named(why: str, results: Sequence[ProbeResult]) -> list[str]:
    if not results:
        return []
    names = [request_text(each.probe.request) for each in results[:_MOST_NAMED]]
    more = f" and {len(results) - _MOST_NAMED} more" if len(results) > _MOST_NAMED else ""
    return [f"{why}: {', '.join(names)}{more}"]


def request_text(request: AccessRequest) -> str:
    """A question in the words of ``kubectl auth can-i``: ``get apps/deployments/scale NAME in
    shop``.
    """
    if request.path is not None:
        return f"{request.verb} {request.path}"
    what = "/".join(
        part for part in (request.api_group, request.resource, request.subresource) if part
    )
    name = f" {request.name}" if request.name else ""
    return f"{request.verb} {what}{name}" + (
        f" in {request.namespace}" if request.namespace else ""
    )
