"""The journal: what a run intended and what it did, one record a line, chained by digests.

A record is ``{n, prev, at, step, event, effect, digest}`` (product contract, "State"). ``intended`` is on disk
before the effect, ``done`` after it; an ``intended`` without a ``done`` is settled by looking, never by repeating.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Event: TypeAlias = Literal[
    "run-started",  # effect: {run, command, planDigest, caller}
    "backed-up",  # effect: {files: [...]}
    "intended",  # effect: what is about to be sent
    "done",  # effect: what was read back
    "adopted",  # found already so: done by an earlier, interrupted attempt
    "undone",  # taken back, because its proof failed or by roll-back
    "refused",  # effect: {code, message}
    "waived",  # effect: {gate, by, reason}
    "run-ended",  # effect: {exit}
]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal. ``n`` counts from 1; ``prev`` is the digest of the line before (empty for the first)."""

    n: int
    prev: str
    at: str
    step: str | None
    event: Event
    effect: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""


Journal: TypeAlias = tuple[Record, ...]
