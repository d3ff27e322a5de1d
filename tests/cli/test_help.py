"""Help pages: examples that parse, global options out of the way, names that were mistyped."""

import io
import re
import shlex
import sys

import click
import pytest

from migrator.cli.help_pages import GLOBAL_GROUPS
from migrator.cli.lazy import LazyGroup, MigrateCommand
from migrator.cli.main import HIDDEN, cli, run
from migrator.cli.settings import GLOBAL_NAMES
from tests.support.command_tree import commands, contexts

COMMANDS = commands()
IDS = [ctx.command_path for ctx in COMMANDS]


def _words(example: str) -> list[str]:
    """The words of the one `migrate` in a line for a shell."""
    found = re.search(r"migrate [^|>)]*", example)
    assert found is not None
    return shlex.split(found[0])


@pytest.mark.parametrize("ctx", COMMANDS, ids=IDS)
def test_every_command_has_examples_that_parse(ctx: click.Context) -> None:
    command = ctx.command
    assert isinstance(command, MigrateCommand)
    assert command.examples
    own = ctx.command_path.split()
    page = command.get_help(ctx)
    for example in command.examples:
        assert f"\n  {example}\n" in page + "\n", "it is shown on one line"
        words = _words(example)
        # A command may show how its file is used by another one, but not first.
        at = len(own) if words[: len(own)] == own else 2
        target = command if words[: len(own)] == own else _found(words[1])
        assert example != command.examples[0] or target is command
        parsed = target.make_context(words[at - 1], words[at:], parent=ctx.parent)
        assert parsed.params


def _found(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def test_examples_are_of_commands_that_exist() -> None:
    groups = [ctx.command for ctx in contexts() if isinstance(ctx.command, LazyGroup)]
    assert len(groups) == 3
    for group in groups:
        assert set(group.examples) == {
            name
            for name in group.table
            if isinstance(group.get_command(click.Context(group), name), MigrateCommand)
        }


@pytest.mark.parametrize("ctx", COMMANDS, ids=IDS)
def test_global_options_are_named_on_the_page_and_not_explained(ctx: click.Context) -> None:
    page = ctx.command.get_help(ctx)
    options = page.partition("\nOptions:\n")[2].partition("\nGlobal options")[0]
    assert "  -h, --help " in options
    assert "--assume-role" not in options
    assert "--assume-role" in page


@pytest.mark.parametrize("ctx", COMMANDS, ids=IDS)
def test_help_has_both_names_whoever_asks_first(ctx: click.Context) -> None:
    option = ctx.command.get_help_option(click.Context(ctx.command))
    assert option is not None
    assert option.opts == ["-h", "--help"]


def test_page_of_migrate_explains_every_global_option_once() -> None:
    page = cli.get_help(click.Context(cli))
    named = [name for names in GLOBAL_GROUPS.values() for name in names]
    assert sorted(named) == sorted(GLOBAL_NAMES)
    for name in named:
        assert len(re.findall(rf"^  (-., )?--{name.replace('_', '-')}\b", page, re.M)) == 1


def test_timer_works_and_is_not_listed() -> None:
    assert HIDDEN == ("timer",)
    assert cli.get_command(click.Context(cli), "timer") is not None
    assert "timer" not in cli.get_help(click.Context(cli)).split()


@pytest.mark.parametrize("ctx", COMMANDS, ids=IDS)
def test_help_of_a_command_is_the_page_behind_its_name(
    ctx: click.Context, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ctx.command_path.split()[1:]
    assert run(["help", *words], stderr=sys.stderr) == 0
    page = capsys.readouterr().out
    assert run([*words, "--help"], stderr=sys.stderr) == 0
    assert capsys.readouterr().out == page


def _page_words(ctx: click.Context, width: int) -> list[str]:
    """The words of the page; a line ends between two choices, too."""
    ctx.terminal_width = width
    return re.sub(r"\|\s+", "|", ctx.get_help()).split()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_word_of_a_page_is_cut(width: int) -> None:
    for ctx in (each for each in contexts() if each.info_name not in HIDDEN):
        cut = set(_page_words(ctx, width)) - set(_page_words(ctx, 1_000))
        assert cut == set(), ctx.command_path


def _said(*arguments: str) -> str:
    stderr = io.StringIO()
    assert run(list(arguments), stderr=stderr) == 64
    return stderr.getvalue().splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("plna", "prod"), "migrate plan"),
        (("veryfy", "p.json"), "migrate verify"),
        (("cut-over", "p.json"), "migrate cutover"),
        (("roll-back", "p.json"), "migrate rollback"),
        (("up",), "migrate lab up"),
        (("discover",), "migrate fleet discover"),
        (("fleet", "aply", "f.yaml"), "migrate fleet apply"),
        (("fleet", "doctor"), "migrate doctor"),
        (("lab", "dmeo"), "migrate lab demo"),
        (("help", "plna"), "migrate plan"),
        (("help", "fleet", "aply"), "migrate fleet apply"),
        (("plan", "--outt", "x"), "--out"),
        (("plan", "--snaphsot", "x"), "--snapshot"),
        (("--regin", "x", "plan"), "--region"),
        (("apply", "p.json", "--regoin", "x"), "--region"),
    ],
)
def test_mistyped_name_is_answered_with_what_was_meant(
    arguments: tuple[str, ...], meant: str
) -> None:
    said = _said(*arguments)
    assert re.search(rf"Did you mean {meant}( or [\w -]+)?\?", said), said


@pytest.mark.parametrize("ctx", COMMANDS, ids=IDS)
def test_every_option_is_found_behind_one_wrong_letter(ctx: click.Context) -> None:
    words = ctx.command_path.split()[1:]
    for param in ctx.command.get_params(ctx):
        option = param.opts[-1]
        # A short one has too little to compare.
        if not option.startswith("--") or len(option) < 7:
            continue
        swapped = option[:3] + option[4] + option[3] + option[5:]
        if swapped == option:
            continue
        assert option in _said(*words, swapped)


@pytest.mark.parametrize("ctx", COMMANDS, ids=IDS)
def test_every_command_is_found_behind_one_wrong_letter(ctx: click.Context) -> None:
    *group, name = ctx.command_path.split()[1:]
    if name in HIDDEN or len(name) < 4:
        return
    assert name in _said(*group, f"{name[:-2]}{name[-1]}{name[-2]}x")


def test_name_that_is_like_none_is_answered_without_a_guess() -> None:
    assert _said("xyzzy") == "error: No such command 'xyzzy'. [usage]"


def test_hostile_name_stays_on_its_line() -> None:
    assert "\x1b" not in _said("pl\x1b[2Jan\nfake: line")
