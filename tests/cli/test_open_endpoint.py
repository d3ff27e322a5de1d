"""``--open-endpoint-for-me``: this machine is let in for as long as a command runs, and not a
moment longer.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
    planned = lab.run("plan", "small", *OPEN)  # no --yes and no terminal: nobody is let in
    assert (planned.code, planned.error_code, switches(lab)) == (4, "no-terminal", 2)
    applied = lab.run("snapshot", "small", "--out", "s.json", *OPEN)
    assert applied.error_code == "no-terminal"
    state = next(lab.work.rglob("opened-endpoint.json"))
    assert state.read_text().split() == ["{}"]


def test_an_address_that_is_none_is_refused(lab: CliLab) -> None:
    ran = lab.run("doctor", "small", "--open-endpoint-for-me", "--yes", "--source-address", "here")
    assert (ran.code, ran.error_code, switches(lab)) == (64, "source-address-malformed", 0)
