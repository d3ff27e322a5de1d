"""Usage errors are one line of plain words."""

import io

import click
import pytest

from migrator.cli.main import cli, run
from tests.support.all_commands import all_commands


def usage(*arguments: str) -> str:
    stderr = io.StringIO()
    assert run(list(arguments), stderr=stderr) == 64
    return stderr.getvalue()


def test_missing_choice_is_said_on_one_line() -> None:
    said = usage("generate")
    assert "\\n" not in said
    assert "\\t" not in said
    assert "Choose from: terraform, terraform-aws-modules, " in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("apply", "p.json", "--max-rate", "0"), "0 is not more than 0."),
        (("apply", "p.json", "--max-rate", "-1.5"), "-1.5 is not more than 0."),
        (("fleet", "apply", "f.yaml", "--worker-wait", "0"), "0 is not at least 1 seconds."),
        (("verify", "p.json", "--max-probes", "501"), "501 is not at least 1 and at most 500."),
    ],
)
def test_range_is_said_in_words_without_floats(arguments: tuple[str, ...], words: str) -> None:
    said = usage(*arguments)
    assert words in said
    assert "x>" not in said
    assert "x<" not in said


RANGES = [
    (path, param.opts[0])
    for path, command in all_commands()
    for param in command.params
    if isinstance(param.type, click.IntRange | click.FloatRange) and param.opts[0][0] == "-"
]


@pytest.mark.parametrize(("path", "option"), RANGES)
def test_every_number_with_a_range_says_it_in_words(path: tuple[str, ...], option: str) -> None:
    said = usage(*path, option, "-7")
    assert "-7 is not " in said
    assert "x>" not in said
    assert ".0 " not in said


@pytest.mark.parametrize("group", ["fleet", "lab"])
def test_global_option_between_group_and_command_is_told_its_places(group: str) -> None:
    options = [param for param in cli.params if isinstance(param, click.Option)]
    assert len(options) > 10
    for option in options:
        name = option.opts[-1]
        if name in ("--help", "--version"):
            continue
        said = usage(group, name, "x", "status")
        assert f"'{name}' is given before '{group}', or behind the command" in said
    assert "No such option '--nothing'" in usage(group, "--nothing")
