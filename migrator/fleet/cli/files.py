"""The fleet file and the fleet's decisions, read with an error that helps."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from migrator.cli.files import read_bytes, read_decisions
from migrator.errors import Failed, MigratorError
from migrator.fleet.model.fleet import FleetFile


def read_fleet(path: str) -> FleetFile:
    """The fleet in a file. Raises ``fleet-unreadable``, ``fleet-malformed``."""
    from migrator.fleet.model.files.document import FORMAT
    from migrator.fleet.model.files.fleet_file import decode_fleet
    from migrator.model.files.yaml_document import MOST_BYTES, YamlError, load_yaml

    try:
        content = read_bytes(path, "The fleet file", limit=MOST_BYTES)
    except MigratorError as error:
        if error.code == "file-not-found":
            error.remedy = (
                "Name yours (migrate fleet … FLEET), or write one: examples/fleet.yaml "
                "shows every part."
            )
        raise
    try:
        document = load_yaml(content)
    except YamlError as error:
        message, remedy = (
            f"The fleet file {path} is not YAML that can be used.",
            "examples/fleet.yaml is a whole one.",
        )
        raise Failed(
            "fleet-unreadable", message, why=str(error), remedy=f"Correct it; {remedy}"
        ) from error
    file = decode_fleet(document)
    if isinstance(document, dict) and document.get("format") == FORMAT:
        return file
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(path).stem).strip(".-_")[:60]
    return replace(file, name=name or "fleet")  # a c7n-org file names no fleet


def read_fleet_decisions(path: str | None) -> Mapping[str, Any]:
    """The document in a fleet's decisions.yaml, as JSON would have it; empty without a file."""
    import json

    from migrator.fleet.model.files.decisions import decode_fleet_decisions

    if not path:
        return {}
    document = read_decisions(path)
    decode_fleet_decisions(document)
    found: dict[str, Any] = json.loads(json.dumps(document or {}, default=str))
    return found
