"""Commands that are imported when they are called, so that ``migrate --help`` imports no command.

A group knows its commands from a static table: name -> (module, one-line help). The module has the
command as ``command``; a test holds the one-line helps to the commands' own.
"""

import importlib
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from migrator.app.settings import Settings
from migrator.cli.completed import NO_NAME, complete_values
from migrator.cli.examples import Examples
from migrator.cli.help_pages import Context, write_examples, write_options
from migrator.cli.log_lines import THIS
from migrator.cli.program_name import renamed
from migrator.cli.setting_names import ON_COMMAND_LINE_ONLY, Called, long_name, variables_of
from migrator.cli.settings import DATA_FORMATS, GLOBAL_NAMES, global_options

Table = Mapping[str, tuple[str, str]]


def settings_of(ctx: click.Context) -> Settings:
    """The global options as they hold for this command."""
    root = ctx.find_object(Settings)
    return root if root is not None else Settings()


class OutputFile(click.Path):
    """A file that the command writes; ``-`` is standard output. Whether it can be written is known
    before anything is sent.
    """

    def __init__(self) -> None:
        super().__init__(readable=False, allow_dash=True)

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's own
        """The path as it was given. An empty one is refused."""
        if value == "":
            self.fail(NO_NAME, param, ctx)
        return super().convert(value, param, ctx)


class HelpByTwoNames(click.Command):
    """``-h`` and ``--help``, whoever asks first: click keeps the option that it made for the first
    context, and one of a context without the settings of ``migrate`` would have ``--help`` alone.
    """

    context_class = Context

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Both, in the order of a help page."""
        return ["-h", "--help"]


class MigrateCommand(HelpByTwoNames):
    """A command that takes the global options after its name, too.

    ``formats``: those in which it can give its data on stdout, empty where it gives none or always
    one form.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own arguments
        formats: tuple[str, ...] = DATA_FORMATS,
        **kwargs: Any,  # noqa: ANN401 - click's own arguments
    ) -> None:
        super().__init__(*args, **kwargs)
        self.formats = formats
        self.examples: tuple[str, ...] = ()  # set by the group that has the command
        self.words: tuple[str, ...] = ()  # of the command line, after migrate
        taken = {option for param in self.params for option in param.opts}
        self._global = [
            option for option in global_options(formats) if not taken & set(option.opts)
        ]
        complete_values([*self.params, *self._global])

    def options(self) -> list[click.Option]:
        """The command's own options and the global ones, without the one for help, which click
        makes for the context that asks first.
        """
        every = (*self.params, *self._global)
        return [each for each in every if isinstance(each, click.Option)]

    def called(self, *words: str) -> None:
        """Give each option its environment variables: ``words`` are those of the command."""
        self.words = words
        general = {name.replace("_", "-") for name in GLOBAL_NAMES}
        for option in self.options():
            name = long_name(option)
            if name not in ON_COMMAND_LINE_ONLY:
                option.envvar = variables_of(words, name, everywhere=name in general)

    def call(self) -> Called:
        """The command with its words and options."""
        return Called(self, self.words, tuple(self.options()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with what the environment and ``migrate.yaml`` give for those that are
        left out.
        """
        from migrator.cli.given_elsewhere import defaults_beside_plan, wrong_setting

        if not ctx.resilient_parsing:
            ctx.default_map = defaults_beside_plan(self.call(), ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            raise wrong_setting(error, ctx) or error from error

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters and the global ones."""
        return [*super().get_params(ctx), *self._global]

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever the command returns
        """Take the global options out of the parameters and into the settings."""
        own = {param.name for param in self.params}
        outputs = self._output_files(ctx)
        given = {
            key: ctx.params.pop(key)
            for key in [*ctx.params]
            if key in GLOBAL_NAMES and key not in own
        }
        ctx.obj = settings_of(ctx).with_given(
            {key: value for key, value in given.items() if not _given_before(ctx, key)}
        )
        THIS.is_json = ctx.obj.log_format == "json"
        THIS.command = " ".join(self.words)
        THIS.cluster = ctx.params.get("cluster")
        self._check_outputs(ctx, outputs)
        if ctx.obj.verbose or ctx.obj.log_file:
            from migrator.cli.logs import set_up_logging

            set_up_logging(ctx.obj)
        if self.words:
            from migrator.cli.given_elsewhere import say_settings

            ctx.obj = say_settings(self.call(), ctx, ctx.obj)
        return super().invoke(ctx)

    def _output_files(self, ctx: click.Context) -> list[str]:
        """The files that the command was asked to write."""
        named = (
            ctx.params.get(param.name or "")
            for param in self.params
            if isinstance(param.type, OutputFile)
        )
        return [path for path in named if path]

    def _check_outputs(self, ctx: click.Context, files: list[str]) -> None:
        """Formats, standard output and files: whatever is wrong with them is said before the
        command begins.
        """
        from migrator.app.preflight import refuse_unwritable_file, refuse_unwritable_stdout

        # A format before the command's name was judged without knowing the command.
        before = ctx.find_root().params.get("output")
        if before and self.formats and before not in self.formats:
            raise click.UsageError(
                f"{ctx.command_path} has no {before} output: use {', '.join(self.formats)}.", ctx
            )
        for path in files:
            if path != "-":
                refuse_unwritable_file(path)
        # Python sets sys.stdout to None where descriptor 1 was closed when it began.
        if sys.stdout is None:
            refuse_unwritable_stdout(None)
        with suppress(OSError, ValueError):  # a stream in memory has no descriptor
            refuse_unwritable_stdout(sys.stdout.fileno())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options; of the global ones the names."""
        write_options(ctx, formatter, super().get_params(ctx), self._global)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, above whatever ends the page."""
        if self.examples:
            write_examples(formatter, [renamed(each, ctx) for each in self.examples])
        super().format_epilog(ctx, formatter)


def _given_before(ctx: click.Context, name: str) -> bool:
    """Whether a global option stands before the command's name, and not after it: then it comes
    before the environment and ``migrate.yaml``.
    """
    command_line = ParameterSource.COMMANDLINE
    before = ctx.find_root().get_parameter_source(name)
    return before is command_line and ctx.get_parameter_source(name) is not command_line


class LazyGroup(HelpByTwoNames, click.Group):
    """A group whose commands come from a table of modules. ``examples`` are for their help pages;
    those in ``hidden`` work and are not listed. ``words``: of the command line, after migrate.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own arguments
        table: Table,
        examples: Examples,
        hidden: Collection[str] = (),
        words: tuple[str, ...] = (),
        **kwargs: Any,  # noqa: ANN401 - click's own arguments
    ) -> None:
        super().__init__(*args, **kwargs)
        self.table = table
        self.examples = examples
        # The commands that are shown, with their one-line helps: nothing is imported for them.
        self.listed = {name: short for name, (_, short) in table.items()}
        for name in hidden:
            self.listed.pop(name, None)
        complete_values(self.params)
        self.words = words

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table, which is the order of a migration."""
        return list(self.listed)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in self.table:
            return None
        command = importlib.import_module(self.table[cmd_name][0]).command
        if not isinstance(command, click.Command):  # pragma: no cover - a broken table
            raise TypeError(f"{self.table[cmd_name][0]} has no command")
        if isinstance(command, MigrateCommand):
            command.examples = self.examples.get(cmd_name, ())
            command.called(*self.words, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words name. Raises a usage error with what was probably meant."""
        name = args[0]
        if name not in self.table and not ctx.resilient_parsing:
            from migrator.cli.suggestions import no_such_command

            raise no_such_command(ctx, self, name)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without importing them; options after a hyphen."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        found: list[CompletionItem] = []
        for name, short in self.listed.items():
            if name.startswith(incomplete):
                found.append(CompletionItem(name, help=short))
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The one-line helps, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([*self.listed.items()])
