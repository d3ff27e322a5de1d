"""The end of a command that runs a plan: its outcome on stdout, its error as every other one."""

from migrator.app.settings import Settings
from migrator.cli.terminal import output_of
from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan


def ended(settings: Settings, plan: Plan, outcome: RunOutcome) -> int:
    """Show the outcome; raises what stopped the run, else returns the exit code."""
    from migrator.render.outcome import outcome_document, outcome_text

    output = output_of(settings)
    output.show_effect(
        document=lambda: outcome_document(outcome),
        table=lambda: outcome_text(plan, outcome, width=output.width, color=output.color),
    )
    if outcome.error is not None:
        raise outcome.error
    return outcome.exit_code
