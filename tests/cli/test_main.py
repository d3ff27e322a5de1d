"""The command line as a whole: help, usage, errors in three lines, exit codes."""

import importlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from migrator import errors
from migrator.cli import exit_codes
from migrator.cli.lazy import LazyGroup
from migrator.cli.main import COMMANDS, HIDDEN, cli, run
from tests.support.command_tree import commands, contexts


@pytest.fixture
def stderr() -> io.StringIO:
    return io.StringIO()


def _leaves(group: LazyGroup) -> Iterator[tuple[str, str, click.Command]]:
    for name, (module, short) in group.table.items():
        command = importlib.import_module(module).command
        yield name, short, command
        if isinstance(command, LazyGroup):
            yield from _leaves(command)


def test_every_command_of_the_table_exists_with_that_name_and_help() -> None:
    assert isinstance(cli, LazyGroup)
    found = list(_leaves(cli))
    assert len(found) > len(COMMANDS)
    for name, short, command in found:
        assert command.name == name
        assert command.get_short_help_str(limit=200).rstrip(".") == short.rstrip(".")


@pytest.mark.parametrize("ctx", [*contexts()], ids=lambda ctx: str(ctx.command_path))
def test_every_command_shows_its_help(ctx: click.Context) -> None:
    text = ctx.command.get_help(ctx)
    assert text.startswith("Usage:")
    assert not re.search(r"^  \[?[A-Z|]+\]?$", text, re.M), (
        "arguments are in the usage line, not among the options"
    )


@pytest.mark.parametrize("ctx", commands(), ids=lambda ctx: str(ctx.command_path))
def test_every_command_but_groups_takes_the_global_options_after_its_name(
    ctx: click.Context,
) -> None:
    options = {option for param in ctx.command.get_params(ctx) for option in param.opts}
    assert {"--profile", "--region", "--state-dir", "--traceback"} <= options


def test_the_help_page_lists_all_commands_and_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--help"], stderr=sys.stderr) == 0
    text = capsys.readouterr().out
    for name, (_, short) in COMMANDS.items():
        shown = re.search(rf"^  {name} +{re.escape(short)}$", text, re.M)
        assert (shown is None) is (name in HIDDEN)
    for code, meaning in exit_codes.MEANING.items():
        assert f"{code:>4}  {meaning}" in text


def test_every_error_class_has_an_exit_code_of_the_table() -> None:
    classes = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Exception)
    ]
    assert len(classes) >= 8
    assert {each.exit_code for each in classes if issubclass(each, errors.MigratorError)} <= set(
        exit_codes.MEANING
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["--no-such-option"],
        ["plan"],
        ["plan", "prod", "--snapshot", "x.json"],
        ["plan", "--config-map", "x.yaml"],
        ["plan", "prod", "--strategy", "guess"],
        ["show"],
        ["explain", "plan.json"],
        ["generate", "fortran", "plan.json", "--out", "x"],
        ["--output", "xml", "plan", "prod"],
    ],
)
def test_wrong_usage_is_64_and_says_where_help_is(
    arguments: list[str], stderr: io.StringIO
) -> None:
    assert run(arguments, stderr=stderr) == 64
    text = stderr.getvalue()
    assert text.startswith("error: ")
    assert "[usage]" in text
    assert "--help" in text


def test_no_arguments_say_in_ten_lines_on_stdout_where_to_start(
    stderr: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([], stderr=stderr) == 0
    assert stderr.getvalue() == ""
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 10
    commands = re.findall(r"^  migrate (\w+)", text, re.M)
    assert commands[0] == "lab"
    assert set(commands) <= set(COMMANDS)


def test_options_without_a_command_are_wrong_usage(stderr: io.StringIO) -> None:
    assert run(["--region", "eu-central-1"], stderr=stderr) == 64
    assert "Missing command." in stderr.getvalue()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """A command that raises what the test puts into the list."""
    raised: list[BaseException] = []

    @click.command("fail")
    def command() -> None:
        raise raised[0]

    assert isinstance(cli, LazyGroup)
    module = type(sys)("failing_command")
    vars(module)["command"] = command
    monkeypatch.setitem(sys.modules, "failing_command", module)
    monkeypatch.setattr(cli, "table", {"fail": ("failing_command", "Fails.")})
    yield raised


@pytest.mark.parametrize(
    "error",
    [
        errors.Failed("a-code", "what", why="because", remedy="do that"),
        errors.Blocked("a-code", "what", why="because", remedy="do that"),
        errors.Refused("a-code", "what", why="because", remedy="do that"),
        errors.Changed("a-code", "what", why="because", remedy="do that"),
        errors.Unproven("a-code", "what", why="because", remedy="do that"),
        errors.Interrupted("a-code", "what", why="because", remedy="do that"),
        errors.FleetIncomplete("a-code", "what", why="because", remedy="do that"),
        errors.WrongUse("a-code", "what", why="because", remedy="do that"),
    ],
)
def test_an_error_is_three_lines_and_its_exit_code(
    failing: list[BaseException], error: errors.MigratorError, stderr: io.StringIO
) -> None:
    failing.append(error)
    assert run(["fail"], stderr=stderr) == error.exit_code
    assert stderr.getvalue() == "error: what [a-code]\nwhy:   because\ndo:    do that\n"


def test_an_interrupt_is_7_and_says_that_it_can_go_on(
    failing: list[BaseException], stderr: io.StringIO
) -> None:
    failing.append(KeyboardInterrupt())
    assert run(["fail"], stderr=stderr) == 7
    assert "continues from here" in stderr.getvalue()


def test_an_unexpected_error_is_1_and_says_how_to_get_the_traceback(
    failing: list[BaseException], stderr: io.StringIO
) -> None:
    failing.append(ZeroDivisionError("division by zero"))
    assert run(["fail"], stderr=stderr) == 1
    text = stderr.getvalue()
    assert "ZeroDivisionError: division by zero" in text
    assert "--traceback" in text
    assert "Traceback" not in text


def test_traceback_shows_it(failing: list[BaseException], stderr: io.StringIO) -> None:
    failing.append(ZeroDivisionError("division by zero"))
    assert run(["--traceback", "fail"], stderr=stderr) == 1
    assert stderr.getvalue().startswith("Traceback")


def test_foreign_text_in_an_error_stays_on_its_line(
    failing: list[BaseException], stderr: io.StringIO
) -> None:
    failing.append(errors.Failed("a-code", "\x1b[2Jwhat\nfake: line\u202e", why="x" * 5000))
    run(["fail"], stderr=stderr)
    lines = stderr.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0] == "error: \\x1b[2Jwhat\\nfake: line\\u202e [a-code]"
    assert len(lines[1]) < 500


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    script = "import sys; from migrator.cli.main import main; main(['--help'])"
    run_ = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "{script}" | true; echo ${{PIPESTATUS[0]}}'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in run_.stderr
    assert "BrokenPipe" not in run_.stderr


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version"], ["version"]):
        assert run(arguments, stderr=sys.stderr) == 0
        assert re.fullmatch(r"migrate \d+\.\d+\.\d+\n", capsys.readouterr().out)
