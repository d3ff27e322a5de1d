"""``migrate fleet access``: who can log in to every cluster now."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import save_option
from migrator.cli.settings import ALL_FORMATS
from migrator.fleet.cli.options import fleet_argument, read_options


@click.command(
    "access",
    cls=MigrateCommand,
    formats=ALL_FORMATS,
    short_help="Who can log in to every cluster now, and by what.",
)
@fleet_argument
@read_options
@save_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Show who can log in to each cluster of FLEET now, as `migrate access` does for one.

    No cluster is changed. The whole documents are in --output json. A cluster that does not answer
    is listed with the reason, and the exit code is 8 then.
    """
    from migrator.fleet.cli.audit import audit

    return audit(settings_of(ctx), given, "access")
