"""The end of a command over a fleet: its outcome on stdout."""

from collections.abc import Mapping
from typing import Any

from migrator.app.settings import Settings
from migrator.cli.commands_to_copy import below
from migrator.cli.terminal import output_of
from migrator.fleet.model.outcome import FleetOutcome


def fleet_ended(settings: Settings, outcome: FleetOutcome, given: Mapping[str, Any]) -> int:
    """Show the outcome; returns the exit code. What is left is on stdout with its reasons, and with
    the commands that go further, in every format. ``given``: the options, which they keep.
    """
    from migrator.fleet.cli.commands_to_copy import lines_of_outcome
    from migrator.fleet.model.files.records import outcome_to_document
    from migrator.fleet.render.text import fleet_outcome_text

    output = output_of(settings)
    do = lines_of_outcome(settings, outcome, given)

    def table() -> str:
        return below(fleet_outcome_text(outcome, width=output.width, color=output.color), do)

    output.show_effect(
        document=lambda: {**outcome_to_document(outcome), "commands": do}, table=table
    )
    return outcome.exit_code
