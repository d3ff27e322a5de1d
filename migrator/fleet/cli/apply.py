"""``migrate fleet apply``: the plans of a fleet, wave by wave."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import decisions_option, yes_option
from migrator.fleet.cli.options import fleet_argument, run_options, wave_options


@click.command(
    "apply", cls=MigrateCommand, short_help="Make the access entries of the plans, wave by wave."
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
@click.option(
    "--keep-going",
    is_flag=True,
    help="A principal whose proof fails does not stop its cluster's others.",
)
@decisions_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Apply the plans that `migrate fleet plan` put into the state, wave by wave: a canary first.

    When more clusters of a wave fail than may, no further one is started, and those under way are
    finished. The same command continues from there; clusters that are done are not done
    again.
    """
    from migrator.app.apply import ApplyRequest
    from migrator.fleet.cli.on_plans import on_plans

    return on_plans(settings_of(ctx), given, "apply", ApplyRequest)
