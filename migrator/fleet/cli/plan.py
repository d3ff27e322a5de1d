"""``migrate fleet plan``: every cluster planned, each into its own folder of the state."""

import sys
from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import decisions_option
from migrator.cli.settings import OutputFormat
from migrator.cli.streams import erase_status
from migrator.fleet.cli.options import fleet_argument, run_options

OUTPUTS = ("table", "json", "jsonl", "yaml")


@click.command("plan", cls=MigrateCommand, short_help="Plan every cluster: the dry run.")
@fleet_argument
@run_options
@decisions_option
@click.option(
    "--strategy", default="preserve", show_default=True, type=click.Choice(["preserve", "policies"])
)
@click.option(
    "--target", default="API", show_default=True, type=click.Choice(["API", "API_AND_CONFIG_MAP"])
)
@click.option(
    "-o",
    "--output",
    "form",
    type=OutputFormat(OUTPUTS),
    metavar="FORMAT",
    help=f"Format on stdout: {', '.join(OUTPUTS)}; jsonl: one job a cluster. [table]",
)
@click.pass_context
def command(ctx: click.Context, /, fleet_file: str, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Discover the clusters of FLEET, read each one and plan it. No cluster is changed.

    Snapshot, plan and answers of each cluster go into its folder of the state. --output jsonl
    prints a line for each planned cluster, in the order of the waves, ready as a matrix for GitHub
    Actions or an AWS Step Functions Distributed Map; it is kept in the state as
    fleet/NAME/matrix.jsonl, too.
    """
    from migrator.fleet.app.asked import Asked
    from migrator.fleet.app.plan import FleetPlanRequest, plan_fleet
    from migrator.fleet.cli.files import read_fleet, read_fleet_decisions
    from migrator.fleet.cli.operator import fleet_operator_of
    from migrator.fleet.cli.print_outcome import fleet_ended

    form = given["form"] or settings_of(ctx).output
    settings = settings_of(ctx).with_given({"output": "json" if form == "jsonl" else form})
    asked = Asked.of(given)
    request = FleetPlanRequest(
        file=read_fleet(fleet_file),
        asked=asked,
        decisions=read_fleet_decisions(given["decisions"]),
        strategy=given["strategy"],
        target=given["target"],
    )
    planned = plan_fleet(request, fleet_operator_of(settings))
    if form != "jsonl":
        return fleet_ended(settings, planned.outcome, {**given, "fleet_file": fleet_file})
    erase_status()
    sys.stdout.buffer.write(planned.matrix)
    sys.stdout.flush()
    return planned.outcome.exit_code
