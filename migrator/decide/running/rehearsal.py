"""The brain of a rehearsal: what to do next, from the journal and what is seen. Pure and total.

Whatever happens between blanking and putting back (a crash, a foreign writer, trouble, a timer that
fired), the answer is to put the exact bytes back first and to explain afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from migrator.decide.running.dead_man import TIMER, blanked
from migrator.decide.running.progress import REHEARSE, SETTLED, Progress, Status
from migrator.decide.running.waiting import moment

TIMER_STEP, BLANK, RESTORE, CLEAN, PASSED = (
    f"{REHEARSE}-{name}" for name in ("timer", "blank", "restore", "clean", "passed")
)
NEVER_BLANKED: frozenset[Status] = frozenset(
    {"pending", "refused"}
)  # refused: by the API server, whoever was quicker
CHANGED_BEFORE = "somebody else wrote aws-auth before the rehearsal began; theirs was left alone"
CHANGED_AFTER = (
    "the timer put aws-auth back, and somebody else wrote it since; theirs was left alone"
)
TIMER_START = timedelta(minutes=3)  # pulling an image and starting a pod
MapState: TypeAlias = Literal["original", "blank", "foreign", "absent"]
TimerState: TypeAlias = Literal["none", "starting", "armed", "fired"]


@dataclass(frozen=True, slots=True)
class SeenRehearsal:
    """What is seen now. ``trouble``: why the rehearsal must end, empty while all is well.
    ``resumed``: the map was blanked by a process that is gone.
    """

    now: datetime
    map: MapState
    timer: TimerState
    trouble: str = ""
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Create the timer's objects."""


@dataclass(frozen=True, slots=True)
class AwaitTimer:
    """Look again until the Job says that it is armed."""


@dataclass(frozen=True, slots=True)
class Blank:
    """Blank the map's values."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Renew the Lease and look at everything."""


@dataclass(frozen=True, slots=True)
class Conclude:
    """The time is over and all was well: take the evidence while no row is asked, then put the map
    back.
    """


@dataclass(frozen=True, slots=True)
class Restore:
    """Put the exact bytes back. ``save``: what is there is somebody else's, and is saved first."""

    why: str
    save: bool = False


@dataclass(frozen=True, slots=True)
class AdoptRestored:
    """The map is back already: by the timer, or by an attempt whose end was not journaled."""

    why: str


@dataclass(frozen=True, slots=True)
class RemoveTimer:
    """Delete the timer's objects. ``why``: the rehearsal ends before it began."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing is left of the rehearsal in the cluster. ``why`` is empty when it passed."""

    why: str = ""


Rehearsing: TypeAlias = (
    StartTimer
    | AwaitTimer
    | Blank
    | Watch
    | Conclude
    | Restore
    | AdoptRestored
    | RemoveTimer
    | Over
)


def next_rehearsal(progress: Progress, seen: SeenRehearsal, length: timedelta) -> Rehearsing:
    """The one next action."""
    blank = progress.of(BLANK)
    if progress.of(RESTORE).status in SETTLED or blank.status in NEVER_BLANKED:
        return _outside(progress, seen)
    if seen.map == "original":
        if (
            blank.status == "intended"
            and not (seen.resumed or seen.trouble)
            and seen.timer == "armed"
        ):
            return Blank()
        return AdoptRestored(
            "the timer put it back" if seen.timer == "fired" else "it is as it was"
        )
    if seen.map in ("foreign", "absent") and seen.timer == "fired":
        # The timer says so only once the map is back. What differs now was written later, and an
        # administrator who took a row out means it: the saved bytes would give that access again.
        return AdoptRestored(CHANGED_AFTER)
    if seen.map in ("foreign", "absent"):
        return Restore("somebody else wrote aws-auth", save=seen.map == "foreign")
    if seen.resumed:
        return Restore("the rehearsal was interrupted")
    if seen.trouble:
        return Restore(seen.trouble)
    if seen.timer != "armed":
        return Restore("the timer is not there any more")
    began = moment(blank.at) or seen.now
    return Conclude() if seen.now >= began + length else Watch()


def _outside(progress: Progress, seen: SeenRehearsal) -> Rehearsing:
    """Before the map is blanked, or after it was put back."""
    ended = progress.of(RESTORE).status in SETTLED
    why = str(progress.of(RESTORE).effect.get("why", "")) if ended else seen.trouble
    if not ended and seen.map != "original":
        why = why or CHANGED_BEFORE
    if not ended and seen.timer == "fired":
        why = why or "the timer fired before the rehearsal began"
    started = progress.of(TIMER_STEP)
    if not ended and started.status != "pending" and seen.timer == "none":
        why = why or "the timer is gone"
    if not ended and not why and started.status != "pending" and seen.timer == "starting":
        late = seen.now >= (moment(started.at) or seen.now) + TIMER_START
        why = "the timer's Job did not start in time" if late else ""
    if ended or why or seen.resumed:
        gone = started.status == "pending" or progress.of(CLEAN).status in SETTLED
        why = why or "the rehearsal was interrupted" * seen.resumed
        return Over(why) if gone else RemoveTimer("" if ended else why)
    match seen.timer:
        case "none":
            return StartTimer()
        case "starting":
            return AwaitTimer()
        case _:
            return Blank()


def last_written(config_map: Mapping[str, Any] | None) -> datetime | None:
    """When aws-auth was written last, by the API server's clock; None where it does not say.

    ``metadata.managedFields`` has the time of each manager's last write (Kubernetes documentation,
    "Server-Side Apply").
    """
    metadata: Mapping[str, Any] = (config_map or {}).get("metadata") or {}
    times = (
        moment(str(field.get("time", ""))) for field in metadata.get("managedFields") or () if field
    )
    return max((time for time in times if time is not None), default=None)


def time_blank(progress: Progress, now: datetime) -> timedelta:
    """How long the map has been, or was, blank.

    It ends when the map was put back, not when this process saw that: a machine that slept, or a
    process that was killed, sees hours later what the timer in the cluster did after two minutes.
    """
    blank, restored = progress.of(BLANK), progress.of(RESTORE)
    began = moment(blank.at)
    if blank.status in NEVER_BLANKED or began is None:
        return timedelta(0)
    if restored.status not in SETTLED:
        return now - began
    end = moment(str(restored.effect.get("writtenAt", ""))) or moment(restored.at) or now
    return max(min(end, now) - began, timedelta(0))


def map_state(config_map: Mapping[str, Any] | None, original: Mapping[str, str]) -> MapState:
    """What aws-auth is now, compared with the data that were saved."""
    if config_map is None:
        return "absent"
    data = dict(config_map.get("data") or {})
    if data == dict(original):
        return "original"
    return "blank" if data == blanked(original) else "foreign"


def timer_state(lease: Mapping[str, Any] | None) -> TimerState:
    """What the timer says of itself in the Lease's annotations."""
    if lease is None:
        return "none"
    said = ((lease.get("metadata") or {}).get("annotations") or {}).get(TIMER)
    if said == "armed":
        return "armed"
    return "fired" if said == "fired" else "starting"
