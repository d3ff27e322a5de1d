"""Pure state machine of a rehearsal: the next action, from the journal and what is seen. Total.

Whatever happens between blanking and restoring (a crash, another writer, trouble, a timer that
fired), the exact bytes are restored first; then the reason is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from migrator.decide.running.dead_man import TIMER, blanked
from migrator.decide.running.progress import REHEARSE, SETTLED, Progress, Status, StepState
from migrator.decide.running.waiting import moment

TIMER_STEP, BLANK, RESTORE, CLEAN, PASSED = (
    f"{REHEARSE}-{name}" for name in ("timer", "blank", "restore", "clean", "passed")
)
# Refused by the API server: another writer was faster, and the values were not blanked.
NEVER_BLANKED: frozenset[Status] = frozenset({"pending", "refused"})
CHANGED_BEFORE = (
    "another writer changed aws-auth before the rehearsal began; their version was left in place"
)
CHANGED_AFTER = (
    "the timer put aws-auth back, and another writer changed it since; their version was left in "
    "place"
)
TIMER_START = timedelta(minutes=3)  # pulling an image and starting a pod
MapState: TypeAlias = Literal["original", "blank", "foreign", "absent"]
TimerState: TypeAlias = Literal["none", "starting", "armed", "fired"]


@dataclass(frozen=True, slots=True)
class SeenRehearsal:
    """What is seen now. ``trouble``: why the rehearsal must end, empty while all is well.
    ``resumed``: the map was blanked by a process that ended.
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
    """Put the exact bytes back. ``save``: what is there is another writer's, and is saved first."""

    why: str
    save: bool = False


@dataclass(frozen=True, slots=True)
class AdoptRestored:
    """The map is back already: by the timer, or by an attempt whose end was not journaled."""

    why: str


@dataclass(frozen=True, slots=True)
class RemoveTimer:
    """Delete the timer's objects. ``why``: the reason, where the rehearsal ends before it began."""

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
    """The one next action.

    ``length``: how long aws-auth stays blank, from the journaled intention to blank it.
    """
    blank = progress.of(BLANK)
    if progress.of(RESTORE).status in SETTLED:
        return _after_restore(progress, seen)
    if blank.status in NEVER_BLANKED:
        return _before_blank(progress, seen)
    if seen.map == "original":
        return _map_is_original(blank, seen)
    if seen.map in ("foreign", "absent"):
        return _map_is_foreign(seen)
    return _while_blank(blank, seen, length)


def _while_blank(blank: StepState, seen: SeenRehearsal, length: timedelta) -> Rehearsing:
    """The map is blank: watch until the time is over, or restore it with the reason.

    A principal whose entry is wrong cannot log in during this time, so that every doubt ends it.
    """
    # No process looked at the cluster while the map was blank.
    if seen.resumed:
        return Restore("the rehearsal was interrupted")
    if seen.trouble:
        return Restore(seen.trouble)
    # Without the timer, a process that dies would leave the map blank.
    if seen.timer != "armed":
        return Restore("the timer is not there any more")
    began = moment(blank.at) or seen.now
    if seen.now >= began + length:
        return Conclude()
    return Watch()


def _map_is_original(blank: StepState, seen: SeenRehearsal) -> Rehearsing:
    """The values are there although the journal has an intention to blank them."""
    if seen.timer == "fired":
        return AdoptRestored("the timer put it back")
    as_it_was = AdoptRestored("it is as it was")
    # By the journal the write arrived: an attempt before, or another operator, restored the map.
    if blank.status != "intended":
        return as_it_was
    # The rehearsal ends anyway: the map is not blanked for that.
    if seen.resumed or seen.trouble:
        return as_it_was
    # The write did not arrive: this process sends it again while the timer guards it.
    if seen.timer == "armed":
        return Blank()
    return as_it_was


def _map_is_foreign(seen: SeenRehearsal) -> Rehearsing:
    """The map is neither as it was nor blank: another writer changed or deleted it."""
    # The timer says that it fired only when the map is restored. A difference now was written
    # later. An administrator who deleted a row intended that: the saved bytes would give the access
    # again.
    if seen.timer == "fired":
        return AdoptRestored(CHANGED_AFTER)
    return Restore("another writer changed aws-auth", save=seen.map == "foreign")


def _after_restore(progress: Progress, seen: SeenRehearsal) -> Rehearsing:
    """The map is restored: remove the timer, then end with the reason of the restore."""
    if not _timer_is_removed(progress):
        return RemoveTimer()
    why = str(progress.of(RESTORE).effect.get("why", ""))
    if why:
        return Over(why)
    # The process that restored the map died before it had taken all evidence.
    if seen.resumed:
        return Over("the rehearsal was interrupted")
    return Over()


def _before_blank(progress: Progress, seen: SeenRehearsal) -> Rehearsing:
    """The map was not blanked: start the timer and blank it, or end."""
    why = _ends_before_blank(progress, seen)
    if why:
        if _timer_is_removed(progress):
            return Over(why)
        return RemoveTimer(why)
    # The map is never blank without an armed timer: a process that dies restores nothing.
    match seen.timer:
        case "none":
            return StartTimer()
        case "starting":
            return AwaitTimer()
        case _:
            return Blank()


def _ends_before_blank(progress: Progress, seen: SeenRehearsal) -> str:
    """Why the rehearsal ends before the map is blanked; empty when it does not.

    Nothing was changed but the timer's objects, so that no reason is too small.
    """
    if seen.trouble:
        return seen.trouble
    if seen.map != "original":
        return CHANGED_BEFORE
    if seen.timer == "fired":
        return "the timer fired before the rehearsal began"
    lost = _timer_lost(progress, seen)
    if lost:
        return lost
    if seen.resumed:
        return "the rehearsal was interrupted"
    return ""


def _timer_lost(progress: Progress, seen: SeenRehearsal) -> str:
    """Why a timer that was started does not guard the map; empty when it does, or may soon."""
    started = progress.of(TIMER_STEP)
    if started.status == "pending":
        return ""
    if seen.timer == "none":
        return "the timer was deleted"
    if seen.timer != "starting":
        return ""
    # A pod starts late where its image cannot be pulled, or where it fits on no node.
    began = moment(started.at) or seen.now
    if seen.now < began + TIMER_START:
        return ""
    return "the timer's Job did not start in time"


def _timer_is_removed(progress: Progress) -> bool:
    """Whether no object of the timer is left in the cluster, by the journal."""
    if progress.of(TIMER_STEP).status == "pending":
        return True
    return progress.of(CLEAN).status in SETTLED


def last_written(config_map: Mapping[str, Any] | None) -> datetime | None:
    """When aws-auth was written last, by the API server's clock; None where it does not say.

    ``metadata.managedFields`` has the time of each manager's last write (Kubernetes documentation,
    "Server-Side Apply").
    """
    if config_map is None:
        return None
    metadata: Mapping[str, Any] = config_map.get("metadata") or {}
    times: list[datetime] = []
    for field in metadata.get("managedFields") or ():
        if not field:
            continue
        time = moment(str(field.get("time", "")))
        if time is not None:
            times.append(time)
    return max(times, default=None)


def time_blank(progress: Progress, now: datetime) -> timedelta:
    """How long the map has been, or was, blank.

    It ends when the map was put back, not when this process saw that: a machine that slept, or a
    process that was killed, sees hours later what the timer in the cluster did after two minutes.
    """
    blank, restored = progress.of(BLANK), progress.of(RESTORE)
    if blank.status in NEVER_BLANKED:
        return timedelta(0)
    began = moment(blank.at)
    if began is None:
        return timedelta(0)
    if restored.status not in SETTLED:
        return now - began
    by_api_server = moment(str(restored.effect.get("writtenAt", "")))
    end = by_api_server or moment(restored.at) or now
    # The clocks of this machine and of the API server may differ.
    length = min(end, now) - began
    return max(length, timedelta(0))


def map_state(config_map: Mapping[str, Any] | None, original: Mapping[str, str]) -> MapState:
    """What aws-auth is now, compared with the data that were saved.

    Only ``data`` is compared: EKS and controllers may change labels and annotations.
    """
    if config_map is None:
        return "absent"
    data = dict(config_map.get("data") or {})
    if data == dict(original):
        return "original"
    if data == blanked(original):
        return "blank"
    return "foreign"


def timer_state(lease: Mapping[str, Any] | None) -> TimerState:
    """What the timer says of itself in the Lease's annotations; ``starting`` until it says
    something, ``none`` where there is no Lease.
    """
    if lease is None:
        return "none"
    metadata = lease.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    match annotations.get(TIMER):
        case "armed":
            return "armed"
        case "fired":
            return "fired"
        case _:
            return "starting"
