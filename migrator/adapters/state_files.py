"""The state of one cluster in a folder: ``DIR/<partition>/<account>/<region>/<cluster>/``.

Folders are 0700 and files 0600. A file is replaced in one move (written aside, synced, renamed, the
folder synced); a line of the journal is on disk before :meth:`StateFolder.append_record` returns.
The form of the journal is in :mod:`migrator.model.journal`. Nothing is made before something is
written or locked.
"""

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, TypeVar

from migrator.adapters.foreign_text import foreign
from migrator.adapters.utc import utc_text
from migrator.errors import Failed, MigratorError, Refused, WrongUse
from migrator.model.journal import Event, Record, decode_journal, encode_record, next_record
from migrator.model.plan import ClusterRef

JOURNAL = "journal.jsonl"
P = TypeVar("P", bound=PurePath)
_PARTITION = re.compile(r"aws[a-z-]{0,20}")
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2}[a-z0-9-]{0,30}")
_CLUSTER = re.compile(r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}")  # EKS API reference, CreateCluster
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,150}")


def cluster_folder(directory: P, cluster: ClusterRef) -> P:
    """Where the state of a cluster lies, below ``directory``. Raises ``name-invalid`` for names AWS
    does not give.
    """
    parts = (cluster.partition, cluster.account_id, cluster.region, cluster.name)
    for part, pattern in zip(parts, (_PARTITION, _ACCOUNT, _REGION, _CLUSTER), strict=True):
        if not pattern.fullmatch(part):
            raise Failed(
                "name-invalid",
                "This cluster has no name that a folder could carry.",
                why=foreign("/".join(parts)),
            )
    return directory.joinpath(*parts)


def file_parts(name: str) -> tuple[str, ...]:
    """The parts of a file's name. Raises ``name-invalid`` for one that would leave the cluster's
    folder.
    """
    parts = tuple(name.split("/"))
    if not all(map(_FILE.fullmatch, parts)):
        raise Failed("name-invalid", "This is no name of a state file.", why=foreign(name))
    return parts


class StateFolder:
    """:class:`migrator.ports.StateStore` in a folder."""

    _what = "this cluster"

    def __init__(self, directory: Path, cluster: ClusterRef) -> None:
        # A slash is missing: in a folder of this name no other machine would find the state.
        if str(directory).lower().startswith("s3:"):
            raise WrongUse(
                "state-dir-malformed",
                f"State cannot be kept at {foreign(directory)}.",
                remedy="Give a folder, or s3://BUCKET/PREFIX.",
            )
        self._root = directory
        self._folder = cluster_folder(directory, cluster)
        self._tail: tuple[int, Record | None] | None = (
            None  # size of the journal and its last record
        )

    @property
    def location(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None when absent. ``name`` may have folders in it:
        ``backup/aws-auth.json``.
        """
        path = self._path(name)
        with _told(path):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, "rb") as file:
                return file.read()

    def write(self, name: str, content: bytes) -> None:
        """Replace a file in one move, synced: old or new content, never half of it."""
        self._replace(name, content)
        path = self._path(name)
        with _told(path):
            _sync_folder(path.parent)

    def _replace(self, name: str, content: bytes, *, synced: bool = True) -> None:
        """Replace a file in one move. ``synced``: its content is on disk before it has the name."""
        path = self._path(name)
        with _told(path):
            self._make(path.parent)
            aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
            try:
                descriptor = os.open(
                    aside,
                    os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                    0o600,
                )
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    if synced:
                        os.fsync(file.fileno())
                aside.replace(path)
            except BaseException:
                with suppress(OSError):
                    aside.unlink()
                raise

    def append_record(
        self,
        step: str | None,
        event: Event,
        effect: Mapping[str, Any],
        at: datetime,
    ) -> Record:
        """Append to the journal, chained; on disk when this returns. Raises ``journal-damaged``."""
        with self._appending(JOURNAL) as descriptor:
            size, last = self._end_of_journal(descriptor)
            moment = utc_text(at)
            record = next_record(
                (last,) if last else (), at=moment, step=step, event=event, effect=effect
            )
            line = encode_record(record)
            self._tail = None  # until the line is down whole
            _write_synced(descriptor, line)
            self._tail = (size + len(line), record)
            return record

    def _end_of_journal(self, descriptor: int) -> tuple[int, Record | None]:
        """Size and last record; a torn last line, whose effect never began, is cut off."""
        size = os.fstat(descriptor).st_size
        if self._tail is not None and self._tail[0] == size:
            return self._tail
        records, whole = decode_journal(_whole(descriptor))
        if whole != size:
            os.ftruncate(descriptor, whole)
        return whole, records[-1] if records else None

    def journal(self) -> tuple[Record, ...]:
        """The journal, its chain checked. A torn last line is dropped; other damage raises
        ``journal-damaged``.
        """
        return decode_journal(self.read(JOURNAL) or b"")[0]

    def append_line(self, name: str, line: bytes) -> None:
        """Append one line to another ``.jsonl`` file, synced. A torn last line goes first."""
        if b"\n" in line.rstrip(b"\n"):
            raise Failed("state-unwritable", "One line was to be appended, and it is several.")
        with self._appending(name) as descriptor:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                os.ftruncate(descriptor, _whole(descriptor).rfind(b"\n") + 1)
            _write_synced(descriptor, line.rstrip(b"\n") + b"\n")

    def lock(self, owner: str) -> AbstractContextManager[None]:
        """Hold the cluster's lock; it ends with the process at the latest. Raises ``locked`` with
        the owner's name.
        """
        return self._locked(owner)

    def lock_owner(self) -> str | None:
        """Who holds the lock now; None where no process does. A file that a killed process left
        tells nothing.
        """
        path = self._folder / "lock"
        with _told(path):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = foreign((self.read("lock.owner") or b"").decode(errors="replace"))
                return owner or "its owner is not known"
            finally:
                os.close(descriptor)
        return None

    def break_lock(self, owner: str) -> bool:
        """Take the lock away from ``owner``. A lock in a folder lives and dies with its process, so
        there is never one to take: False where it is not held, and one that is held raises
        ``locked`` or ``lock-owner-differs``.
        """
        holder = foreign((self.read("lock.owner") or b"").decode(errors="replace"))
        try:
            with self._locked(owner):
                return False
        except Refused as refused:
            if refused.code != "locked" or holder in ("", owner):
                raise
            raise lock_of_another(holder, self.location) from refused

    @contextmanager
    def _locked(self, owner: str) -> Iterator[None]:
        from filelock import FileLock, Timeout

        path = self._folder / "lock"
        with _told(path):
            self._make(self._folder)
            lock = FileLock(path, timeout=0, mode=0o600, thread_local=False)
            try:
                lock.acquire()
            except Timeout:
                raise self._held() from None
        try:
            # After a crash nobody holds the lock, whatever the file says: it need not be on disk.
            self._replace("lock.owner", owner.encode(), synced=False)
            yield
        finally:
            with suppress(OSError):
                (self._folder / "lock.owner").unlink()
            lock.release()

    def _held(self) -> MigratorError:
        owner = foreign((self.read("lock.owner") or b"").decode(errors="replace"))
        return Refused(
            "locked",
            f"Another run works on {self._what}: {owner or 'its owner is not known'}.",
            why=f"It holds the lock in {self._folder}",
            remedy="Wait until it has ended, or end it; the lock goes with its process.",
        )

    @contextmanager
    def _appending(self, name: str) -> Iterator[int]:
        """A descriptor of a file to append to, made if need be, that no other writer appends to
        meanwhile.
        """
        path = self._path(name)
        with _told(path):
            self._make(path.parent)
            new = not path.exists()
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield descriptor
            finally:
                os.close(descriptor)
            if new:
                _sync_folder(path.parent)

    def _path(self, name: str) -> Path:
        return self._folder.joinpath(*file_parts(name))

    def _make(self, folder: Path) -> None:
        """Make missing folders, 0700 each, down from the root; the cluster's own is narrowed if it
        is wider.
        """
        if folder.is_dir() and not stat.S_IMODE(folder.stat().st_mode) & 0o077:
            return
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        here = self._root
        for part in folder.relative_to(self._root).parts:
            here = here / part
            if not here.is_dir():
                here.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(here.parent)
        folder.chmod(0o700)


def lock_of_another(holder: str, location: str) -> Refused:
    """The refusal to break a lock that is not the named owner's."""
    return Refused(
        "lock-owner-differs",
        f"The lock is held by {holder}.",
        why=f"--break-lock names another owner; nothing was taken away in {location}.",
        remedy="Look at `migrate status`, and name the owner whose run is dead.",
    )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """A failing file system, as ``state-unwritable``."""
    try:
        yield
    except OSError as error:
        raise Failed(
            "state-unwritable",
            f"The state at {path} cannot be read or written.",
            why=foreign(error.strerror or error),
            remedy="Check the folder, its owner and the free space, or choose another --state-dir.",
        ) from error


def _whole(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def _write_synced(descriptor: int, line: bytes) -> None:
    view = memoryview(line)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """A new name is on disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
