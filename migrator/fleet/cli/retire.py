"""``migrate fleet retire``: delete the inert aws-auth of clusters that were cut over."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import yes_option
from migrator.fleet.cli.options import fleet_argument, run_options, wave_options

QUESTION = (
    "Delete aws-auth in {clusters} clusters of fleet {fleet}? "
    "A backup of each is kept in the state."
)


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
def command(ctx: click.Context, /, fleet_file: str, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Back up and delete the ConfigMap aws-auth of each cluster, wave by wave.

    A cluster that still reads aws-auth is refused, as `migrate retire` refuses it. Only this
    process deletes, whatever executor was named.
    """
    from migrator.fleet.cli.run import RunOfPlans, run_plans

    what = RunOfPlans(
        "retire",
        "retire_cluster",
        {},
        QUESTION,
        in_coordinator=True,
        holds=lambda facts, _: facts.retired,
    )
    return run_plans(settings_of(ctx), fleet_file, given, what)
