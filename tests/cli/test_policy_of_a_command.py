"""``migrate doctor --policy``: for which commands, and what is said of a name that is none."""

import io
import json
import sys

import pytest

from migrator.cli.main import run

ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.mark.parametrize(
    "arguments",
    [("--policy", "wrongcommand"), ("prod", "--policy", "wrongcommand"), (ARN, "--policy=aply")],
)
def test_wrong_command_is_named_before_a_region_is_asked_for(arguments: tuple[str, ...]) -> None:
    stderr = io.StringIO()
    assert run(["doctor", *arguments], stderr=stderr) == 64
    said = stderr.getvalue()
    assert arguments[-1].rpartition("=")[2] in said
    assert "command-unknown" in said
    assert "Commands are snapshot, plan, " in said
    assert "region" not in said.lower()


def test_policy_of_one_command_by_arn_needs_no_credentials(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor", ARN, "--policy", "status"], stderr=sys.stderr) == 0
    one = json.loads(capsys.readouterr().out)
    assert run(["doctor", ARN, "--policy"], stderr=sys.stderr) == 0
    every = json.loads(capsys.readouterr().out)
    actions = [
        {action for statement in policy["Statement"] for action in statement["Action"]}
        for policy in (one, every)
    ]
    assert actions[0] < actions[1]
    assert "eks:DescribeCluster" in actions[0]


def test_doctor_without_a_cluster_asks_for_it() -> None:
    stderr = io.StringIO()
    assert run(["doctor"], stderr=stderr) == 64
    assert "CLUSTER" in stderr.getvalue()
