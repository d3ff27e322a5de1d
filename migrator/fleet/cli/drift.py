"""``migrate fleet drift``: what changed in every cluster since its migration."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.settings import ALL_FORMATS
from migrator.fleet.cli.options import fleet_argument, read_options


@click.command(
    "drift",
    cls=MigrateCommand,
    formats=ALL_FORMATS,
    short_help="What changed in every cluster since its migration.",
)
@fleet_argument
@read_options
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit code 2 where anything changed, instead of 0."
)
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Show what changed in each cluster of FLEET, as `migrate drift CLUSTER` does for one: since
    its access was saved, else since its plan was carried out.

    No cluster is changed. A cluster that does not answer, or of which something is unknown, is
    listed with the reason, and the exit code is 8 then.
    """
    from migrator.fleet.cli.audit import audit

    return audit(settings_of(ctx), given, "drift")
