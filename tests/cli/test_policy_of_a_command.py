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


def _sessions(via: str) -> list[tuple[str, str, bool]]:
    """Actions of a tunnel, their resources, and whether a shell is kept out."""
    from migrator.app.diagnose import required_policy
    from migrator.app.settings import Settings

    policy = required_policy(ARN, Settings(via=via), ["status"])
    return [
        (action, each["Resource"], "Condition" in each)
        for each in policy["Statement"]
        for action in each["Action"]
        if action.startswith("ssm:")
    ]


@pytest.mark.parametrize(
    ("via", "resource", "looks"),
    [
        ("ssm:i-0123456789abcdef0", "ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0", 0),
        ("ssm:mi-0123456789abcdef0", "ssm:eu-west-1:111122223333:managed-instance/mi-012", 0),
        ("ssm:auto", "ec2:eu-west-1:111122223333:instance/*", 1),
        ("ssm:tag:a=b:proxy.x:8118", "ec2:eu-west-1:111122223333:instance/*", 1),
    ],
)
def test_policy_of_a_tunnel_gives_no_shell_and_nobody_elses_session(
    via: str, resource: str, looks: int
) -> None:
    found = _sessions(via)
    starts = [each for each in found if each[0] == "ssm:StartSession"]
    assert {is_kept for _, _, is_kept in starts} == {True}
    assert sorted(name.split("/")[0].rpartition(":")[2] for _, name, _ in starts) == sorted(
        ["document", resource.split("/", maxsplit=1)[0].rpartition(":")[2]]
    )
    assert any(resource in name for _, name, _ in starts)
    ends = [name for action, name, _ in found if action == "ssm:TerminateSession"]
    assert all("session/${aws:user" in name for name in ends)
    assert len([1 for action, *_ in found if action == "ssm:DescribeInstanceInformation"]) == looks


@pytest.mark.parametrize(
    "cluster",
    [
        ARN + "*",
        ARN.replace("prod", "${aws:username}"),
        ARN.replace("1111", ""),
        ARN.replace("eu-west-1", ""),
        ARN.replace(":eks:", ":iam:"),
        ARN + "/x",
        ARN + "\n",
    ],
)
def test_policy_is_never_made_for_what_is_no_cluster(cluster: str) -> None:
    stderr = io.StringIO()
    assert run(["doctor", cluster, "--policy", "status"], stderr=stderr) == 64
    assert "cluster-arn-malformed" in stderr.getvalue()


@pytest.mark.parametrize(
    ("cluster", "code", "error"),
    [("", 64, "usage"), ("a b", 1, "cluster-not-found"), ("prod*", 1, "cluster-not-found")],
)
def test_policy_is_never_made_for_what_may_be_a_context_and_is_none(
    cluster: str, code: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stderr = io.StringIO()
    assert run(["doctor", cluster, "--policy", "status"], stderr=stderr) == code
    assert f"[{error}]" in stderr.getvalue()
    assert capsys.readouterr().out == ""


def test_doctor_without_a_cluster_asks_for_it() -> None:
    stderr = io.StringIO()
    assert run(["doctor"], stderr=stderr) == 64
    assert "CLUSTER" in stderr.getvalue()
