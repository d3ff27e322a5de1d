"""``migrate fleet rollback``: until the cut-over, what the plans of a fleet made is undone."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import yes_option
from migrator.fleet.cli.options import fleet_argument, run_options, wave_options


@click.command(
    "rollback",
    cls=MigrateCommand,
    short_help="Until the cut-over: back to what was there, wave by wave.",
)
@fleet_argument
@run_options
@wave_options
@yes_option
@click.option(
    "--max-rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Writes a second, each.",
)
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Undo what runs of the plans in the state made, and restore what they changed, wave by wave.

    Each cluster is rolled back as `migrate rollback` does it: no entry is deleted before aws-auth
    gives its principal what it had. Entries that EKS made stay, and so does the mode. A cluster
    that was cut over is refused. `--cluster ARN` rolls back one cluster.
    """
    from migrator.app.roll_back import RollBackRequest
    from migrator.fleet.cli.on_plans import on_plans

    return on_plans(settings_of(ctx), given, "rollback", RollBackRequest)
