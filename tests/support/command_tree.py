"""Every command of the program, with the words that lead to it. A command keeps the help option of
the first context that it is shown in, so that tests take contexts from here.
"""

from collections.abc import Iterator

import click

from migrator.cli.lazy import LazyGroup
from migrator.cli.main import cli


def contexts() -> Iterator[click.Context]:
    """A context for ``migrate``, and for each group and command in the order of its table."""
    yield from _below(cli.context_class(cli, info_name="migrate", **cli.context_settings))


def _below(ctx: click.Context) -> Iterator[click.Context]:
    yield ctx
    if isinstance(ctx.command, LazyGroup):
        for name in ctx.command.table:
            command = ctx.command.get_command(ctx, name)
            assert command is not None
            yield from _below(command.context_class(command, info_name=name, parent=ctx))


def commands() -> list[click.Context]:
    """Those that are no group."""
    return [ctx for ctx in contexts() if not isinstance(ctx.command, click.Group)]
