"""What ``fleet access`` and ``fleet drift`` print as JSON: how the command ended on the fleet, and
the document of each cluster that was read.
"""

from collections.abc import Mapping
from typing import Any

from migrator.fleet.model.files.records import outcome_to_document
from migrator.fleet.model.fleet import Command
from migrator.fleet.model.outcome import FleetOutcome
from migrator.model.files.schemas import access_schema, drift_schema

FORMATS: Mapping[Command, str] = {
    "access": "migrator/fleet-access/v1",
    "drift": "migrator/fleet-drift/v1",
}


def audit_document(
    outcome: FleetOutcome,
    documents: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The outcome, and ``documents``: those of ``migrate access`` or ``migrate drift`` by ARN."""
    return {
        **outcome_to_document(outcome),
        "format": FORMATS[outcome.command],
        "documents": dict(documents),
    }


def fleet_access_schema() -> dict[str, Any]:
    """The schema of ``fleet access --output json``."""
    return _of("access", access_schema())


def fleet_drift_schema() -> dict[str, Any]:
    """The schema of ``fleet drift --output json``."""
    return _of("drift", drift_schema())


def _of(command: Command, single: Mapping[str, Any]) -> dict[str, Any]:
    """The documents of clusters are those of the single command; of the outcome, what programs go
    by.
    """
    accounts = {
        "type": "object",
        "required": ["expected", "answered", "silent", "leftOut"],
        "properties": {"expected": {"type": "integer"}, "answered": {"type": "integer"}},
    }
    result = {
        "type": "object",
        "required": ["arn", "status", "exitCode", "message", "why", "detail"],
        "properties": {"arn": {"type": "string"}, "status": {"type": "string"}},
    }
    properties = {
        "format": {"const": FORMATS[command]},
        "fleet": {"type": "string"},
        "exitCode": {"type": "integer"},
        "accounts": accounts,
        "results": {"type": "array", "items": result},
        "documents": {"type": "object", "additionalProperties": {"$ref": single["$ref"]}},
    }
    return {
        "$schema": single["$schema"],
        "title": FORMATS[command],
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "$defs": single["$defs"],
    }
