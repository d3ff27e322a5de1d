"""The state of one cluster in S3: ``s3://BUCKET/PREFIX/<partition>/<account>/<region>/<cluster>/``.

The same promises as in a folder, by conditional writes (Amazon S3 user guide, "Add preconditions to
S3 operations"). Each record of the journal is a separate object that may only be written where none
is, so two runs cannot both write record 17, whatever became of their locks. The lock is an object
with an owner and an expiry, kept fresh while the run continues; a run that finds it expired takes
it over.
"""

import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.clock import machine_time
from migrator.adapters.foreign_text import foreign
from migrator.adapters.state_files import JOURNAL, cluster_folder, file_parts, lock_of_another
from migrator.adapters.utc import utc_text
from migrator.errors import Failed, MigratorError, Refused, WrongUse
from migrator.model.journal import Event, Record, decode_journal, encode_record, next_record
from migrator.model.moments import moment_of_text
from migrator.model.plan import ClusterRef
from migrator.ports import TaskRunner

LEASE = timedelta(minutes=10)  # how long a lock outlives a run that died
_LOCK = "lock"
_NO_TAG = '"00000000000000000000000000000000"'  # which no object has
_MADE_ANEW = frozenset(
    {"matrix.jsonl"}
)  # whole each time, for readers who know nothing of us; no writer appends


class _Stored(NamedTuple):
    """An object and the tag that a conditional write names it by."""

    content: bytes
    tag: str


def open_bucket_state(
    session: AwsSession,
    url: str,
    cluster: ClusterRef,
    tasks: TaskRunner,
    *,
    lease: timedelta = LEASE,
) -> "StateBucket":
    """The state store that ``s3://BUCKET/PREFIX`` means. Raises ``state-dir-malformed``,
    ``name-invalid``.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise WrongUse(
            "state-dir-malformed",
            f"State cannot be kept at {foreign(url)}.",
            remedy="Give a folder, or s3://BUCKET/PREFIX.",
        )
    return StateBucket(session, parts.netloc, parts.path.strip("/"), cluster, tasks, lease=lease)


class StateBucket:
    """:class:`migrator.ports.StateStore` in an S3 bucket."""

    _what = "this cluster"
    _can_break = True

    def __init__(
        self,
        session: AwsSession,
        bucket: str,
        prefix: str,
        cluster: ClusterRef,
        tasks: TaskRunner,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self._session = session
        self._bucket = bucket
        self._folder = str(PurePosixPath(cluster_folder(PurePosixPath(prefix), cluster)))
        self._tasks = tasks
        self._lease = lease
        self._last: Record | None = None
        self._counter = itertools.count()
        self._lock = threading.RLock()
        self._lost = threading.Event()

    @property
    def location(self) -> str:
        """``s3://…`` of the cluster's state."""
        return f"s3://{self._bucket}/{self._folder}"

    def read(self, name: str) -> bytes | None:
        """An object's bytes, None when absent; all lines of a ``.jsonl``."""
        if _appended(name):
            lines = self._lines(name)
            return b"".join(lines) if lines else None
        found = self._get(self._key(name))
        return found.content if found else None

    def write(self, name: str, content: bytes) -> None:
        """Replace an object; S3 shows the old or the new one, never half of it."""
        if _appended(name):
            raise Failed(
                "state-unwritable", "Lines are appended, never replaced.", why=foreign(name)
            )
        self._put(self._key(name), content)

    def append_record(
        self,
        step: str | None,
        event: Event,
        effect: Mapping[str, Any],
        at: datetime,
    ) -> Record:
        """Append to the journal, chained; stored when this returns. Raises ``journal-damaged``, and
        ``lock-lost`` when another run wrote meanwhile.
        """
        with self._lock:
            if self._lost.is_set():
                raise self._taken("another run has written the lock or the journal")
            if self._last is None:
                records = self.journal()
                self._last = records[-1] if records else None
            moment = utc_text(at)
            before = (self._last,) if self._last else ()
            record = next_record(before, at=moment, step=step, event=event, effect=effect)
            if not self._put_new(f"{self._key(JOURNAL)}/{record.n:08}", encode_record(record)):
                # permanent: concurrent work must not continue after the other writer's records
                self._lost.set()
                raise self._taken(f"another run has written record {record.n} of the journal")
            self._last = record
            return record

    def journal(self) -> tuple[Record, ...]:
        """The journal, its chain checked. Raises ``journal-damaged``."""
        return decode_journal(b"".join(self._lines(JOURNAL)))[0]

    def append_line(self, name: str, line: bytes) -> None:
        """Add one line to a ``.jsonl``, as a separate object; lines are read in the order of their
        times.
        """
        if b"\n" in line.rstrip(b"\n"):
            raise Failed("state-unwritable", "One line was to be appended, and it is several.")
        order = f"{machine_time():%Y%m%dT%H%M%S%f}-{next(self._counter):06}-{os.urandom(4).hex()}"
        self._put(f"{self._key(name)}/{order}", line.rstrip(b"\n") + b"\n")

    def lock(self, owner: str) -> AbstractContextManager[None]:
        """Hold the cluster's lock, renewed while held. Raises ``locked`` with the owner's name."""
        return self._locked(owner)

    def lock_owner(self) -> str | None:
        """Who holds the lock now, and until when; None where there is none or it has expired."""
        found = self._get(self._key(_LOCK))
        if found is None or _expired(found.content):
            return None
        return f"{_owner(found.content)} until {_field(found.content, 'expires')}"

    def break_lock(self, owner: str) -> bool:
        """Take the lock away from ``owner``, as the refusal spells it; True when there was one. A
        run that still lives is refused its next record. Raises ``lock-owner-differs`` where another
        owner holds it.
        """
        key = self._key(_LOCK)
        found = self._get(key)
        if found is None:
            return False
        if _owner(found.content) != owner:
            raise lock_of_another(_owner(found.content), self.location)
        try:
            self._call("delete_object", Key=key, IfMatch=found.tag)
        except MigratorError as error:
            if error.code not in ("state-changed", "not-found"):
                raise
            raise self._held(
                self._get(key)
            ) from error  # renewed, or taken by another writer, this very moment
        return True

    @contextmanager
    def _locked(self, owner: str) -> Iterator[None]:
        tag = self._take(owner)
        self._lost.clear()
        self._last = None  # the previous lock holder may have continued the journal
        over = threading.Event()
        holder = [tag]
        renewing = threading.Thread(
            target=self._renew, args=(owner, holder, over), daemon=True, name="state-lock"
        )
        renewing.start()
        try:
            yield
        finally:
            over.set()
            renewing.join()
            with suppress(MigratorError):  # another owner's by now, or it expires without a call
                self._release(owner, holder[0])

    def _take(self, owner: str) -> str:
        """Write the lock where there is none, or over an expired one; returns its tag."""
        key, content = self._key(_LOCK), _lock_text(owner, self._lease)
        found = self._get(key)
        if found is not None and not _expired(found.content):
            raise self._held(found)
        condition = {"IfNoneMatch": "*"} if found is None else {"IfMatch": found.tag}
        try:
            tag = str(self._call("put_object", Key=key, Body=content, **condition)["ETag"])
        except MigratorError as error:
            if error.code != "state-changed":
                raise
        else:
            self._prove(owner, tag, content)
            return tag
        found = self._get(key)
        if found is not None and found.content == content:
            return found.tag  # our own write: only the first answer was lost
        raise self._held(found)

    def _release(self, owner: str, tag: str) -> None:
        """Delete the lock; write it as expired where nothing may be deleted from the bucket."""
        key = self._key(_LOCK)
        try:
            self._call("delete_object", Key=key, IfMatch=tag)
        except MigratorError as error:
            if error.code != "iam-denied":
                raise
            self._call("put_object", Key=key, Body=_lock_text(owner, timedelta()), IfMatch=tag)

    def _prove(
        self,
        owner: str,
        tag: str,
        content: bytes,
    ) -> None:
        """Raise ``state-unwritable`` where the store writes an object although a condition does not
        hold: a lock in it would keep no other run out. Stores that only speak like S3 do so.

        Where that cannot be asked, the lock that was just written is taken away again: it would
        keep its own writer out.
        """
        try:
            ignores = self._ignores_conditions(content)
        except MigratorError:
            with suppress(MigratorError):
                self._release(owner, tag)
            raise
        if not ignores:
            return
        with suppress(MigratorError):
            self._call("delete_object", Key=self._key(_LOCK))
        raise Failed(
            "state-unwritable",
            "The store takes no notice of conditional writes, without which two runs could "
            f"work at the same time ({self.location}).",
            remedy="Keep the state in Amazon S3, or in a store that obeys If-Match and "
            "If-None-Match.",
        )

    def _ignores_conditions(self, content: bytes) -> bool:
        """Whether the store writes the lock again under a condition that does not hold."""
        for condition in ({"IfNoneMatch": "*"}, {"IfMatch": _NO_TAG}):
            try:
                self._call("put_object", Key=self._key(_LOCK), Body=content, **condition)
            except MigratorError as error:
                if error.code not in ("state-changed", "not-found"):
                    raise
                continue
            return True
        return False

    def _renew(
        self,
        owner: str,
        holder: list[str],
        over: threading.Event,
    ) -> None:
        """Keep the lock fresh. Once another owner has it, the next record is refused."""
        while not over.wait(self._lease.total_seconds() / 5):
            try:
                answer = self._call(
                    "put_object",
                    Key=self._key(_LOCK),
                    Body=_lock_text(owner, self._lease),
                    IfMatch=holder[0],
                )
                holder[0] = str(answer["ETag"])
            except MigratorError as error:
                if error.code in ("state-changed", "not-found"):
                    self._lost.set()
                    return  # other failures pass: the lease has time for more attempts

    def _lines(self, name: str) -> list[bytes]:
        prefix = f"{self._key(name)}/"
        listed = self._session.pages(
            "s3",
            "list_objects_v2",
            "Contents",
            subject=self.location,
            Bucket=self._bucket,
            Prefix=prefix,
        )
        # A key that ends in "/" is what a console shows as a folder.
        keys = sorted(key for key in (str(item["Key"]) for item in listed) if key != prefix)
        found = self._tasks.map(self._get, keys)
        # S3 stores an object whole or not at all: one without its line feed is no line that a dying
        # run left, but damage, and is read as a line.
        return [each.content.removesuffix(b"\n") + b"\n" for each in found if each is not None]

    def _get(self, key: str) -> _Stored | None:
        try:
            answer = self._call("get_object", Key=key)
        except MigratorError as error:
            if error.code == "not-found":
                return None
            raise
        return _Stored(
            self._session.body(answer["Body"], subject=self.location), str(answer["ETag"])
        )

    def _put(self, key: str, content: bytes) -> None:
        self._call("put_object", Key=key, Body=content)

    def _put_new(self, key: str, content: bytes) -> bool:
        """Write where nothing is. True as well when the very content is there: the answer to it was
        lost.
        """
        try:
            self._call("put_object", Key=key, Body=content, IfNoneMatch="*")
        except MigratorError as error:
            if error.code != "state-changed":
                raise
            found = self._get(key)
            return found is not None and found.content == content
        return True

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._session.call(
            "s3", method, subject=self.location, Bucket=self._bucket, **parameters
        )

    def _key(self, name: str) -> str:
        return "/".join((self._folder, *file_parts(name)))

    def _held(self, found: _Stored | None) -> MigratorError:
        owner = _owner(found.content) if found else "its owner is not known"
        until = _field(found.content, "expires") if found else "a moment ago"
        why = f"It holds the lock in {self.location} until {until}, and renews it."
        remedy = "Wait until it has ended. The lock of a run that died expires without help"
        # No command of a fleet has the option.
        if self._can_break:
            remedy += "; to remove it earlier, give --break-lock OWNER"
        if found and _expires(found.content) is None:
            why = f"The lock in {self.location} cannot be read, and so it never expires."
            remedy = "Delete that object once no run is under way"
        return Refused(
            "locked", f"Another run works on {self._what}: {owner}.", why=why, remedy=f"{remedy}."
        )

    def _taken(self, why: str) -> MigratorError:
        return Refused(
            "lock-lost",
            f"Another run works on {self._what} since.",
            why=f"{why[0].upper()}{why[1:]}: {self.location}.",
            remedy="Look at `migrate status`, and run the command again when the other run has "
            "ended.",
        )


def _appended(name: str) -> bool:
    """Whether a file is added to line by line, and so is many objects."""
    return name.endswith(".jsonl") and name not in _MADE_ANEW


def _lock_text(owner: str, lease: timedelta) -> bytes:
    """Owner and expiry; a random part makes every lock another object."""
    expires = (machine_time() + lease).isoformat()
    return json.dumps({"owner": owner, "expires": expires, "nonce": os.urandom(8).hex()}).encode()


def _field(content: bytes, name: str) -> str:
    try:
        document = json.loads(content)
    except ValueError:
        return ""
    return foreign(document.get(name, "")) if isinstance(document, dict) else ""


def _owner(content: bytes) -> str:
    return _field(content, "owner") or "its owner is not known"


def _expires(content: bytes) -> datetime | None:
    """When a lock expires; None where that cannot be read."""
    try:
        return moment_of_text(_field(content, "expires"))
    except (ValueError, TypeError):
        return None


def _expired(content: bytes, now: Callable[[], datetime] = machine_time) -> bool:
    until = _expires(content)
    # A lock that cannot be read is a lock.
    return until is not None and until < now()
