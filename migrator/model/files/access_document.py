"""The access document (``migrator/access/v1``) and the drift document (``migrator/drift/v1``).

Sorted, two-space indented, LF: two readings of an unchanged cluster differ in ``takenAt`` alone. A
saved access document refuses unknown fields: a newer one is never half understood.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from migrator.errors import Failed
from migrator.model.access_document import (
    OUT_OF_SCOPE,
    AccessDocument,
    ClusterNow,
    EntryMaker,
    EntryState,
    LetInBy,
    LogsIn,
    PrincipalState,
    RowEffect,
)
from migrator.model.drift import DriftCode, DriftOutcome, Settling
from migrator.model.files import wire
from migrator.model.plan import ClusterRef

ACCESS_FORMAT = "migrator/access/v1"
DRIFT_FORMAT = "migrator/drift/v1"
# The name of the saved document in the state of its cluster.
ACCESS_FILE = "access.json"


class Identity(wire.Strict):
    """One identity that a login may get; ``source`` is the row or account that gives it."""

    username: str
    groups: tuple[str, ...]
    by: LetInBy
    source: str
    policies: tuple[wire.Policy, ...] = msgspec.field(name="accessPolicies")
    log_ins: tuple[wire.LogIns, ...]


class Row(wire.Strict):
    """A row of aws-auth, with what it does now."""

    source: str
    arn: str
    username: str
    groups: tuple[str, ...]
    effect: RowEffect
    why: str


class NowEntry(wire.Strict):
    """An access entry, and whether it can match a login."""

    type: str
    username: str
    kubernetes_groups: tuple[str, ...]
    access_policies: tuple[wire.Policy, ...]
    state: EntryState
    why: str
    made_by: EntryMaker


class Principal(wire.Strict):
    """One principal: whether it can log in, as what, and what says so."""

    principal_arn: str
    logs_in: LogsIn
    principal_state: PrincipalState
    principal_id: str | None
    why: str
    successor: str | None
    identities: tuple[Identity, ...]
    entry: NowEntry | None
    rows: tuple[Row, ...]


class Account(wire.Strict):
    """An account of mapAccounts."""

    account: str
    source: str
    in_force: bool


class Problem(wire.Strict):
    """Text of aws-auth that gives no access."""

    kind: Literal["lost", "doubtful", "dropped", "unused"]
    where: str
    message: str


class NotKnown(wire.Strict):
    """What could not be read, why, and the command that makes it known."""

    about: Literal["aws-auth", "access-entries", "iam", "creator", "run"]
    what: str
    why: str
    command: tuple[str, ...]


class ClusterAt(wire.Cluster):
    """Which cluster, and when it was made."""

    created_at: str


class AccessJson(wire.Strict):
    """``migrator/access/v1``."""

    format: str
    taken_at: str
    cluster: ClusterAt
    principals: tuple[Principal, ...]
    mapped_accounts: tuple[Account, ...]
    aws_auth_problems: tuple[Problem, ...]
    unknown: tuple[NotKnown, ...]
    rows_read: bool
    entries_read: bool
    out_of_scope: tuple[str, ...]


class Finding(wire.Strict):
    """One thing that changed, and the commands that settle it."""

    code: DriftCode
    subject: str
    what: str
    why: str
    changes: tuple[str, ...]
    was: NowEntry | None
    now: NowEntry | None
    successor: str | None
    successor_entry: NowEntry | None
    wanted: NowEntry | None
    interim: NowEntry | None
    settling: Settling
    commands: tuple[str, ...]


class Settled(wire.Strict):
    """A change about which nothing is to be done."""

    subject: str
    what: str


class DriftJson(wire.Strict):
    """``migrator/drift/v1``."""

    format: str
    at: str
    cluster: wire.Cluster
    against: str
    against_taken_at: str
    findings: tuple[Finding, ...]
    settled: tuple[Settled, ...]
    unknown: tuple[NotKnown, ...]
    commands: tuple[str, ...]


def access_to_document(access: AccessDocument) -> dict[str, Any]:
    """The document as JSON values."""
    cluster = wire.struct_of(access.cluster.ref, wire.Cluster)
    document: dict[str, Any] = {
        "format": ACCESS_FORMAT,
        "takenAt": access.taken_at,
        "cluster": {**msgspec.to_builtins(cluster), "createdAt": access.cluster.created_at},
        "principals": _list(access.principals, Principal),
        "mappedAccounts": _list(access.accounts, Account),
        "awsAuthProblems": _list(access.problems, Problem),
        "unknown": _list(access.unknown, NotKnown),
        "rowsRead": access.rows_read,
        "entriesRead": access.entries_read,
        "outOfScope": list(OUT_OF_SCOPE),
    }
    return document


def _list(
    values: Iterable[object],
    struct: type[msgspec.Struct],
) -> list[Any]:
    return [msgspec.to_builtins(wire.struct_of(value, struct)) for value in values]


def encode_access(access: AccessDocument) -> bytes:
    """The bytes of a saved document."""
    return wire.pretty(access_to_document(access))


def decode_access(
    content: bytes,
    name: str,
) -> AccessDocument:
    """The access document in the bytes of the file ``name``. Raises ``Failed``
    ``access-unreadable``.
    """
    try:
        document = json.loads(content)
        found = document.get("format")
        if found != ACCESS_FORMAT:
            raise ValueError(f"its format is {str(found)[:60]!r}, not {ACCESS_FORMAT!r}")
        return access_from_document(document)
    except (ValueError, AttributeError, RecursionError, msgspec.ValidationError) as error:
        raise Failed(
            "access-unreadable",
            f"{name} is no access document of this version.",
            why=str(error),
            remedy="Make one with `migrate access CLUSTER --out FILE`.",
        ) from error


def access_from_document(document: Mapping[str, Any]) -> AccessDocument:
    """The access of a document. Raises ``msgspec.ValidationError``."""
    raw = wire.convert(document, AccessJson)
    cluster = raw.cluster
    return wire.model_with(
        raw,
        AccessDocument,
        cluster=ClusterNow(wire.model_of(cluster, ClusterRef), cluster.created_at),
        accounts=raw.mapped_accounts,
        problems=raw.aws_auth_problems,
    )


def drift_from_document(document: Mapping[str, Any]) -> DriftOutcome:
    """The drift of a document, without its commands. Raises ``msgspec.ValidationError``."""
    raw = wire.convert(document, DriftJson)
    return wire.model_with(
        raw,
        DriftOutcome,
        taken_at=raw.against_taken_at,
    )


def drift_to_document(
    drift: DriftOutcome,
    commands: Mapping[tuple[str, str], tuple[str, ...]],
    after: Iterable[str] = (),
) -> dict[str, Any]:
    """The drift as JSON values. ``commands``: what settles a finding, by code and subject.
    ``after``: what is run after these.
    """
    findings = []
    for each in drift.findings:
        more = {"why": each.kind.why, "commands": commands.get((each.code, each.subject), ())}
        findings.append({**_finding(each), **more})
    return {
        "format": DRIFT_FORMAT,
        "at": drift.at,
        "cluster": msgspec.to_builtins(wire.struct_of(drift.cluster, wire.Cluster)),
        "against": drift.against,
        "againstTakenAt": drift.taken_at,
        "findings": findings,
        "settled": _list(drift.settled, Settled),
        "unknown": _list(drift.unknown, NotKnown),
        "commands": list(after),
    }


def _finding(each: Any) -> dict[str, Any]:  # noqa: ANN401 - a DriftFinding
    """The finding's own fields."""
    entries = {
        name: None if entry is None else msgspec.to_builtins(wire.struct_of(entry, NowEntry))
        for name, entry in (
            ("was", each.was),
            ("now", each.now),
            ("successorEntry", each.successor_entry),
            ("wanted", each.wanted),
            ("interim", each.interim),
        )
    }
    return {
        "code": each.code,
        "subject": each.subject,
        "what": each.what,
        "changes": list(each.changes),
        "successor": each.successor,
        "settling": each.settled_by,
        **entries,
    }
