"""The dead-man timer, run inside the cluster by the rehearsal's Job: puts aws-auth back unless the
Lease is renewed.

It judges by its own clock how long the Lease has not changed, so that no two clocks have to agree.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from migrator.decide.running.dead_man import (
    AWS_AUTH,
    BLANKED,
    FOREIGN,
    NAME,
    OVER,
    RENEW_WITHIN,
    TIMER,
    read_original,
    recreated,
)
from migrator.decide.running.rehearsal import map_state
from migrator.errors import Failed, MigratorError
from migrator.ports import Clock, ClusterObjects, ConfigMaps, Events

POLL = timedelta(seconds=5)
_MOST_FOREIGN = 200_000  # bytes; an object's annotations hold 256 KiB


@dataclass(frozen=True, slots=True)
class TimerPorts:
    """What the timer needs: the map, the Lease, a clock that only waits, and a place for its
    events.
    """

    config_maps: ConfigMaps
    objects: ClusterObjects
    clock: Clock
    events: Events


def hold(ports: TimerPorts, within: timedelta = RENEW_WITHIN) -> str:
    """Watch until the operator says that it is over (``over``) or the Lease was not renewed
    ``within`` (``fired``).

    Raises ``Failed("timer-damaged")`` when the saved map cannot be read, before it says that it is
    armed.
    """
    saved = ports.objects.read("ConfigMap", NAME)
    if saved is None:
        raise Failed("timer-damaged", "The saved aws-auth of the rehearsal is not there.")
    original = read_original(saved)
    lease = ports.objects.read("Lease", NAME)
    if lease is None or _said(lease, OVER):
        return "over"
    if _said(lease, TIMER) == "fired":
        return "fired"
    _say(ports, {TIMER: "armed"})
    seen, since = _renewed(lease), ports.clock.now()
    while True:
        ports.clock.sleep(POLL)
        try:
            lease = ports.objects.read("Lease", NAME)
        except MigratorError as error:
            ports.events.say(
                "warn", error.message, event="timer"
            )  # not to be able to look is no renewal
        else:
            if lease is not None and _said(lease, OVER):
                return "over"
            if lease is not None and _renewed(lease) != seen:
                seen, since = _renewed(lease), ports.clock.now()
        if ports.clock.now() - since >= within:
            _put_back(ports, original)
            return "fired"


def _put_back(ports: TimerPorts, original: Mapping[str, Any]) -> None:
    """Until aws-auth is what it was; whatever fails is tried again.

    Where the operator never began to blank it, there is nothing to put back: another writer made it
    what it is now.
    """
    notes: dict[str, str] = {TIMER: "fired"}
    while True:
        try:
            lease = ports.objects.read("Lease", NAME)
            if lease is None:  # the operator is back and has cleaned up
                return
            found = ports.config_maps.read()
            state = map_state(found, original["data"])
            if state in ("foreign", "absent") and not _said(lease, BLANKED):
                _say(ports, notes)
                ports.events.say(
                    "done",
                    f"{AWS_AUTH} was never blanked, and another writer changed it: their "
                    "version is left in place",
                    event="timer",
                )
                return
            if state == "foreign" and found is not None:
                notes[FOREIGN] = json.dumps(dict(found.get("data") or {}))[:_MOST_FOREIGN]
            if state == "absent":
                ports.objects.apply(recreated(original))
            elif state != "original" and found is not None:
                version = str((found.get("metadata") or {}).get("resourceVersion", ""))
                ports.config_maps.write_data(original["data"], resource_version=version)
            _say(ports, notes)
        except MigratorError as error:
            if error.code == "not-found":  # the Lease, deleted since it was read
                return
            ports.events.say("warn", f"{AWS_AUTH} is not back yet: {error.message}", event="timer")
            ports.clock.sleep(POLL)
        else:
            ports.events.say("done", f"{AWS_AUTH} is as it was", event="timer")
            return


def _say(ports: TimerPorts, annotations: Mapping[str, str]) -> None:
    """Write annotations on the Lease: the only way in which the timer reports."""
    ports.objects.patch("Lease", NAME, {"metadata": {"annotations": dict(annotations)}})


def _said(lease: Mapping[str, Any], annotation: str) -> str:
    """An annotation of the Lease; empty where it has none."""
    return str(((lease.get("metadata") or {}).get("annotations") or {}).get(annotation, ""))


def _renewed(lease: Mapping[str, Any]) -> str:
    """When the rehearsal renewed the Lease last, as the API gives it; empty where it never did."""
    return str((lease.get("spec") or {}).get("renewTime", ""))
