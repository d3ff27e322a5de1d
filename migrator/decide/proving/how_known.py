"""How a verdict is known, in one line for people: who logged in and when, and what the probes answered."""

from collections.abc import Sequence

from migrator.model.evidence import ProbeResult, SelfSubject


def how_of_login(subject: SelfSubject | None, results: Sequence[ProbeResult], at: str) -> str:
    """``logged in as NAME at TIME; 31 of 31 probes equal; 4 of 4 negative probes denied``."""
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
