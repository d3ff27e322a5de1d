"""The commands that a report on a fleet tells people to run are commands."""

import click
import pytest

from migrator.cli.main import cli
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
            roles=(RoleLink("arn:aws:iam::999999999999:role/hub"), RoleLink("arn:x")),
        ),
        FleetAccount(
            CLUSTER.account, roles=(RoleLink("arn:aws:iam::999999999999:role/hub", "secret"),)
        ),
    ],
)
def test_every_stage_that_is_not_the_end_has_a_command_that_the_program_reads(
    stage: str, account: FleetAccount | None
) -> None:
    command = next_command(
        CLUSTER, ClusterFacts(CLUSTER.arn, folder=FOLDER), stage, "my fleet.yaml", account
    )
    assert parsed(command)
    assert CLUSTER.arn in command or f"{FOLDER}/plan.json" in command


@pytest.mark.parametrize("stage", sorted(ENDS))
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
