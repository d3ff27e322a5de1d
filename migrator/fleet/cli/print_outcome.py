"""The end of a command over a fleet: its outcome on stdout."""

from migrator.app.settings import Settings
from migrator.cli.terminal import output_of
from migrator.fleet.model.outcome import FleetOutcome


def fleet_ended(settings: Settings, outcome: FleetOutcome) -> int:
    """Show the outcome; returns the exit code. What is left is on stdout with its reasons, in every
    format.
    """
    from migrator.fleet.model.files.records import outcome_to_document
    from migrator.fleet.render.text import fleet_outcome_text

    output = output_of(settings)
    output.show_effect(
        document=lambda: outcome_to_document(outcome),
        table=lambda: fleet_outcome_text(outcome, width=output.width, color=output.color),
    )
    return outcome.exit_code
