"""``migrate fleet verify``: access proven on every cluster of a fleet."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import canary_options, decisions_option
from migrator.fleet.cli.options import fleet_argument, run_options


@click.command("verify", cls=MigrateCommand, short_help="Prove access on every cluster.")
@fleet_argument
@run_options
@click.option("--baseline", is_flag=True, help="Take what is before apply, and judge nothing.")
@click.option(
    "--max-probes",
    "probes",
    type=click.IntRange(1, 500),
    default=30,
    show_default=True,
    help="Chosen per principal.",
)
@canary_options
@decisions_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Log in as each principal of each plan, and ask what it may do. Nothing is changed, unless
    --canary-pods allows a small pod for each Fargate role, which is removed again.

    Evidence goes into each cluster's folder, where the cut-over looks for it.
    """
    from migrator.app.verify import VerifyRequest
    from migrator.fleet.cli.on_plans import on_plans

    return on_plans(settings_of(ctx), given, "verify", VerifyRequest)
