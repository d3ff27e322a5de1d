"""How a verdict is known, in one line for people: who logged in and when, and what the probes answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from migrator.model.evidence import Attribution, ProbeResult, SelfSubject

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
    found = datetime.fromisoformat(moment.replace("Z", "+00:00")) if isinstance(moment, str) else moment
    return found.strftime("%Y-%m-%d %H:%M:%SZ")


def tied(attribution: Attribution, at: str = "") -> str:
    """``tied to the entry: …``; empty where nothing ties the proof to it. ``at``: when that was seen."""
    when = f" at {clock_time(at)}" if at else ""
    return f"tied to the entry{when}: {TIES[attribution]}" if attribution in TIES else ""


def how_of_login(subject: SelfSubject | None, results: Sequence[ProbeResult], at: str) -> str:
    """``logged in as NAME at TIME; 31 of 31 probes equal; 4 of 4 negative probes denied``."""
    at = clock_time(at)
    if subject is None:
        return f"tried to log in at {at}, and was refused"
    asked = [result for result in results if result.probe.expected]
    negative = [result for result in results if not result.probe.expected]
    parts = [f"logged in as {subject.username} at {at}"]
    if asked:
        parts.append(f"{sum(each.allowed for each in asked)} of {len(asked)} probes equal")
    if negative:
        parts.append(f"{sum(not each.allowed for each in negative)} of {len(negative)} negative probes denied")
    return "; ".join(parts if results else [*parts, "no probe was asked"])
