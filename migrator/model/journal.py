"""The journal: what a run intended and what it did, one record a line, chained by digests.

A record is ``{n, prev, at, step, event, effect, digest}``. ``intended`` is on disk before the
effect, ``done`` after it; an ``intended`` without a ``done`` is decided by reading the cluster,
never by repeating. The text form is defined here, so that the code that stores a journal and the
code that judges one cannot disagree on it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from migrator.errors import Failed
from migrator.model.canonical import canonical_bytes, digest_of

Event: TypeAlias = Literal[
    "run-started",  # effect: {run, command, planDigest, caller, gates?, accepted?, only?, image?}
    "backed-up",  # effect: {files: [...]}
    "intended",  # effect: what is about to be sent
    "sent",  # effect: {updateId}: accepted by EKS and going on there
    "done",  # effect: what was read back
    "adopted",  # found already so: done by an earlier, interrupted attempt
    "deferred",  # a proof that cannot be had now: {class, why}
    "undoing",  # about to be undone
    "undone",  # because its proof failed or by roll-back
    "refused",  # effect: {code, message}
    "waived",  # effect: {gate, by, covers}
    "run-ended",  # effect: {exit}
]
EVENTS: tuple[Event, ...] = get_args(Event)
_FIELDS = frozenset({"n", "prev", "at", "step", "event", "effect", "digest"})


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal. ``n`` counts from 1; ``prev`` is the digest of the line before
    (empty for the first).
    """

    n: int
    prev: str
    at: str
    step: str | None
    event: Event
    effect: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""


Journal: TypeAlias = tuple[Record, ...]


def next_record(
    journal: Journal,
    *,
    at: str,
    step: str | None,
    event: Event,
    effect: Mapping[str, Any],
) -> Record:
    """The record that follows ``journal``, its place, its link and its digest filled in."""
    n = 1
    prev = ""
    if journal:
        last = journal[-1]
        n = last.n + 1
        prev = last.digest
    return seal(
        n=n,
        prev=prev,
        at=at,
        step=step,
        event=event,
        effect=effect,
    )


def seal(
    *,
    n: int,
    prev: str,
    at: str,
    step: str | None,
    event: Event,
    effect: Mapping[str, Any],
) -> Record:
    """A record with its digest: ``sha256:…`` of the canonical JSON of all other fields."""
    fields = {"n": n, "prev": prev, "at": at, "step": step, "event": event, "effect": dict(effect)}
    return Record(
        n,
        prev,
        at,
        step,
        event,
        dict(effect),
        digest_of(fields),
    )


def encode_record(record: Record) -> bytes:
    """The record as one line, its line feed included. A line without it was torn while being
    written.
    """
    fields = {
        "n": record.n,
        "prev": record.prev,
        "at": record.at,
        "step": record.step,
        "event": record.event,
        "effect": dict(record.effect),
        "digest": record.digest,
    }
    return canonical_bytes(fields) + b"\n"


def decode_journal(content: bytes) -> tuple[Journal, int]:
    """The journal in ``content``, and how many bytes of it are whole lines.

    A torn last line (one without its line feed) is left out: its effect cannot have started,
    because effects wait for the whole line to be on disk. The next append first cuts the file to
    the returned length. Raises ``Failed("journal-damaged")`` for any other damage: an unreadable
    line, an unknown field or event, a digest that does not fit, a broken chain.
    """
    whole = content.rfind(b"\n") + 1
    records: list[Record] = []
    prev = ""
    for number, line in enumerate(content[:whole].split(b"\n")[:-1], start=1):
        record = _decode_line(line, number)
        if record.n != number or record.prev != prev:
            raise _damaged(number, "it does not follow the line before it")
        prev = record.digest
        records.append(record)
    return tuple(records), whole


def _decode_line(line: bytes, number: int) -> Record:
    """One record. Raises ``Failed("journal-damaged")``, naming the line.

    A line must be the very bytes that this tool writes for the record: a change of layout alone is
    damage, too, because nothing else writes a journal.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise _damaged(number, "it is not JSON") from None
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise _damaged(number, "it has not the fields of a record")
    if not _well_typed(fields):
        raise _damaged(number, "a field has the wrong type or an unknown value")
    record = Record(**fields)
    try:
        sealed = seal(
            n=record.n,
            prev=record.prev,
            at=record.at,
            step=record.step,
            event=record.event,
            effect=record.effect,
        )
    # NaN and its like: Python's reader takes them, JSON has none and no run writes them.
    except ValueError:
        raise _damaged(number, "it holds a value that is no JSON") from None
    if sealed.digest != record.digest or encode_record(sealed) != line + b"\n":
        raise _damaged(number, "its digest does not fit its content")
    return record


def _well_typed(fields: Mapping[str, Any]) -> bool:
    """Whether each field of a record has its type; all fields are there."""
    # A bool is an int to isinstance.
    if type(fields["n"]) is not int:
        return False
    if fields["event"] not in EVENTS:
        return False
    if not isinstance(fields["effect"], dict):
        return False
    if not isinstance(fields["step"], str | None):
        return False
    return all(isinstance(fields[name], str) for name in ("prev", "at", "digest"))


def _damaged(number: int, why: str) -> Failed:
    return Failed(
        "journal-damaged",
        f"The journal is damaged at line {number}.",
        why=f"Line {number}: {why}. A damaged journal does not show what a run did.",
        remedy="Restore it from a backup, or move it away: a run without it adopts the entries "
        "that carry its tag.",
    )
