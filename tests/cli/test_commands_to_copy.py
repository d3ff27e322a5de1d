"""A command to copy does what the one before it was asked to do, no more and no less."""

import shlex
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.app.settings import Settings
from migrator.cli.commands_to_copy import below, command_lines, options_again, where_planned
from migrator.errors import Changed
from migrator.fleet.cli.commands_to_copy import lines_of_outcome
from migrator.fleet.model.fleet import Command, Inventory
from migrator.fleet.model.outcome import STATUSES, ClusterResult, ClusterStatus, FleetOutcome
from migrator.model.outcome import RunOutcome
from migrator.model.plan import Strategy, Target
from migrator.render.commands_to_settle import PLAN, commands_of_run
from tests.support.memory_runs import company
from tests.support.taken_words import refused_words

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


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://jane:S3cr%40tPw@proxy:3128", "http://USER:PASSWORD@proxy:3128"),
        ("jane:S3cr@tPw@proxy:x", "USER:PASSWORD@proxy:x"),
        ("https://jane@[::1]:3128", "https://USER:PASSWORD@[::1]:3128"),
        ("http://jane:a/b@proxy", "http://USER:PASSWORD@proxy"),
    ],
)
def test_command_that_is_shown_has_no_password(given: str, shown: str) -> None:
    (line,) = command_lines(Settings(proxy_url=given), [("status", PLAN)], "plan.json", {})
    assert shlex.split(line)[-2:] == ["--proxy-url", shown]


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


@given(
    strategy=st.sampled_from(("preserve", "policies")),
    target=st.sampled_from(("API", "API_AND_CONFIG_MAP")),
    answers=st.sampled_from(((), ("--decisions", "d e.yaml"))),
    file=st.sampled_from(("plan.json", "demo.json", "a folder/p.json")),
)
def test_a_plan_that_is_made_again_is_made_as_before_and_into_its_own_file(
    strategy: Strategy, target: Target, answers: tuple[str, ...], file: str
) -> None:
    """By what the plan records, and what was given: else the same command ends with 5 again."""
    plan = replace(company()[1], strategy=strategy, target=target)
    settings = Settings()
    more = where_planned(settings, plan, *answers)
    changed = RunOutcome("apply", "r", 5, 0, 1, error=Changed("cluster-changed", "It changed."))
    (line,) = command_lines(settings, commands_of_run(changed, "prod"), file, more)
    words = shlex.split(line)
    assert words[:3] == ["migrate", "plan", "prod"]
    taken = dict(zip(words[3::2], words[4::2], strict=True))
    assert taken["--out"] == file
    assert taken["--region"] == plan.cluster.region
    assert taken.get("--strategy", "preserve") == strategy
    assert taken.get("--target", "API") == target
    assert taken.get("--decisions") == (answers[1] if answers else None)
    assert refused_words(line) == []
    # Which answers a plan was made with is not known from it.
    assert ("Note" in below("", [line])) == (not answers)


COMMANDS_PRINTED = (
    "migrate plan small --write-decisions decisions.yaml --out plan.json --region eu-central-1",
    "migrate rehearse plan.json --for 90s --image IMAGE --as p=q --state-dir s",
    "migrate cutover plan.json --decisions d.yaml --canary-pods --gates",
    "migrate doctor small --profile p",
    "migrate fleet rehearse fleet.yaml --cluster ARN --for 1s --image IMAGE --state-dir s",
    "migrate fleet cutover fleet.yaml --decisions d.yaml --gates --approve all",
)


@pytest.mark.parametrize("line", COMMANDS_PRINTED)
def test_printed_commands_are_ones_that_the_command_line_takes(line: str) -> None:
    assert refused_words(line) == []


def test_other_options_and_a_group_alone_are_refused() -> None:
    assert refused_words("migrate apply plan.json --image x") == ["--image"]
    assert refused_words("migrate fleet") == ["migrate fleet"]


@given(status=st.sampled_from(STATUSES), command=st.sampled_from(("apply", "rehearse", "gates")))
def test_every_end_of_a_fleet_command_prints_a_command_that_the_command_line_takes(
    status: ClusterStatus, command: Command
) -> None:
    result = ClusterResult("arn", command, status, 0 if status == "done" else 8, "now")
    code = 0 if status == "done" else 8
    file = {"fleet_file": "my fleet.yaml", "clusters": ("arn",), "decisions": "d.yaml"}
    asked = {**file, "gates_only": command == "gates"}
    if command == "rehearse":
        asked = {**file, "length": timedelta(minutes=30), "image": "IMAGE"}
    lines = lines_of_outcome(Settings(), _outcome(command, result, code), asked)
    assert bool(lines) == (code != 0)
    assert [word for line in lines for word in refused_words(line)] == []


def _outcome(command: Command, result: ClusterResult, code: int) -> FleetOutcome:
    inventory = Inventory("now", "test", (), (), ())
    return FleetOutcome("test", command, "r", inventory, (result,), code)
