"""A command to copy does what the one before it was asked to do, no more and no less."""

import shlex

from migrator.app.settings import Settings
from migrator.cli.commands_to_copy import command_lines, options_again
from migrator.render.commands_to_settle import PLAN

GIVEN = {
    "only": ("arn:a", "arn:b c"),
    "become": (),
    "decisions": "d e.yaml",
    "max_rate": None,
    "keep_going": True,
    "yes": True,
}


def lines(*commands: tuple[str, ...], **more: tuple[str, ...]) -> list[list[str]]:
    found = command_lines(Settings(region="eu-central-1"), commands, "my plan.json", more)
    return [shlex.split(line) for line in found]


def test_options_are_those_that_were_given_and_are_named() -> None:
    found = options_again(
        GIVEN,
        only="--only",
        become="--as",
        decisions="--decisions",
        max_rate="--max-rate",
        keep_going="--keep-going",
    )
    assert found == (
        "--only",
        "arn:a",
        "--only",
        "arn:b c",
        "--decisions",
        "d e.yaml",
        "--keep-going",
    )


def test_command_keeps_the_principals_that_were_asked_for() -> None:
    (line,) = lines(("apply", PLAN), apply=("--only", "arn:b c"))
    assert line[:5] == ["migrate", "apply", "my plan.json", "--only", "arn:b c"]
    assert line[5:] == ["--region", "eu-central-1"]


def test_command_gets_no_option_of_another_one() -> None:
    (line,) = lines(("rollback", PLAN), apply=("--decisions", "d.yaml"))
    assert "--decisions" not in line


def test_removal_of_leftovers_takes_no_option_of_a_plan() -> None:
    (line,) = lines(("rollback", PLAN, "--leftovers"), rollback=("--only", "arn:a"))
    assert line[:4] == ["migrate", "rollback", "my plan.json", "--leftovers"]
    assert "--only" not in line
