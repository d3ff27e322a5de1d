"""``migrate fleet rehearse``: API mode on trial on every cluster, wave by wave."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import decisions_option, image_option, length_option, yes_option
from migrator.fleet.cli.options import fleet_argument, run_options, wave_options


@click.command(
    "rehearse",
    cls=MigrateCommand,
    short_help="Try API mode on every cluster, reversibly, wave by wave.",
)
@fleet_argument
@run_options
@wave_options
@length_option
@image_option(required=True)
@yes_option
@decisions_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Blank aws-auth on each cluster of FLEET, watch, and put it back, as `migrate rehearse` does
    on one.

    --concurrency clusters are rehearsed concurrently; each of them mostly waits. Ctrl-C puts every
    map back within seconds and ends; the same command continues. Clusters that passed
    within the last week are not rehearsed again, unless the plan changed.
    """
    from migrator.app.rehearse import RehearseRequest
    from migrator.fleet.cli.on_plans import on_plans

    return on_plans(settings_of(ctx), given, "rehearse", RehearseRequest)
