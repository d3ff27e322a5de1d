"""The end of ``fleet access`` and ``fleet drift``: their documents to text and exit code."""

from collections.abc import Mapping
from typing import Any

from migrator.app.settings import Settings
from migrator.cli import exit_codes
from migrator.cli.commands_to_copy import below, command_lines
from migrator.cli.drift import settling_lines
from migrator.cli.terminal import output_of
from migrator.fleet.app.asked import Asked
from migrator.fleet.app.audit import AuditedFleet, FleetAuditRequest, audit_fleet
from migrator.fleet.cli.files import read_fleet
from migrator.fleet.cli.operator import fleet_operator_of
from migrator.fleet.model.fleet import Command
from migrator.model.drift import DriftOutcome


def audit(
    settings: Settings,
    given: Mapping[str, Any],
    command: Command,
) -> int:
    """Read every cluster, show what was found; returns the exit code."""
    from migrator.fleet.cli.commands_to_copy import lines_of_outcome
    from migrator.fleet.model.files.audit import audit_document
    from migrator.fleet.render.text import fleet_outcome_text

    request = FleetAuditRequest(
        file=read_fleet(given["fleet_file"]),
        asked=Asked.of(given),
        command=command,
        save=bool(given.get("save")),
    )
    found = audit_fleet(request, fleet_operator_of(settings))
    output = output_of(settings)
    documents, texts = _shown(
        settings, found, str(given["fleet_file"]), width=output.width, color=output.color
    )
    do = lines_of_outcome(settings, found.outcome, given)

    def table() -> str:
        summary = fleet_outcome_text(found.outcome, width=output.width, color=output.color)
        return below("\n".join([*texts, summary]), do)

    output.show(
        document=lambda: {**audit_document(found.outcome, documents), "commands": do},
        table=table,
    )
    is_changed = any(document.get("findings") for document in documents.values())
    # What is not known comes before what changed.
    if found.outcome.exit_code or not (is_changed and given.get("detailed_exitcode")):
        return found.outcome.exit_code
    return exit_codes.CHANGES_PENDING


def _shown(
    settings: Settings,
    found: AuditedFleet,
    fleet_file: str,
    *,
    width: int,
    color: bool,
) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """The documents with the commands that settle each finding, and the text of each cluster."""
    from migrator.model.files.access_document import (
        access_from_document,
        drift_from_document,
        drift_to_document,
    )
    from migrator.render.access import access_text
    from migrator.render.drift import drift_text, with_changes
    from migrator.render.drift_commands import OwnCommands

    documents: dict[str, Mapping[str, Any]] = {}
    texts: list[str] = []
    for arn, document in found.documents.items():
        if found.outcome.command == "access":
            documents[arn] = document
            texts.append(access_text(access_from_document(document), width=width, color=color))
            continue
        drifted: DriftOutcome = with_changes(drift_from_document(document))
        own = OwnCommands(
            ("fleet", "plan", fleet_file, "--cluster", arn),
            (),
            ("fleet", "retire", fleet_file, "--cluster", arn),
            ("fleet", "access", fleet_file, "--save", "--cluster", arn),
        )
        lines = settling_lines(settings, drifted, own)
        after = command_lines(settings, [own.accept], "", {}) if drifted.findings else []
        documents[arn] = drift_to_document(drifted, lines, after)
        texts.append(drift_text(drifted, lines, width=width, color=color))
    return documents, texts
