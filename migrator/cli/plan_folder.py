"""What a plan's folder remembers: the decisions file and the reader roles that it was made with.

``plan.json`` has ``plan.made-with.json`` beside it. It is a convenience and proves nothing:
what is taken from it is said, and it is ignored when it is of another plan.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

FORMAT = "migrator/made-with/v1"
_MOST = 512 * 1024 * 1024  # bytes; more than any plan


@dataclass(frozen=True, slots=True)
class Memory:
    """``decisions``: the path, seen from here; ``changed``: it has another content now;
    ``missing``: it is not there. ``damaged``: the file that remembers, where it cannot be read.
    """

    decisions: str | None = None
    changed: bool = False
    missing: bool = False
    reader_roles: tuple[str, ...] = ()
    damaged: str | None = None

    def options(self) -> dict[str, Any]:
        """By the long names of the options."""
        found: dict[str, Any] = {}
        if self.decisions is not None and not self.missing:
            found["decisions"] = self.decisions
        if self.reader_roles:
            found["reader-role"] = list(self.reader_roles)
        return found

    def lines(self, used: set[str]) -> Iterator[tuple[Literal["info", "warn"], str]]:
        """What to say of the options that are ``used``."""
        if self.damaged is not None:
            yield (
                "warn",
                f"{self.damaged} cannot be read: give the plan's --decisions and --reader-role",
            )
        if self.missing:
            yield "warn", f"the plan was made with answers that are not there: {self.decisions}"
        if "decisions" in used and self.changed:
            yield "warn", f"answers: {self.decisions}, which changed since the plan was made"
            used = used - {"decisions"}
        words = {
            "decisions": f"answers of {self.decisions}",
            "reader-role": f"reader roles {', '.join(self.reader_roles)}",
        }
        said = [text for name, text in words.items() if name in used]
        if said:
            yield "info", f"as the plan was made: {'; '.join(said)}"


def memory_of(plan_file: str) -> Path:
    """The file beside the plan."""
    path = Path(plan_file)
    return path.with_name(f"{path.stem}.made-with.json")


def remember(
    plan_file: str, digest: str, decisions: str | None, reader_roles: Sequence[str]
) -> None:
    """Write what a plan was made with, where there is something to remember. Raises
    ``file-unwritable``.
    """
    from migrator.cli.files import read_bytes, write_file
    from migrator.model.files.wire import pretty

    # A device or a pipe has no folder to remember in.
    if not Path(plan_file).is_file():
        return
    place = memory_of(plan_file)
    if not decisions and not reader_roles:
        with suppress(OSError):  # one that stays is of another plan, and so is not used
            place.unlink()
        return
    answers = None
    # A pipe and standard input cannot be read a second time.
    if decisions and Path(decisions).is_file():
        content = read_bytes(decisions, "The decisions file")
        relative = os.path.relpath(Path(decisions).resolve(), place.parent.resolve())
        answers = {"path": relative, "digest": _digest(content)}
    document = {
        "format": FORMAT,
        "planDigest": digest,
        "decisions": answers,
        "readerRoles": list(reader_roles),
    }
    write_file(str(place), pretty(document))


def recall(plan_file: str) -> Memory:
    """What is remembered of this plan; nothing where the file is damaged or of another plan."""
    place = memory_of(plan_file)
    if not os.path.lexists(place):
        return Memory()
    document = _read(place)
    if document.get("format") != FORMAT or not isinstance(document.get("planDigest"), str):
        return Memory(damaged=str(place))
    if document.get("planDigest") != _read(Path(plan_file)).get("planDigest"):
        return Memory()
    roles = document.get("readerRoles")
    memory = Memory(reader_roles=tuple(map(str, roles)) if isinstance(roles, list) else ())
    answers = document.get("decisions")
    if not isinstance(answers, Mapping) or not isinstance(answers.get("path"), str):
        return memory
    path = Path(os.path.normpath(place.parent / str(answers["path"])))
    is_there = path.is_file()
    changed = is_there and _digest(_bytes(path)) != answers.get("digest")
    return replace(memory, decisions=str(path), changed=changed, missing=not is_there)


def _read(path: Path) -> Mapping[str, Any]:
    """A JSON object; empty for anything else: the command reads a plan again, and says why."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST:
            return {}
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
