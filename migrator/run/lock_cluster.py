"""Take, renew and release the lock of a cluster: a Lease, or a tag where no Lease may be written.

The rules are those of :mod:`migrator.decide.running.lock_protocol`. A thread renews while the lock
is held; a write asks :meth:`Hold.check` first.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from migrator.decide.running.lock_protocol import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    TAG_LOOK_SECONDS,
    TAG_RENEW_SECONDS,
    TAG_SECONDS,
    Watched,
    clear_until,
    counts_until,
    judge,
    lasts,
    locked,
    long_expired,
)
from migrator.errors import Interrupted, MigratorError, Refused
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen, describe_lock
from migrator.model.way import WAY_CODES
from migrator.ports import Events, LockRecords, MachineTime

_DENIED = frozenset({"kubernetes-denied", "not-authenticated"})
_UNREACHABLE = WAY_CODES | {"api-server-no-answer"}
_LEASES = "Give the caller get, create, update and delete on leases in namespace kube-system."
_TAGS = "Allow eks:TagResource and eks:UntagResource on the cluster."
_LOOK = 1.0  # seconds between two looks at a lock of another run
_TRIES = 5  # that find the record changed between look and write


@dataclass(frozen=True, slots=True)
class LockPorts:
    """What the lock needs from outside. ``runs`` says of a mark of :class:`LockHolder` whether its
    process runs.
    """

    lease: LockRecords
    tag: LockRecords
    time: MachineTime
    events: Events
    runs: Callable[[str], bool | None]
    this_holder: Callable[[str], LockHolder]


def _remedy_of_lease(reason: MigratorError) -> str:
    """What lets the caller write a Lease: the permission where RBAC lacks it, else what the error
    says (an admission rule refuses, or the API server is not reached).
    """
    if not reason.remedy or reason.remedy.startswith("Give the caller "):
        return _LEASES
    return reason.remedy


class LeasedLock:
    """:class:`migrator.ports.ClusterLock`."""

    def __init__(self, ports: LockPorts) -> None:
        self._ports = ports

    def holder(self, caller: str) -> LockHolder:
        """The running process as a holder, with a fresh token."""
        return self._ports.this_holder(caller)

    def current(self) -> tuple[LockSeen, ...]:
        """The locks of runs that may be under way: not of a process that is known to be dead, nor
        long expired.
        """
        found = (self._ports.lease.read(), self._ports.tag.read())
        return tuple(seen for seen in found if seen is not None and self._may_be_held(seen))

    def _may_be_held(self, seen: LockSeen) -> bool:
        """Whether a lock is still that of a run: not where its process has ended on this machine,
        or where it expired long ago.
        """
        if seen.record is None:
            return False
        # None: the process is on another machine, or cannot be asked about.
        if self._ports.runs(seen.record.holder.process) is False:
            return False
        return not long_expired(seen.record, self._ports.time.now())

    def break_lock(self, seen: LockSeen) -> None:
        """Remove the lock that was seen, and wait until a run that did not notice has no write
        under way.
        """
        records = self._ports.lease if seen.place == self._ports.lease.place else self._ports.tag
        records.clear(version=seen.version)
        record = seen.record
        if record is None:
            return
        # A process that has ended writes nothing more.
        if self._ports.runs(record.holder.process) is False:
            return
        seconds = min(lasts(record), TAG_SECONDS)
        self._ports.events.say(
            "info",
            f"waiting: {seconds} seconds, until the other run has no write under way",
            event="locked",
        )
        self._ports.time.wait(seconds)

    @contextmanager
    def hold(self, holder: LockHolder) -> "Iterator[Hold]":
        """Hold the lock, renewed while held, released at the end.

        Raises ``cluster-lock-lost`` at the end, too: what a run says of the cluster is not certain
        once another run may have written to it.
        """
        held = self.acquire(replace(holder, since=_stamp(self._ports.time.now())))
        over = threading.Event()
        renewing = threading.Thread(
            target=held.keep, args=(over,), daemon=True, name="cluster-lock"
        )
        renewing.start()
        try:
            yield held
        finally:
            over.set()
            held.release()
            # the thread ends now; a request of it that hangs does not keep the command from its end
            renewing.join(1.0)
        held.raise_if_lost_at_the_end()

    def acquire(self, holder: LockHolder) -> "Hold":
        """By a Lease; else by a tag, which is said. Raises ``locked``, ``lock-not-possible``."""
        try:
            return self._take(self._ports.lease, holder, LEASE_SECONDS)
        except MigratorError as error:
            if error.code not in _DENIED | _UNREACHABLE:
                raise
            reason = error
        self._refuse_leased(holder, reason)
        self._ports.events.say(
            "warn",
            f"The lock is a tag of the cluster, not a Lease, and takes "
            f"{int(self._ports.tag.settle_seconds)} seconds longer: {reason.message} "
            f"{_remedy_of_lease(reason)}",
            event="locked",
        )
        try:
            held = self._take(self._ports.tag, holder, TAG_SECONDS)
            self._refuse_leased(holder, reason, held)
        except MigratorError as error:
            if error.code != "iam-denied":
                raise
            raise Refused(
                "lock-not-possible",
                "The lock of the cluster can be written neither as a Lease nor as a tag, and no "
                "run continues without it.",
                why=f"Lease: {reason.message} {reason.why} Tag: {error.message} {error.why}",
                remedy=f"For a Lease: {_remedy_of_lease(reason)} For a tag: "
                f"{error.remedy or _TAGS}",
            ) from error
        return held

    def _refuse_leased(
        self,
        holder: LockHolder,
        reason: MigratorError,
        held: "Hold | None" = None,
    ) -> None:
        """Where the Lease may be read, though not written: refuse while another run holds it."""
        if reason.code not in _DENIED:
            return
        try:
            seen = self._ports.lease.read()
        except MigratorError:
            # its holder looks for our tag while that settles, and for one that is there before it
            # begins
            return
        if seen is not None and seen.record is not None:
            try:
                await_end(self._ports, self._ports.lease, holder.token, seen)
            except MigratorError:
                if held is not None:
                    held.release()
                raise

    def _take(
        self,
        records: LockRecords,
        holder: LockHolder,
        seconds: int,
    ) -> "Hold":
        """Take the lock in one place. The first try takes one request where there is nothing."""
        time, over = self._ports.time, None
        for _ in range(_TRIES):
            sent = time.seconds()
            try:
                version = records.write(LockRecord(holder, _stamp(time.now()), seconds), over=over)
            except MigratorError as error:
                if error.code not in ("lock-changed", "api-server-no-answer"):
                    raise
            else:
                if self._settled(records, version, sent):
                    return Hold(self._ports, records, holder, seconds, version, sent)
            found = records.read()
            if found is not None and found.record is not None:
                if found.record.holder.token == holder.token and not records.settle_seconds:
                    return Hold(
                        self._ports, records, holder, seconds, found.version, sent
                    )  # its answer was lost
                found = await_end(self._ports, records, holder.token, found)
            over = None
            if found is not None:
                over = found.version
        raise Refused(
            "locked",
            "Other runs are taking the lock of this cluster at the same time.",
            why=f"The lock is {records.place}; it changed at each of {_TRIES} tries.",
            remedy="Run the same command again.",
        )

    def _settled(
        self,
        records: LockRecords,
        version: str,
        sent: float,
    ) -> bool:
        """Whether a record without compare-and-set is still ours after the pause. A request that
        took long may have overwritten a record that was settled: then it does not count.
        """
        if not records.settle_seconds:
            return True
        if self._ports.time.seconds() - sent > records.settle_seconds / 2:
            return False
        self._ports.time.wait(records.settle_seconds)
        found = records.read()
        if found is None:
            return False
        return found.version == version


class Hold:
    """A lock that is held. Safe to ask from any thread."""

    def __init__(
        self,
        ports: LockPorts,
        records: LockRecords,
        holder: LockHolder,
        seconds: int,
        version: str,
        sent: float,
    ) -> None:
        self._ports, self._records, self._holder, self._seconds = ports, records, holder, seconds
        self._version = version
        self._until = counts_until(sent, seconds)
        self._dead_tag = ""
        self._clear = float(
            "-inf"
        )  # until when no run can hold the lock by a tag without being seen
        self._lost: MigratorError | None = None
        self._lock = threading.Lock()
        self._looked = threading.Event()  # for a tag of another run, once
        self._released = False
        self._told = False  # whether a write was refused because the lock is lost
        if records is ports.tag:
            self._clear = float("inf")
            self._looked.set()

    def check(self) -> None:
        """Raises ``cluster-lock-lost`` unless the lock is certainly ours for long enough to send a
        write.
        """
        self._looked.wait()
        self._raise_lost()
        if self._ports.time.seconds() < min(self._until, self._clear):
            return
        # renewals failed, or the machine slept: a renewal that succeeds proves that it is still
        # ours
        with self._lock:
            if self._ports.time.seconds() >= self._until:
                self._renew_now()
            if self._ports.time.seconds() >= self._clear:
                self.look_for_tag(first=False)
            self._raise_lost()
            if self._ports.time.seconds() >= min(self._until, self._clear):
                raise self._unsure(
                    "It cannot be read whether another run locked the cluster by a tag."
                )

    def _raise_lost(self) -> None:
        """Raises the error of a lost lock, where it is lost."""
        if self._lost is not None:
            self._told = True
            raise self._lost

    def _renew_now(self) -> None:
        """Renew the lock directly before a write. Raises ``Interrupted`` where it is lost, or may
        be: another run may write by now.
        """
        if self._lost is None and not self._records.settle_seconds:
            try:
                self.renew()
            except MigratorError as error:
                raise self._unsure(error.message) from error
        if self._lost is None and self._records.settle_seconds:
            self._lost = self._unsure("It was not renewed in time.")
        self._raise_lost()

    def keep(self, over: threading.Event) -> None:
        """Renew until ``over``; in another thread. It also looks for a tag of another run."""
        tagged = self._records is self._ports.tag
        every = RENEW_SECONDS
        if tagged:
            every = TAG_RENEW_SECONDS
        look: float | None = 0.0
        if tagged:
            look = None
        while True:
            if look is not None and self._ports.time.seconds() >= look:
                if self._looked.is_set():
                    self.look_for_tag(first=False)
                else:
                    self.first_look()
                look = self._ports.time.seconds() + TAG_LOOK_SECONDS
            if over.wait(every):
                return
            with self._lock:
                if self._lost is not None or self._released:
                    return
                with suppress(MigratorError):  # there is time for more attempts
                    self.renew()

    def renew(self) -> None:
        """Renew now; a record that is another run's by now is a lost lock."""
        time = self._ports.time
        if self._records.settle_seconds and time.seconds() >= self._until:
            return  # without compare-and-set it is too late
        sent = time.seconds()
        try:
            version = self._records.write(
                LockRecord(self._holder, _stamp(time.now()), self._seconds), over=self._version
            )
        except MigratorError as error:
            if error.code != "lock-changed":
                raise
            found = self._records.read()
            if (
                found is None
                or found.record is None
                or found.record.holder.token != self._holder.token
            ):
                self._lost = self._taken(found)
                return
            version = found.version  # the answer to an earlier renewal was lost
        self._version = version
        self._until = counts_until(sent, self._seconds)

    def first_look(self) -> None:
        """The look that the first write waits for."""
        try:
            self.look_for_tag(first=True)
        finally:
            self._looked.set()

    def look_for_tag(self, *, first: bool) -> None:
        """A run that may not write the Lease locks by a tag. A tag that was there first wins; a
        later one is seen while it settles, and then both runs stop, so that they never both
        continue.
        """
        sent = self._ports.time.seconds()
        try:
            seen = self._ports.tag.read()
        except MigratorError:
            return  # there is time for more attempts
        if seen is None or seen.record is None or seen.record.holder.token == self._holder.token:
            self._clear = clear_until(sent, self._ports.tag.settle_seconds)
            return
        if first:
            try:
                found = await_end(self._ports, self._ports.tag, self._holder.token, seen)
            except MigratorError as error:
                self._lost = error
            # a tag that a dead run left is not removed: without compare-and-set it could be a new
            # one
            else:
                self._dead_tag = "" if found is None else found.version
                self.look_for_tag(first=False)
            return
        if seen.version == self._dead_tag:
            self._clear = clear_until(sent, self._ports.tag.settle_seconds)
            return
        self._lost = self._taken(seen)

    def release(self) -> None:
        """Release the lock, if it is still ours; nothing of another run is touched. After a failure
        the lock expires; one that every run would meet again is said.
        """
        with self._lock:
            if self._released:
                return
            self._released = True
            try:
                self._clear_record()
            except MigratorError as error:
                if error.code in _DENIED | {"iam-denied"}:
                    self._ports.events.say(
                        "warn",
                        f"The lock of the cluster stays for {self._seconds} seconds, for which "
                        f"other runs wait: {error.message} {error.remedy}",
                        event="locked",
                    )

    def raise_if_lost_at_the_end(self) -> None:
        """Raises ``cluster-lock-lost`` where the lock was another run's before it was released, and
        no write was refused for it.
        """
        if self._lost is not None and not self._told:
            raise Interrupted(
                "cluster-lock-lost",
                f"Another run may have written to the cluster before this run ended. "
                f"{self._lost.message}",
                why="What this run did is in its journal; what it says of the cluster may no "
                "longer be so.",
                remedy="Once the other run has ended, run the same command again: it looks at "
                "everything, and does only what is left.",
            )

    def _clear_record(self) -> None:
        """Delete the record of this run, and only of this run."""
        try:
            self._records.clear(version=self._version)
        except MigratorError as error:
            if error.code != "lock-changed":
                raise
            found = self._records.read()
            if found is not None and found.record is not None:
                if found.record.holder.token == self._holder.token:
                    # the answer to a renewal was lost
                    self._records.clear(version=found.version)
                    return
                self._lost = self._taken(found)
            # No run takes a lock before it has expired: until then, a missing lock was removed
            # by our own request whose answer was lost.
            elif self._ports.time.seconds() >= self._until:
                self._lost = self._taken(found)

    def _taken(self, found: LockSeen | None) -> Interrupted:
        """The error for a lock that another run, or an operator, took."""
        now = "removed by another operator"
        if found is not None and found.record is not None:
            now = f"held by another run now: {describe_lock(found)}"
        return Interrupted(
            "cluster-lock-lost",
            f"This run lost the lock of the cluster and stopped before its next write; the lock is "
            f"{now}.",
            why=f"The lock is {self._records.place}: --break-lock removes it, and it is over after "
            f"{self._seconds} "
            "seconds without a renewal.",
            remedy="Look at `migrate status`. Once the other run has ended, the same command "
            "continues from here.",
        )

    def _unsure(self, why: str) -> Interrupted:
        """The error for a lock that may have expired because it could not be renewed."""
        return Interrupted(
            "cluster-lock-lost",
            "This run could not renew the lock of the cluster in time and stopped before its next "
            "write.",
            why=f"{why} Another run may take the lock ({self._records.place}).",
            remedy="Once the API server can be reached, the same command continues from here.",
        )


def _stamp(now: datetime) -> str:
    """MicroTime, as Leases spell it."""
    return now.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def await_end(
    ports: LockPorts,
    records: LockRecords,
    token: str,
    seen: LockSeen,
) -> LockSeen | None:
    """Watch another run's lock: what is there when it expired or was released. Raises ``locked`` as
    soon as it is renewed.
    """
    time, watched, found = ports.time, None, seen
    while True:
        record = found.record
        runs = None
        if record is not None:
            runs = ports.runs(record.holder.process)
        judgement = judge(found, token, watched, time.seconds(), runs)
        if judgement == "alive":
            raise locked(found)
        if judgement != "wait":
            if judgement in ("dead", "over") and record is not None:
                ports.events.say(
                    "warn",
                    f"took over the lock of a run that ended: {describe_lock(found)}",
                    event="locked",
                )
            return found
        if watched is None and record is not None:
            watched = Watched(found, time.seconds())
            until = time.now() + timedelta(seconds=lasts(record))
            ports.events.say(
                "info",
                f"waiting: the cluster is locked by {describe_lock(found)}. If that run has died, "
                f"this run takes "
                f"the lock over at {until:%H:%M:%S} UTC.",
                event="locked",
            )
        time.wait(_LOOK)
        looked = records.read()
        if looked is None:
            return None
        found = looked
