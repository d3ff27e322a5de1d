"""The commands that a report on a fleet tells people to run are commands."""

from datetime import timedelta
from typing import Any

import click
import pytest

from migrator.cli.main import cli
from migrator.fleet.cli.commands_to_copy import DEFAULTS, next_words
from migrator.fleet.decide.stages import STAGES, next_command
from migrator.fleet.model.fleet import FleetAccount, RoleLink
from migrator.fleet.model.outcome import ClusterFacts
from tests.support.fleet_values import cluster

CLUSTER = cluster("orders")
FOLDER = f"/state/aws/{CLUSTER.account}/{CLUSTER.region}/orders"
ENDS = {
    "unknown",
    "dual",
    "retired",
}  # stages without a way on, or whose files a person must look at


def parsed(arguments: tuple[str, ...]) -> dict[str, object]:
    """The parameters of a command line of ours, as click reads it. Raises click's UsageError."""
    name, *rest = arguments
    assert name == "migrate"
    command: click.Command = cli
    context = None
    while isinstance(command, click.Group):
        context = click.Context(command, parent=context, info_name=command.name)
        found = command.get_command(context, rest[0])
        assert found is not None, rest[0]
        command, rest = found, rest[1:]
    return command.make_context(command.name, list(rest), parent=context).params


@pytest.mark.parametrize("stage", [each for each in STAGES if each not in ENDS])
@pytest.mark.parametrize(
    "account",
    [
        None,
        FleetAccount(CLUSTER.account, profile="orders"),
        FleetAccount(
            CLUSTER.account,
            roles=(
                RoleLink("arn:aws:iam::999999999999:role/hub"),
                RoleLink("arn:aws:iam::111122223333:role/x"),
            ),
        ),
        FleetAccount(
            CLUSTER.account, roles=(RoleLink("arn:aws:iam::999999999999:role/hub", "secret"),)
        ),
    ],
)
def test_every_stage_that_is_not_the_end_has_a_command_that_the_program_reads(
    stage: str, account: FleetAccount | None
) -> None:
    begun = "rollback" if stage == "rolling back" else ""
    facts = ClusterFacts(CLUSTER.arn, folder=FOLDER, begun=begun)
    command = next_command(CLUSTER, facts, stage, "my fleet.yaml", account)
    assert parsed(command)
    assert CLUSTER.arn in command or f"{FOLDER}/plan.json" in command


# A roll-back of some principals that has ended leaves nothing to do.
@pytest.mark.parametrize("stage", [*sorted(ENDS), "rolling back"])
def test_an_end_has_no_command(stage: str) -> None:
    assert (
        next_command(CLUSTER, ClusterFacts(CLUSTER.arn, folder=FOLDER), stage, "fleet.yaml") == ()
    )


def test_a_plan_in_a_bucket_is_no_argument() -> None:
    facts = ClusterFacts(CLUSTER.arn, folder=f"s3://bucket{FOLDER}")
    assert next_command(CLUSTER, facts, "cut over", "fleet.yaml") == ()


def test_the_state_directory_is_the_one_that_the_folder_is_in() -> None:
    command = next_command(
        CLUSTER, ClusterFacts(CLUSTER.arn, folder=FOLDER), "cut over", "fleet.yaml"
    )
    assert command[:3] == ("migrate", "retire", f"{FOLDER}/plan.json")
    assert command[command.index("--state-dir") + 1] == "/state"


# Questions of one run, and the form of what is printed.
NOT_AGAIN = {"fleet_file", "fresh", "yes", "confirm", "form"}
AGAIN = ("plan", "apply", "verify", "rehearse", "cutover", "retire", "rollback", "access", "drift")


def given_in(ctx: click.Context) -> dict[str, Any]:
    """A value for each option of a command, other than its default."""
    found: dict[str, Any] = {"fleet_file": "fleet.yaml"}
    for param in ctx.command.params:
        values = {"length": timedelta(minutes=5), "executor": "dask"}
        if isinstance(param.type, click.Choice):
            values[param.name or ""] = [each for each in param.type.choices][-1]
        value = values.get(param.name or "", "5")
        found.setdefault(param.name or "", (value,) if param.multiple else value)
        if isinstance(param, click.Option) and param.is_flag:
            found[param.name or ""] = True
    return found


@pytest.mark.parametrize("name", AGAIN)
def test_the_same_command_again_has_all_options_that_were_given(name: str) -> None:
    group = cli.get_command(click.Context(cli), "fleet")
    assert isinstance(group, click.Group)
    command = group.get_command(click.Context(group), name)
    assert command is not None
    given = given_in(click.Context(command))
    words = next_words(name, name, given)
    for param in command.params:
        if param.name not in NOT_AGAIN:
            assert param.opts[0] in words, param.name
    assert parsed(("migrate", *words))["fleet_file"] == "fleet.yaml"
    for param in command.params:
        if param.name in DEFAULTS:
            assert param.default == DEFAULTS[param.name]
    plain = {**{key: DEFAULTS.get(key) for key in given}, "fleet_file": "fleet.yaml"}
    assert next_words(name, name, plain) == ("fleet", name, "fleet.yaml")
