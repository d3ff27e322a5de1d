"""``migrate version``: the same line as ``migrate --version``."""

import click

from migrator import __version__
from migrator.cli.lazy import MigrateCommand
from migrator.cli.program_name import shown_name


def show_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    """The option ``--version``: one line, and nothing else is done."""
    if asked and not ctx.resilient_parsing:
        click.echo(f"{shown_name(ctx)} {__version__}")
        ctx.exit()


@click.command("version", cls=MigrateCommand, formats=(), short_help="Print the version.")
@click.pass_context
def command(ctx: click.Context, /) -> None:
    """Print the version of this program."""
    click.echo(f"{shown_name(ctx)} {__version__}")
