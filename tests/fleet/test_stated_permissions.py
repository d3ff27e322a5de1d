"""What commands of a fleet are said to need is what they need: each runs with exactly that, and
what it asks for is compared with the list both ways.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from migrator.adapters.aws_session import AwsSettings, open_session
from migrator.adapters.tasks_threads import Threads
from migrator.app.diagnose import required_fleet_policy
from migrator.app.settings import Settings
from migrator.decide.reach.required_permissions import FLEET_COMMANDS
from migrator.errors import WrongUse
from migrator.fleet.adapters.organizations import Organization
from migrator.lab.aws.call import Call
from migrator.lab.server import Lab
from migrator.lab.worlds.principals import Permissions
from migrator.lab.worlds.world_files import build_world
from tests.support.cli_lab import CliLab
from tests.support.fleet_world import OPERATOR, ROLE, account_ids, fleet_file, fleet_world
from tests.support.moto_aws import moto_aws
from tests.support.moto_organization import MotoOrganization

# A migration of a fleet of one cluster, up to where a rehearsal would take its time.
STORY: Sequence[tuple[str, tuple[str, ...], int]] = (
    ("fleet discover", (), 0),
    ("fleet plan", (), 0),
    ("fleet access", ("--save",), 8),
    ("fleet drift", (), 0),
    ("fleet verify", ("--baseline",), 0),
    ("fleet apply", ("--yes",), 0),
    ("fleet rollback", ("--yes",), 0),
    ("fleet cutover", ("--confirm", "test"), 8),
)
# The way of these through a fleet is that of the others: discovery, and then the command itself.
NOT_RUN = {"fleet rehearse", "fleet retire"}
Asked = Mapping[str, frozenset[str]]


def actions(command: str, sid: str) -> set[str]:
    """The actions in the statements of a policy whose Sid begins so."""
    statements = required_fleet_policy(Settings(), [command])["Statement"]
    chosen = [each for each in statements if each["Sid"].startswith(sid)]
    return {action for each in chosen for action in each["Action"]}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    """By command: how it ended, and what each principal asked for and was refused."""
    place = tmp_path_factory.mktemp("fleet-permissions")
    world = build_world(fleet_world(1, 1, shapes=("plain",)))
    (place / "work").mkdir()
    fleet = fleet_file(1, regions=["all"])
    (place / "work" / "fleet.yaml").write_text(json.dumps(fleet), encoding="utf-8")
    lab = Lab(world, place / "lab")
    lab.start()
    cli = CliLab(place / "lab", place / "work")
    role = world.principal(f"arn:aws:iam::{account_ids(1)[0]}:role/{ROLE}")
    operator = world.principal(OPERATOR)
    assert role is not None
    assert operator is not None
    seen: dict[str, set[str]] = defaultdict(set)
    require = Call.require

    def required(call: Call, action: str, resource: str) -> None:
        who = "role" if call.caller.principal_arn.endswith(f"/{ROLE}") else "caller"
        seen[who].add(action)
        if not call.caller.permissions.allows(action):
            seen["refused"].add(action)
        require(call, action, resource)

    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Call, "require", required)
        for command, words, code in STORY:
            seen.clear()
            role.permissions = Permissions(allowed=tuple(actions(command, "Role")))
            operator.permissions = Permissions(allowed=tuple(actions(command, "Caller")))
            ran = cli.run(*command.split(), *words)
            assert ran.code == code, ran.out + ran.err
            found[command] = {who: frozenset(each) for who, each in seen.items()}
    lab.stop()
    yield found


@pytest.mark.parametrize("command", [command for command, _, _ in STORY])
def test_a_command_of_a_fleet_asks_for_what_is_stated(
    command: str, asked: Mapping[str, Asked]
) -> None:
    found = asked[command]
    assert not found.get("refused")
    # EKS alone is asked by the caller's own session, where an account has no role.
    assert not found.get("caller")
    idle = actions(command, "Role") - found["role"]
    single = {action for action, _ in FLEET_COMMANDS[command]}
    assert idle <= single
    assert {"eks:ListClusters", "ec2:DescribeRegions"} <= found["role"]
    if command == "fleet discover":
        assert not idle


def test_each_command_of_a_fleet_is_run_or_named() -> None:
    assert {command for command, _, _ in STORY} | NOT_RUN == set(FLEET_COMMANDS)


def test_an_organization_is_read_with_exactly_what_is_stated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    called: set[str] = set()
    with moto_aws():
        organization = MotoOrganization()
        organization.account("a", "/Workloads/Prod", {"team": "x"})
        session = open_session(AwsSettings(region="us-east-1"))
        session.pace = called.add
        assert Organization(session, Threads(2)).accounts()
    stated = actions("fleet discover", "Caller") - {"sts:AssumeRole"}
    assert called == stated


def test_policy_of_a_fleet_needs_no_cluster_and_no_credentials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from migrator.cli.main import run

    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    assert run(["doctor", "--policy", "fleet plan"], stderr=sys.stderr) == 0
    document = json.loads(capsys.readouterr().out)
    sids = [each["Sid"] for each in document["Statement"]]
    assert len(sids) == len(set(sids))
    resources = {each["Resource"] for each in document["Statement"]}
    assert "arn:aws:eks:*:*:cluster/*" in resources
    run(["--region", "cn-north-1", "doctor", "--policy", "fleet plan"], stderr=sys.stderr)
    assert '"arn:aws-cn:eks:*:*:cluster/*"' in capsys.readouterr().out


def test_commands_of_a_fleet_and_of_a_cluster_have_a_policy_each() -> None:
    with pytest.raises(WrongUse) as refused:
        required_fleet_policy(Settings(), ["fleet plan", "apply"])
    assert refused.value.code == "command-unknown"
    assert "migrate doctor CLUSTER --policy apply" in refused.value.remedy
