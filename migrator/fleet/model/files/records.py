"""What a fleet command leaves behind: the inventory, one record a cluster and event, the aggregate,
the matrix.

Records are lines of ``runs.jsonl`` in the fleet's own folder (``STATE-DIR/fleet/NAME``). They say
what was tried and how it ended; where a cluster stands is in the cluster's own files, which every
single-cluster command reads.

They are no journal of effects, as :mod:`migrator.run.journaled_run` writes one: a record of a
cluster is written once, after it has ended, and no record is an intention whose outcome a later
command has to find out. What was intended in a cluster is in its own journal, which the job wrote
through that helper.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from migrator.errors import Failed
from migrator.fleet.model.fleet import AnswerStatus, Command, FleetCluster, Inventory
from migrator.fleet.model.job import Setup
from migrator.fleet.model.outcome import STATUSES, ClusterResult, ClusterStatus, FleetOutcome
from migrator.model.canonical import canonical_bytes
from migrator.model.files import wire

INVENTORY_FORMAT = "migrator/fleet-inventory/v1"
OUTCOME_FORMAT = "migrator/fleet-outcome/v1"
INVENTORY_FILE = "inventory.json"
RUNS_FILE = "runs.jsonl"
MATRIX_FILE = "matrix.jsonl"
Event: TypeAlias = Literal["run-started", "cluster", "wave-started", "wave-ended", "run-ended"]


class _Tolerant(msgspec.Struct, rename="camel"):
    """Base: a later version may write more."""


class _Role(_Tolerant):
    arn: str
    external_id: str | None = None


class _Account(_Tolerant):
    id: str
    name: str
    regions: tuple[str, ...]
    roles: tuple[_Role, ...]
    profile: str | None
    tags: dict[str, str]
    unit: str
    partition: str
    placement: str | None


class _LeftOut(_Tolerant):
    id: str
    name: str
    reason: str


class _Answer(_Tolerant):
    account: str
    region: str
    status: AnswerStatus
    clusters: int
    code: str
    reason: str
    remedy: str


class _Cluster(_Tolerant):
    arn: str
    name: str
    account: str
    region: str
    partition: str
    version: str
    mode: Literal["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"] | None
    status: str
    tags: dict[str, str]
    account_name: str
    account_tags: dict[str, str]
    unit: str
    placement: str | None
    not_read_since: str = ""


class _Inventory(_Tolerant):
    taken_at: str
    fleet: str
    accounts: tuple[_Account, ...]
    answers: tuple[_Answer, ...]
    clusters: tuple[_Cluster, ...]
    left_out: tuple[_LeftOut, ...] = ()
    not_selected: int = 0
    missing: tuple[tuple[str, str], ...] = ()


class _Result(_Tolerant):
    arn: str
    command: Command
    status: ClusterStatus
    exit_code: int
    at: str
    code: str = ""
    message: str = ""
    why: str = ""
    remedy: str = ""
    plan_digest: str | None = None
    wave: str = ""
    detail: dict[str, Any] = {}


class _Record(_Tolerant, omit_defaults=True):
    event: Event
    run: str
    at: str
    command: Command
    inputs: str = ""
    wave: str = ""
    exit_code: int = 0
    why: str = ""
    result: _Result | None = None


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """One line of ``runs.jsonl``. ``inputs`` is the digest of what the run was asked to do; a run
    continues only with the same inputs.
    """

    event: Event
    run: str
    at: str
    command: Command
    inputs: str = ""
    wave: str = ""
    exit_code: int = 0
    why: str = ""
    result: ClusterResult | None = None


def inventory_to_document(inventory: Inventory) -> dict[str, Any]:
    """``migrator/fleet-inventory/v1``."""
    document: dict[str, Any] = msgspec.to_builtins(wire.struct_of(inventory, _Inventory))
    return {
        "format": INVENTORY_FORMAT,
        "expected": inventory.expected,
        "answered": inventory.answered,
        **document,
    }


def encode_inventory(inventory: Inventory) -> bytes:
    """The bytes of ``inventory.json``."""
    return wire.pretty(inventory_to_document(inventory))


def decode_inventory(content: bytes) -> Inventory:
    """The inventory in ``content``. Raises ``inventory-unreadable``."""
    try:
        document = json.loads(content)
        if document.get("format") != INVENTORY_FORMAT:
            raise ValueError(f"its format is {str(document.get('format'))[:60]!r}")
        return wire.model_of(wire.convert(document, _Inventory), Inventory)
    except (ValueError, AttributeError, msgspec.ValidationError) as error:
        raise Failed(
            "inventory-unreadable",
            "The inventory of the fleet cannot be read.",
            why=str(error),
            remedy="Write it again: migrate fleet discover.",
        ) from error


def result_to_document(result: ClusterResult) -> dict[str, Any]:
    """One cluster's result as a JSON object."""
    document: dict[str, Any] = msgspec.to_builtins(wire.struct_of(result, _Result))
    return document


def result_from_document(document: Mapping[str, Any]) -> ClusterResult:
    """The result in a JSON object. Raises ``Failed`` ``fleet-record-damaged``."""
    try:
        return wire.model_of(wire.convert(document, _Result), ClusterResult)
    except msgspec.ValidationError as error:
        raise _damaged(str(error)) from error


def encode_record(record: FleetRecord) -> bytes:
    """One line, without its end."""
    return canonical_bytes(msgspec.to_builtins(wire.struct_of(record, _Record)))


def decode_records(content: bytes) -> tuple[FleetRecord, ...]:
    """All records. A torn last line is dropped; any other damage raises
    ``fleet-record-damaged``.
    """
    lines = content.split(b"\n")
    torn = lines.pop()  # empty where the last line is whole
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(_RECORDS.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _damaged(f"line {number}: {error}") from error
    del torn
    return tuple(wire.model_of(record, FleetRecord) for record in records)


_RECORDS = msgspec.json.Decoder(_Record)


def _damaged(why: str) -> Failed:
    remedy = (
        "The clusters' own files are whole without it: move runs.jsonl aside and run the "
        "command again."
    )
    return Failed(
        "fleet-record-damaged", "The fleet's record of its runs is damaged.", why=why, remedy=remedy
    )


def outcome_to_document(outcome: FleetOutcome) -> dict[str, Any]:
    """``migrator/fleet-outcome/v1``: how a command ended on the fleet."""
    inventory = outcome.inventory
    return {
        "format": OUTCOME_FORMAT,
        "fleet": outcome.fleet,
        "command": outcome.command,
        "run": outcome.run,
        "exitCode": outcome.exit_code,
        "stopped": outcome.stopped,
        "seconds": round(outcome.seconds, 3),
        "state": outcome.state,
        "accounts": {
            "expected": inventory.expected,
            "answered": inventory.answered,
            "silent": [
                msgspec.to_builtins(wire.struct_of(answer, _Answer)) for answer in inventory.silent
            ],
            "leftOut": [
                msgspec.to_builtins(wire.struct_of(item, _LeftOut)) for item in inventory.left_out
            ],
        },
        "missing": [{"arn": arn, "why": why} for arn, why in inventory.missing],
        "clusters": {
            "total": len(outcome.results),
            **{status: count for status in STATUSES if (count := outcome.count(status))},
        },
        "results": [result_to_document(result) for result in outcome.results],
    }


def outcome_schema() -> dict[str, Any]:
    """The schema of ``migrator/fleet-outcome/v1``; a later version may write more."""
    references, components = wire.schema_components(_Answer, _LeftOut, _Result)
    answer, left_out, result = references
    text, number = {"type": "string"}, {"type": "integer"}
    accounts = {
        "expected": number,
        "answered": number,
        "silent": {"type": "array", "items": answer},
        "leftOut": {"type": "array", "items": left_out},
    }
    missing = {"arn": text, "why": text}
    properties = {
        "format": {"const": OUTCOME_FORMAT},
        "fleet": text,
        "command": text,
        "run": text,
        "exitCode": number,
        "stopped": text,
        "seconds": {"type": "number"},
        "state": text,
        "accounts": {"type": "object", "required": list(accounts), "properties": accounts},
        "missing": {
            "type": "array",
            "items": {"type": "object", "required": list(missing), "properties": missing},
        },
        "clusters": {
            "type": "object",
            "required": ["total"],
            "additionalProperties": number,
        },
        "results": {"type": "array", "items": result},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": OUTCOME_FORMAT,
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "$defs": components,
    }


def jsonl(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """One compact object a line: what GitHub Actions and Step Functions take as a matrix."""
    return b"".join(canonical_bytes(document) + b"\n" for document in documents)


class _Rate(_Tolerant):
    api: str
    per_second: float
    burst: int


class _Setup(_Tolerant):
    settings: dict[str, Any]
    accounts: tuple[_Account, ...]
    readers: dict[str, _Role]
    rates: tuple[_Rate, ...]
    share: float


def setup_to_document(setup: Setup) -> dict[str, Any]:
    """What a worker needs to come to AWS as this command does, as a JSON object. It holds no
    credentials.
    """
    document: dict[str, Any] = msgspec.to_builtins(wire.struct_of(setup, _Setup))
    return document


def setup_from_document(document: Mapping[str, Any]) -> Setup:
    """And back."""
    return wire.model_of(wire.convert(document, _Setup), Setup)


def cluster_to_document(cluster: FleetCluster) -> dict[str, Any]:
    """A cluster of the fleet as a JSON object."""
    document: dict[str, Any] = msgspec.to_builtins(wire.struct_of(cluster, _Cluster))
    return document


def cluster_from_document(document: Mapping[str, Any]) -> FleetCluster:
    """And back."""
    return wire.model_of(wire.convert(document, _Cluster), FleetCluster)
