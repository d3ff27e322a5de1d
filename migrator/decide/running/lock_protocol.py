"""When a lock may be taken, and how long a holder may rely on it.

The rules of client-go's leader election: a lock is over when its record has not changed for the
time that the record names, by the clock of the reader since it first saw that record. No two clocks
are compared. A holder stops a margin earlier, by its own clock since it sent its last renewal.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from migrator.errors import Refused
from migrator.model.cluster_lock import LockRecord, LockSeen, describe_lock, expires
from migrator.model.moments import moment_of_text

LEASE_SECONDS = 30  # how long a lock outlives its last renewal
RENEW_SECONDS = 5.0
# a holder stops this long before its lock expires: a request may take that long to arrive
MARGIN_SECONDS = 10.0
# a tag is renewed less often: each renewal is a write of the EKS API, seen in CloudTrail
TAG_SECONDS = 120
TAG_RENEW_SECONDS = 20.0
TAG_SETTLE_SECONDS = (
    30.0  # a tag has no compare-and-set: what was written counts once it was read back after this
)
# a holder of the Lease looks for a tag at this interval; a tag in its settling time is certainly
# seen
TAG_LOOK_SECONDS = 8.0
_CLOCKS_DIFFER = timedelta(minutes=10)  # two of them, each five minutes wrong
LONGEST_SECONDS = 3600  # a record that says more is not believed

Judgement: TypeAlias = Literal["free", "ours", "dead", "wait", "over", "alive"]


@dataclass(frozen=True, slots=True)
class Watched:
    """A lock of another run as it was first seen, and when (seconds of the reader's clock)."""

    seen: LockSeen
    at: float


def lasts(record: LockRecord, default: int = LEASE_SECONDS) -> int:
    """How many seconds a lock outlives its renewal."""
    if 0 < record.seconds <= LONGEST_SECONDS:
        return record.seconds
    return default


def judge(
    seen: LockSeen | None,
    token: str,
    watched: Watched | None,
    now: float,
    runs: bool | None,
) -> Judgement:
    """What a lock that was just read means for a run that wants it.

    ``watched`` is what this run read before, None at its first look. ``runs``: whether the holder's
    process is known to run (True) or to be dead (False) on this machine; None where that cannot be
    known from here.
    """
    if seen is None or seen.record is None:
        return "free"
    if seen.record.holder.token == token:
        return "ours"
    if runs is False:
        return "dead"
    if runs:
        return "alive"
    # The first look starts the time: the record's own times are by another clock.
    if watched is None:
        return "wait"
    if watched.seen.version != seen.version:
        return "alive"
    if now - watched.at < lasts(seen.record):
        return "wait"
    return "over"


def long_expired(record: LockRecord, now: datetime) -> bool:
    """Whether a lock that was read once is over, whatever the clocks: AWS takes no request of a
    machine whose clock is more than five minutes wrong (IAM user guide, "Signature Version 4",
    "Timestamps").
    """
    until = expires(record)
    if until is None:
        return False
    end = moment_of_text(until)
    return end + _CLOCKS_DIFFER < now


def counts_until(sent: float, seconds: int) -> float:
    """Until when, by its own clock, a holder may begin writes after a renewal that it sent at
    ``sent``.
    """
    return sent + seconds - min(MARGIN_SECONDS, seconds / 3)


def clear_until(sent: float, settle_seconds: float) -> float:
    """Until when a holder of the Lease may begin writes after a look, sent at ``sent``, that found
    no tag: a tag that was written right after that look counts once it has settled.
    """
    return sent + settle_seconds - MARGIN_SECONDS


def locked(seen: LockSeen) -> Refused:
    """The refusal of a run that meets another one's lock."""
    owner, placeholder, what = "its owner is not known", "OWNER", ""
    if seen.record is not None:
        holder = seen.record.holder
        owner = placeholder = holder.identity
        what = ""
        if holder.command:
            what = f" ({holder.command} since {holder.since})"
    return Refused(
        "locked",
        f"Another run works on this cluster: {owner}{what}.",
        why=f"It holds the lock in the cluster ({seen.place}) and renews it.",
        remedy="Wait until it has ended. If its process cannot be ended, give "
        f"--break-lock {placeholder}: it then stops before its next write.",
    )


def lock_of_another(seen: LockSeen) -> Refused:
    """The refusal to break a lock that is not the named owner's."""
    return Refused(
        "lock-owner-differs",
        f"The lock is held by {describe_lock(seen)}.",
        why="--break-lock names another owner; nothing was taken away.",
        remedy="Look at `migrate status`, and name the owner whose run is dead.",
    )
