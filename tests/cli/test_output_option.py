"""``-o`` is the format in every command, and a file has no short form."""

import io
import json

import click
import pytest

from migrator.cli.main import run
from tests.support.all_commands import all_commands, options_of

COMMANDS = [*all_commands()]
SHORT = [
    (path, option)
    for path, command in COMMANDS
    for option in options_of(command)
    if "-o" in option.opts
]
WITH_OUTPUT = [path for path, _ in SHORT]


def said(*arguments: str) -> str:
    stderr = io.StringIO()
    assert run(list(arguments), stderr=stderr) == 64
    return stderr.getvalue()


def test_short_form_belongs_to_the_format_alone() -> None:
    assert len(SHORT) > 25
    assert [path for path, option in SHORT if "--output" not in option.opts] == []


def test_format_has_the_short_form_wherever_it_exists() -> None:
    formats = [
        path
        for path, command in COMMANDS
        for option in options_of(command)
        if "--output" in option.opts
    ]
    assert formats == WITH_OUTPUT


def test_no_file_has_a_short_form() -> None:
    short = [
        (path, option.opts)
        for path, command in COMMANDS
        for option in options_of(command)
        if option.metavar in ("FILE", "FOLDER", "DIR") and len(min(option.opts, key=len)) == 2
    ]
    assert short == []


@pytest.mark.parametrize("path", WITH_OUTPUT, ids=" ".join)
@pytest.mark.parametrize("file", ["plan.json", "./plan", "-", "out/"])
def test_file_given_to_it_names_the_option_for_files(path: tuple[str, ...], file: str) -> None:
    text = said(*path, "-o", file)
    assert "[output-is-format]" in text
    assert "a file is --out FILE" in text
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "terraform", "plan.json", "-o", "code"),
        ("plan", "prod", "-oplan"),
        ("-o", "plan.json", "plan", "prod"),
    ],
)
def test_old_use_is_named_wherever_it_stands(arguments: tuple[str, ...]) -> None:
    assert "[output-is-format]" in said(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [("plan", "prod", "-o", "jsn"), ("show", "plan.json", "-o", "xml"), ("-o", "jason", "plan")],
)
def test_misspelt_format_is_a_wrong_choice(arguments: tuple[str, ...]) -> None:
    text = said(*arguments)
    assert "[usage]" in text
    assert "json" in text


def test_remedy_is_to_redirect_where_a_command_writes_no_file() -> None:
    assert "> FILE" in said("status", "prod", "-o", "status.json")
    assert "Write --out plan.json" in said("plan", "prod", "-o", "plan.json")


def test_short_form_chooses_the_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "plan-blocked", "-o", "json"], stderr=io.StringIO()) == 0
    assert json.loads(capsys.readouterr().out)[0]["code"] == "plan-blocked"


def test_walk_of_the_tests_finds_every_command() -> None:
    names = {path for path, _ in COMMANDS}
    assert {("plan",), ("fleet", "plan"), ("lab", "up")} <= names
    assert all(isinstance(command, click.Command) for _, command in COMMANDS)
