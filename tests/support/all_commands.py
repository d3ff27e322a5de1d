"""Every command of ``migrate``, for tests that are tables over all of them."""

from collections.abc import Iterator

import click

from migrator.cli.lazy import LazyGroup, MigrateCommand
from migrator.cli.main import cli

Path = tuple[str, ...]


def all_commands() -> Iterator[tuple[Path, click.Command]]:
    """``(words after migrate, command)`` of each command that is no group."""
    assert isinstance(cli, LazyGroup)
    yield from _below(cli, ())


def _below(group: LazyGroup, path: Path) -> Iterator[tuple[Path, click.Command]]:
    for name in group.table:
        command = group.get_command(click.Context(group), name)
        if isinstance(command, LazyGroup):
            yield from _below(command, (*path, name))
        elif command is not None:
            yield (*path, name), command


def options_of(command: click.Command) -> list[click.Option]:
    """The command's own options and the global ones that it takes."""
    assert isinstance(command, MigrateCommand)
    return command.options()
