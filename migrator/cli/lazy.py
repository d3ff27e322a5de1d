"""Commands that are imported when they are called, so that ``migrate --help`` imports no command.

A group knows its commands from a static table: name -> (module, one-line help). The module has the
command as ``command``; a test holds the one-line helps to the commands' own.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from migrator.app.settings import Settings
from migrator.cli.settings import GLOBAL_NAMES, global_options

Table = Mapping[str, tuple[str, str]]


def settings_of(ctx: click.Context) -> Settings:
    """The global options as they hold for this command."""
    root = ctx.find_object(Settings)
    return root if root is not None else Settings()


class MigrateCommand(click.Command):
    """A command that takes the global options after its name, too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's own arguments
        super().__init__(*args, **kwargs)
        taken = {option for param in self.params for option in param.opts}
        self._global = [option for option in global_options() if not taken & set(option.opts)]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters and the global ones."""
        return [*super().get_params(ctx), *self._global]

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command returns
        """Take the global options out of the parameters and into the settings."""
        own = {param.name for param in self.params}
        given = {
            key: ctx.params.pop(key)
            for key in [*ctx.params]
            if key in GLOBAL_NAMES and key not in own
        }
        ctx.obj = settings_of(ctx).with_given(given)
        if ctx.obj.verbose or ctx.obj.log_file:
            from migrator.cli.logs import set_up_logging

            set_up_logging(ctx.obj)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Own options first, the global ones under a heading of their own."""
        hidden = set(map(id, self._global))
        for title, wanted in (("Options", False), ("Global options", True)):
            records = [
                record
                for param in self.get_params(ctx)
                if isinstance(param, click.Option)
                and (id(param) in hidden) is wanted
                and (record := param.get_help_record(ctx)) is not None
            ]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class LazyGroup(click.Group):
    """A group whose commands come from a table of modules."""

    def __init__(self, *args: Any, table: Table, **kwargs: Any) -> None:  # noqa: ANN401 - click's own arguments
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table, which is the order of a migration."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in self.table:
            return None
        command = importlib.import_module(self.table[cmd_name][0]).command
        if not isinstance(command, click.Command):  # pragma: no cover - a broken table
            raise TypeError(f"{self.table[cmd_name][0]} has no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The one-line helps, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in self.table.items()])
