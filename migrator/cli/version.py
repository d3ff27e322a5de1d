"""``migrate version``: the same line as ``migrate --version``."""

import click

from migrator import __version__
from migrator.cli.lazy import MigrateCommand


@click.command("version", cls=MigrateCommand, formats=(), short_help="Print the version.")
def command() -> None:
    """Print the version of this program."""
    click.echo(f"migrate {__version__}")
