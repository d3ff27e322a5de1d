"""The note for a SOC on a whole fleet: the calls of all plans, each kind once with its number."""

from collections.abc import Iterable
from dataclasses import replace

from migrator.decide.reach.security_note import COMMANDS, calls_of_commands, detections_of
from migrator.fleet.model.outcome import ClusterFacts
from migrator.fleet.model.report import FleetSecurityNote
from migrator.model.security_note import NotedCall


def fleet_security_note(facts: Iterable[ClusterFacts]) -> FleetSecurityNote:
    """The calls in the order of a migration. A cluster without a plan makes none that is known."""
    planned = [each for each in facts if each.plan_digest is not None]
    if not planned:
        return FleetSecurityNote(0)
    counted = _summed(call for each in planned for call in each.calls)
    stated = [call for call in calls_of_commands() if call.effect != "read" or call.detections]
    calls = tuple(
        call
        for command in COMMANDS
        for of_kind in (counted, stated)
        for call in of_kind
        if call.command == command
    )
    return FleetSecurityNote(len(planned), calls, detections_of(calls))


def _summed(calls: Iterable[NotedCall]) -> list[NotedCall]:
    """Each kind of call once; the objects of a call are in the notes of their clusters."""
    found: dict[tuple[str, ...], NotedCall] = {}
    for call in calls:
        kind = (call.command, call.log, call.effect, call.call, call.detail, call.when)
        before = found.get(kind)
        count, made = call.count, call.made
        if before is not None:
            count, made = _sum(before.count, count), _sum(before.made, made)
        found[kind] = replace(call, on=(), count=count, made=made)
    return list(found.values())


def _sum(one: int | None, other: int | None) -> int | None:
    """The sum of what is known; None where nothing is."""
    if one is None:
        return other
    return one + (other or 0)
