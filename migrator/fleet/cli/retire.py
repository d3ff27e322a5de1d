"""``migrate fleet retire``: delete the inert aws-auth of clusters that were cut over."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import yes_option
from migrator.fleet.cli.options import fleet_argument, run_options, wave_options


@click.command(
    "retire",
    cls=MigrateCommand,
    short_help="Delete the inert aws-auth after the cut-over, wave by wave.",
)
@fleet_argument
@run_options
@wave_options
@yes_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Back up and delete the ConfigMap aws-auth of each cluster, wave by wave.

    A cluster that still reads aws-auth is refused, as `migrate retire` refuses it. Only this
    process deletes, whatever executor was named.
    """
    from migrator.app.retire import RetireRequest
    from migrator.fleet.cli.on_plans import on_plans

    return on_plans(settings_of(ctx), given, "retire", RetireRequest)
