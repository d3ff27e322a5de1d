"""``migrate fleet cutover``: the switch to access entries only, wave by wave, by this process
alone.
"""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import canary_options, decisions_option
from migrator.fleet.cli.options import fleet_argument, run_options, wave_options
from migrator.fleet.model.fleet import Command


@click.command(
    "cutover",
    cls=MigrateCommand,
    short_help="Switch to access entries only, wave by wave. One-way.",
)
@fleet_argument
@run_options
@wave_options
@click.option("--confirm", metavar="FLEET", help="The fleet's name, for runs without a terminal.")
@click.option(
    "--gates",
    "gates_only",
    is_flag=True,
    help="Judge the gates of every cluster, and switch nothing.",
)
@canary_options
@decisions_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Switch the clusters of FLEET to API mode, wave by wave: aws-auth is not asked any more. There
    is no way back.

    Each cluster has to pass all of its gates. Unless the fleet file says otherwise no cluster may
    fail, and so one is switched at a time. Only this process switches clusters, whatever executor
    does the rest.
    """
    from migrator.app.cut_over import CutOverRequest
    from migrator.fleet.cli.on_plans import on_plans

    # The gates alone are a command of their own in the record of the fleet.
    name: Command = "gates" if given["gates_only"] else "cutover"
    return on_plans(settings_of(ctx), given, name, CutOverRequest)
