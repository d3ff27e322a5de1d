"""Files that people name on the command line: read with an error that helps, written whole or not at all.

``-`` is standard input or output. What is written is readable by its owner only: plans and snapshots say who may
do what.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migrator.errors import Failed, MigratorError
from migrator.model.plan import Plan

_LIMIT = 512 * 1024 * 1024  # bytes; more than any cluster's snapshot


def read_bytes(path: str, what: str) -> bytes:
    """The content of a file. Raises ``file-not-found``, ``file-unreadable``, ``file-too-large``."""
    if path == "-":
        return sys.stdin.buffer.read(_LIMIT)
    file = Path(path)
    try:
        if file.is_file() and file.stat().st_size > _LIMIT:
            raise Failed(
                "file-too-large", f"{what} {path} is larger than 512 MiB.", remedy="Check that it is the file."
            )
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(path, what, error) from error


def _unreadable(path: str, what: str, error: OSError) -> MigratorError:
    if isinstance(error, FileNotFoundError):
        here = os.fspath(Path.cwd())
        return Failed(
            "file-not-found", f"{what} {path} does not exist.", why=f"Looked in {here}.", remedy="Check the path."
        )
    if isinstance(error, IsADirectoryError):
        return Failed("file-unreadable", f"{what} {path} is a folder.", remedy="Name the file inside it.")
    why = error.strerror or type(error).__name__
    return Failed("file-unreadable", f"{what} {path} cannot be read.", why=why, remedy="Check its permissions.")


def read_json(path: str, what: str, code: str) -> Mapping[str, Any]:
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


def read_plan(path: str) -> tuple[Plan, str]:
    """The plan in a file, and its digest. Raises as ``decode_plan``."""
    from migrator.model.files.plan import decode_plan_with_digest

    return decode_plan_with_digest(read_bytes(path, "The plan file"))


def read_decisions(path: str) -> Mapping[str, Any] | None:
    """The document in a decisions.yaml, None when it is empty. Raises ``decisions-unreadable``."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    content = read_bytes(path, "The decisions file")
    remedy = "Correct the YAML there; `migrate plan --write-decisions` writes a file with the right shape."
    try:
        document = YAML(typ="safe", pure=True).load(content.decode("utf-8-sig"))
    except (YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise Failed(
            "decisions-unreadable", f"The decisions file {path} is not YAML.", why=why, remedy=remedy
        ) from error
    if document is not None and not isinstance(document, dict):
        why = "It holds no mapping at its top."
        raise Failed("decisions-unreadable", f"The decisions file {path} is not one.", why=why, remedy=remedy)
    return document


def write_file(path: str, content: bytes) -> None:
    """Replace a file in one move, mode 0600; ``-`` writes to stdout. Raises ``file-unwritable``."""
    if path == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # made with mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Failed("file-unwritable", f"{path} cannot be written.", why=why, remedy="Name another place.") from error
