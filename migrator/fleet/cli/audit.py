"""The end of ``fleet access`` and ``fleet drift``: their documents to text and exit code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from migrator.app.settings import Settings
from migrator.cli import exit_codes
from migrator.cli.commands_to_copy import below, command_lines
from migrator.cli.drift import calls_aws, settling_lines
from migrator.cli.terminal import output_of
from migrator.fleet.app.asked import Asked
from migrator.fleet.app.audit import FleetAuditRequest, audit_fleet
from migrator.fleet.cli.files import read_fleet
from migrator.fleet.cli.operator import fleet_operator_of
from migrator.fleet.decide.aws_lines import credentials_note
from migrator.fleet.model.fleet import Command, FleetAccount
from migrator.fleet.model.short_texts import short_cluster
from migrator.model.drift import DriftOutcome


def audit(
    settings: Settings,
    given: Mapping[str, Any],
    command: Command,
) -> int:
    """Read every cluster, show what was found; returns the exit code."""
    from migrator.fleet.cli.commands_to_copy import lines_of_outcome
    from migrator.fleet.model.files.audit import audit_document
    from migrator.fleet.render.audit import audit_markdown
    from migrator.fleet.render.text import fleet_outcome_text

    request = FleetAuditRequest(
        file=read_fleet(given["fleet_file"]),
        asked=Asked.of(given),
        command=command,
        save=bool(given.get("save")),
    )
    found = audit_fleet(request, fleet_operator_of(settings))
    output = output_of(settings)
    fleet_file = str(given["fleet_file"])
    accounts = {each.id: each for each in found.outcome.inventory.accounts}
    shown = [
        _shown(settings, arn, each, fleet_file, accounts) for arn, each in found.documents.items()
    ]
    documents = {each.arn: each.document for each in shown}
    do = lines_of_outcome(settings, found.outcome, given)

    def table() -> str:
        summary = fleet_outcome_text(found.outcome, width=output.width, color=output.color)
        texts = (each.text(output.width, color=output.color) for each in shown)
        return below("\n".join([*texts, summary]), do)

    output.show(
        document=lambda: {**audit_document(found.outcome, documents), "commands": do},
        table=table,
        markdown=lambda: audit_markdown(found.outcome, [each.markdown() for each in shown], do),
    )
    is_changed = any(document.get("findings") for document in documents.values())
    # What is not known comes before what changed.
    if found.outcome.exit_code or not (is_changed and given.get("detailed_exitcode")):
        return found.outcome.exit_code
    return exit_codes.CHANGES_PENDING


@dataclass(frozen=True, slots=True)
class _Shown:
    """One cluster that was read: its document, and its texts by width and colour."""

    arn: str
    document: Mapping[str, Any]
    text: Callable[..., str]
    markdown: Callable[[], str]


def _shown(
    settings: Settings,
    arn: str,
    document: Mapping[str, Any],
    fleet_file: str,
    accounts: Mapping[str, FleetAccount],
) -> _Shown:
    """The access or the drift of one cluster, named as the tables of a fleet name it."""
    from migrator.model.files.access_document import DRIFT_FORMAT

    if document.get("format") == DRIFT_FORMAT:
        return _drifted(settings, arn, document, fleet_file, accounts)
    return _accessed(arn, document)


def _accessed(
    arn: str,
    document: Mapping[str, Any],
) -> _Shown:
    from migrator.model.files.access_document import access_from_document
    from migrator.render.access import access_markdown, access_text

    access, named = access_from_document(document), short_cluster(arn)
    return _Shown(
        arn,
        document,
        lambda width, *, color: access_text(access, named=named, width=width, color=color),
        lambda: access_markdown(access, named),
    )


def _drifted(
    settings: Settings,
    arn: str,
    document: Mapping[str, Any],
    fleet_file: str,
    accounts: Mapping[str, FleetAccount],
) -> _Shown:
    """With the commands that settle each finding, over the fleet."""
    from migrator.model.files.access_document import drift_from_document, drift_to_document
    from migrator.render.drift import drift_markdown, drift_text, with_changes
    from migrator.render.drift_commands import OwnCommands

    drifted: DriftOutcome = with_changes(drift_from_document(document))
    own = OwnCommands(
        ("fleet", "plan", fleet_file, "--cluster", arn),
        (),
        ("fleet", "retire", fleet_file, "--cluster", arn),
        ("fleet", "access", fleet_file, "--save", "--cluster", arn),
    )
    account_id = drifted.cluster.account_id
    account = accounts.get(account_id) or FleetAccount(account_id)
    lines = settling_lines(settings, drifted, own, account.profile)
    after = command_lines(settings, [own.accept], "", {}) if drifted.findings else []
    named, note = short_cluster(arn), ""
    # The operator's own account is another one, and a name says no account.
    if calls_aws(lines) and not account.profile:
        note = credentials_note(account)
    return _Shown(
        arn,
        drift_to_document(drifted, lines, after),
        lambda width, *, color: below(
            drift_text(drifted, lines, named=named, note=note, width=width, color=color), after
        ),
        lambda: drift_markdown(drifted, lines, after, named, note),
    )
