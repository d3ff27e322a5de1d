"""The end of a command over a fleet: its outcome on stdout."""

from migrator.cli.settings import Settings
from migrator.cli.terminal import output_of
from migrator.model.fleet_outcome import FleetOutcome


def fleet_ended(settings: Settings, outcome: FleetOutcome) -> int:
    """Show the outcome; returns the exit code. What is left is on stdout with its reasons, in every format."""
    from migrator.model.files.fleet_records import outcome_to_document
    from migrator.render.fleet_text import fleet_outcome_text

    output = output_of(settings)
    output.show(
        document=lambda: outcome_to_document(outcome),
        table=lambda: fleet_outcome_text(outcome, width=output.width, color=output.color),
    )
    return outcome.exit_code
