"""``migrate help``: the page of a command, as ``--help`` behind it shows it."""

import click

from migrator.cli.lazy import MigrateCommand
from migrator.cli.pages import page_of


@click.command("help", cls=MigrateCommand, formats=(), short_help="The help page of a command.")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def command(ctx: click.Context, /, words: tuple[str, ...]) -> None:
    """Show the help page of COMMAND, as COMMAND --help does; without one, the page of migrate."""
    page = ctx.find_root()
    for word in words:
        page = page_of(page, word)
    click.echo(page.get_help())
