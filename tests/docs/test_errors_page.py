"""reference/errors.md is generated from the catalogue of errors, and the catalogue has every code
that is raised. ``UPDATE_GOLDEN=1`` writes the page.
"""

import shlex
from pathlib import Path

import click
import pytest

from migrator.cli.lazy import LazyGroup
from migrator.cli.main import cli
from migrator.model.error_catalogue import ERRORS, errors_markdown
from tests.support.error_codes import codes_in_source
from tests.support.golden import assert_golden

PAGE = Path(__file__).parents[2] / "playbooks" / "reference" / "errors.md"
EXAMPLES = sorted(kind.example for kind in ERRORS.values() if kind.example.startswith("migrate "))


def test_errors_page_is_the_catalogue() -> None:
    assert_golden(PAGE, errors_markdown().encode())


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    assert len(codes_in_source()) > 150
    assert {
        code: found.places[0] for code, found in codes_in_source().items() if code not in ERRORS
    } == {}


def test_every_code_of_the_catalogue_is_raised() -> None:
    assert sorted(ERRORS.keys() - codes_in_source().keys()) == []


def test_exit_codes_are_those_of_the_errors_that_are_raised() -> None:
    # The command line itself says `usage` and `interrupted`: those are exits of click.
    wrong = {
        code: (ERRORS[code].exit_codes, sorted(found.exit_codes))
        for code, found in codes_in_source().items()
        if not found.exit_codes - {0} <= set(ERRORS[code].exit_codes)
    }
    assert wrong == {}


def test_every_error_says_what_why_and_what_to_do() -> None:
    for code, kind in ERRORS.items():
        assert code == kind.code
        assert all(text.endswith(".") or "`" in text for text in (kind.what, kind.why)), code
        assert kind.remedy, code
        assert kind.exit_codes, code


@pytest.mark.parametrize("example", EXAMPLES)
def test_command_of_an_example_is_one_that_the_command_line_takes(example: str) -> None:
    """Names of commands and options; files and clusters are made up."""
    assert isinstance(cli, LazyGroup)
    command: click.Command = cli
    context = click.Context(cli, info_name="migrate")
    words = shlex.split(example)[1:]
    known = {option for param in cli.params for option in param.opts}
    for word in words:
        if word.startswith("--"):
            known |= {option for param in command.get_params(context) for option in param.opts}
            assert word in known, word
        elif isinstance(command, click.Group) and word in command.list_commands(context):
            found = command.get_command(context, word)
            assert found is not None
            command, context = found, click.Context(found, info_name=word, parent=context)
    assert not isinstance(command, click.Group) or "--help" in words
