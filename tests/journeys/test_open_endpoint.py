"""``--open-endpoint-for-me``: this machine is let in for as long as a command runs, and not a
moment longer.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.app.preflight import refuse_malformed_way
from migrator.app.settings import Settings
from migrator.cli.main import run
from tests.support.cli_lab import WORLD, CliLab, running

NARROW = """\
    creator: arn:aws:iam::111122223333:role/creator
    resourcesVpcConfig:
      {endpointPublicAccess: true, endpointPrivateAccess: true, publicAccessCidrs: ["198.51.100.0/24"]}
"""  # noqa: E501
OPEN = (
    "--open-endpoint-for-me",
    "--source-address",
    "203.0.113.10",
)  # where the lab sees its clients


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    before = "    creator: arn:aws:iam::111122223333:role/creator\n"
    assert WORLD.count(before) == 1
    with running(tmp_path, WORLD.replace(before, NARROW)) as found:
        yield found


def switches(lab: CliLab) -> int:
    return sum(effect["operation"] == "eks:UpdateClusterConfig" for effect in lab.effects())


def test_a_command_is_let_in_while_it_runs_and_the_list_is_as_before(lab: CliLab) -> None:
    opened = lab.run("doctor", "small", *OPEN, "--yes", "--output", "json")
    assert '"The API server answers' in opened.out, opened.err
    assert "203.0.113.10/32" in opened.err
    assert switches(lab) == 2
    planned = lab.run("plan", "small", *OPEN)  # no --yes and no terminal
    assert (planned.code, planned.error_code, switches(lab)) == (4, "no-terminal", 2)
    taken = lab.run("snapshot", "small", "--out", "s.json", *OPEN, "--yes")
    assert (taken.code, switches(lab)) == (0, 4)
    state = next(lab.work.rglob("opened-endpoint.jsonl"))
    events = [json.loads(line)["event"] for line in state.read_text().splitlines()]
    assert events == ["opening", "closed"] * 2


@pytest.mark.parametrize(
    "address", ["here", "", "10.1.2.3", "127.0.0.1", "::ffff:203.0.113.10", "169.254.1.1"]
)
def test_address_that_no_machine_is_seen_under_is_refused_before_any_call(
    tmp_path: Path, address: str
) -> None:
    """No lab runs, and there are no credentials: nothing is asked of AWS."""
    told = io.StringIO()
    state = ("--state-dir", str(tmp_path))
    code = run(
        ["doctor", "small", *state, "--open-endpoint-for-me", "--yes", "--source-address", address],
        stderr=told,
    )
    assert (code, "[source-address-malformed]" in told.getvalue()) == (64, True), told.getvalue()


def test_private_address_is_taken_where_nothing_is_opened() -> None:
    """Security groups and trust conditions are judged with it."""
    refuse_malformed_way(Settings(source_address="10.1.2.3"))


DEBT = """\
    tags:
      eks-access-migrator/opened/0123456789abcdef: "cidr=192.0.2.7/32 until=2020-01-01T00:00:00Z state=open by=arn:aws:sts::111122223333:assumed-role/ci/job"
      eks-access-migrator/opened/broken: "cidr=everything until=never"
    resourcesVpcConfig:
      {endpointPublicAccess: true, endpointPrivateAccess: true, publicAccessCidrs: ["203.0.113.0/24", "192.0.2.7/32"]}
"""  # noqa: E501


def test_overdue_debt_is_named_by_every_command_and_closed(tmp_path: Path) -> None:
    before = "    creator: arn:aws:iam::111122223333:role/creator\n"
    with running(tmp_path, WORLD.replace(before, before + DEBT)) as lab:
        command = "migrate doctor small --close-endpoint"
        planned = lab.run("plan", "small", "--out", "plan.json")
        assert command in planned.err
        assert (
            "192.0.2.7/32, opened by arn:aws:sts::111122223333:assumed-role/ci/job" in planned.err
        )
        doctor = lab.run("doctor", "small", "--output", "json")
        checks = [each for each in json.loads(doctor.out)["checks"] if "opened" in each["name"]]
        assert [each["state"] for each in checks] == ["fail"]
        status = json.loads(lab.run("status", "plan.json", "--output", "json").out)
        assert len(status["overdue"]) == 1
        assert lab.run("doctor", "small", "--close-endpoint").error_code == "no-terminal"
        closed = lab.run("doctor", "small", "--close-endpoint", "--yes")
        assert (closed.code, "closed: 192.0.2.7/32" in closed.out) == (0, True), closed.err
        again = lab.run("doctor", "small", "--close-endpoint", "--yes")
        assert (again.code, again.out) == (
            0,
            "No command left an address in publicAccessCidrs of small.\n",
        )
        assert command not in lab.run("plan", "small").err


def test_private_endpoint_is_not_opened(tmp_path: Path) -> None:
    private = NARROW.replace("endpointPublicAccess: true", "endpointPublicAccess: false")
    before = "    creator: arn:aws:iam::111122223333:role/creator\n"
    with running(tmp_path, WORLD.replace(before, private)) as lab:
        ran = lab.run("doctor", "small", *OPEN, "--yes")
        assert (ran.code, ran.error_code) == (4, "endpoint-not-public")
        assert "--via ssm:auto" in ran.err
        assert lab.effects() == []
