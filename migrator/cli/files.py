"""Files that people name on the command line: read with an error that helps, written whole or not
at all.

``-`` is standard input or output. What is written is readable by its owner only: plans and
snapshots say who may do what.
"""

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from migrator.app.preflight import refuse_no_file, unwritable
from migrator.cli.log_lines import THIS
from migrator.cli.streams import erase_status
from migrator.errors import Failed, MigratorError
from migrator.model.plan import Plan

_LIMIT = 512 * 1024 * 1024  # bytes; more than any cluster's snapshot


def read_bytes(
    path: str,
    what: str,
    *,
    limit: int = _LIMIT,
) -> bytes:
    """The content of a file of at most ``limit`` bytes. Raises ``file-not-found``,
    ``file-unreadable``, ``file-too-large``. A pipe, a socket and a device are refused: they may
    never end.
    """
    try:
        content = (
            sys.stdin.buffer.read(limit + 1) if path == "-" else _read_regular(path, what, limit)
        )
    except OSError as error:
        raise _unreadable(path, what, error) from error
    if len(content) > limit:
        raise _too_large(path, what, limit)
    return content


def refuse_unreadable(
    path: str,
    what: str,
) -> None:
    """Raises as :func:`read_bytes`, for a file that another process is going to read."""
    try:
        _read_regular(path, what, 0)
    except OSError as error:
        raise _unreadable(path, what, error) from error


def _read_regular(
    path: str,
    what: str,
    limit: int,
) -> bytes:
    """At most ``limit + 1`` bytes of a regular file."""
    # O_NONBLOCK: to open a pipe that has no writer would wait for one (open(2)).
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise Failed(
                "file-unreadable",
                f"{what} {path} is not a regular file.",
                why="It is a pipe, a socket or a device, which may never end.",
                remedy="Write it to a file first, or name - and send it to standard input.",
            )
        if limit and found.st_size > limit:
            raise _too_large(path, what, limit)
        return file.read(limit + 1)


def _too_large(
    path: str,
    what: str,
    limit: int,
) -> MigratorError:
    message = f"{what} {path} is larger than {limit // 1024 // 1024} MiB."
    return Failed("file-too-large", message, remedy="Check that it is the file.")


def _unreadable(
    path: str,
    what: str,
    error: OSError,
) -> MigratorError:
    if isinstance(error, FileNotFoundError):
        here = os.fspath(Path.cwd())
        return Failed(
            "file-not-found",
            f"{what} {path} does not exist.",
            why=f"Looked in {here}.",
            remedy="Check the path.",
        )
    if isinstance(error, IsADirectoryError):
        return Failed(
            "file-unreadable", f"{what} {path} is a folder.", remedy="Name the file inside it."
        )
    why = error.strerror or type(error).__name__
    return Failed(
        "file-unreadable",
        f"{what} {path} cannot be read.",
        why=why,
        remedy="Check its permissions.",
    )


def read_json(
    path: str,
    what: str,
    code: str,
) -> Mapping[str, Any]:
    """A JSON object, in any encoding that JSON may have. Raises ``code`` for anything else."""
    content = read_bytes(path, what)
    remedy = f"Check that it is {what[0].lower()}{what[1:]}, and whole."
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Failed(code, f"{what} {path} is not JSON.", why=str(error), remedy=remedy) from error
    if not isinstance(document, dict):
        raise Failed(code, f"{what} {path} is JSON, but not an object.", remedy=remedy)
    return document


def read_plan(
    path: str,
) -> tuple[Plan, str]:
    """The plan in a file, proven again, and its digest. Raises as
    :func:`migrator.run.read_plan.read_plan`.
    """
    from migrator.app.read_plan import read_plan as proven_plan

    plan, digest = proven_plan(read_bytes(path, "The plan file"))
    THIS.cluster = plan.cluster.name
    return plan, digest


def read_decisions(
    path: str,
) -> Mapping[str, Any] | None:
    """The document in a decisions.yaml, None when it is empty. Raises ``decisions-unreadable``."""
    from migrator.model.files.yaml_document import MOST_BYTES, YamlError, load_yaml

    content = read_bytes(path, "The decisions file", limit=MOST_BYTES)
    remedy = (
        "Correct the YAML there; `migrate plan CLUSTER --write-decisions FILE` writes a file with "
        "the right shape."
    )
    try:
        document = load_yaml(content)
    except YamlError as error:
        message = f"The decisions file {path} is not YAML that can be used."
        raise Failed("decisions-unreadable", message, why=str(error), remedy=remedy) from error
    if document is not None and not isinstance(document, dict):
        why = "It holds no mapping at its top."
        raise Failed(
            "decisions-unreadable", f"The decisions file {path} is not one.", why=why, remedy=remedy
        )
    return document


def write_file(
    path: str,
    content: bytes,
) -> None:
    """Replace a file in one move, mode 0600; ``-`` writes to stdout. Raises ``file-unwritable``."""
    write_files({path: content})


def write_files(
    files: Mapping[str, bytes],
) -> None:
    """Replace files, each in one move, mode 0600; ``-`` writes to stdout. Folders that they need
    are made. Raises ``file-unwritable``, and then no file has changed and no folder was made.

    All are written beside their places first: a full disk, a folder that may not be written and a
    place that is none are found before the first file is replaced.
    """
    made: list[Path] = []
    ready: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            if path == "-":
                continue
            target = Path(path)
            with _unwritable(path):
                made += _make_folders(target.parent)
                refuse_no_file(target)
                ready[target] = _write_beside(target, content)
        for target, temporary in ready.items():
            with _unwritable(str(target)):
                temporary.replace(target)
    except BaseException:
        for temporary in ready.values():
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            # A folder that holds something is left.
            with suppress(OSError):
                folder.rmdir()
        raise
    if "-" in files:
        erase_status()
        sys.stdout.buffer.write(files["-"])
        sys.stdout.buffer.flush()


@contextmanager
def _unwritable(
    path: str,
) -> Iterator[None]:
    """Raises ``file-unwritable`` for an error of the operating system."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error.strerror or type(error).__name__) from error


def _make_folders(
    folder: Path,
) -> list[Path]:
    """Make a folder and those above it; which were made, the outermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _write_beside(
    target: Path,
    content: bytes,
) -> Path:
    """The content in a new file beside ``target``, on the disk; its path."""
    # mkstemp makes files with mode 0600.
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return Path(temporary)
