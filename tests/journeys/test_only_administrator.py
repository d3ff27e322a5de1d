"""The operator is the only administrator that can be shown: its own access is not changed, and what
is said then lets it be changed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.lab_client import lab_state
from tests.support.cli_lab import CliLab, running

ACCOUNT = "111122223333"
ROLES = f"arn:aws:iam::{ACCOUNT}:role"
APPLY = ("apply", "plan.json", "--yes")


def world(*admins: str) -> dict[str, Any]:
    """A cluster whose administrators are these roles; only the operator's can be assumed."""
    rows = "".join(
        f"- {{rolearn: {ROLES}/{name}, username: {name}, groups: ['system:masters']}}\n"
        for name in admins
    )
    metadata = {"name": "aws-auth", "namespace": "kube-system"}
    data = {"mapRoles": rows}
    return {
        "format": "migrator/world/v1",
        "name": "alone",
        "operator": f"{ROLES}/operator",
        "settings": {"region": "eu-central-1", "propagationSeconds": 0, "updateSeconds": 0},
        "accounts": [
            {
                "id": ACCOUNT,
                "roles": [
                    {"name": "operator"},
                    {"name": "emergency"},
                    {"name": "sre", "trust": {"services": ["ec2.amazonaws.com"]}},
                ],
            }
        ],
        "clusters": [
            {
                "name": "alone",
                "account": ACCOUNT,
                "creator": f"{ROLES}/emergency",
                "kubernetes": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
                ],
            }
        ],
    }


@pytest.fixture
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CliLab]:
    with running(tmp_path, json.dumps(world(*request.param))) as found:
        assert found.run("plan", "alone", "--out", "plan.json").code == 0
        yield found


def stopped(lab: CliLab) -> str:
    """What an apply says that leaves the operator's own access as it is."""
    ran = lab.run(*APPLY)
    assert ran.code == 6, ran.err
    said = " ".join(ran.out.split())
    assert "apply again with `--as ARN=PROFILE` of another one" in said
    assert "name one under break_glass in decisions.yaml and plan again" in said
    return said


@pytest.mark.parametrize("lab", [("operator", "sre")], indirect=True)
def test_a_profile_of_another_administrator_lets_it_go_on(lab: CliLab) -> None:
    stopped(lab)
    profile = lab_state(lab.directory)["profiles"][f"{ROLES}/sre"]
    done = lab.run(*APPLY, "--as", f"{ROLES}/sre={profile}")
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize("lab", [("operator",)], indirect=True)
def test_a_break_glass_principal_and_a_new_plan_let_it_go_on(lab: CliLab) -> None:
    stopped(lab)
    answers = ("--decisions", "decisions.yaml")
    (lab.work / "decisions.yaml").write_text(f"break_glass: {ROLES}/emergency\n")
    assert lab.run("plan", "alone", "--out", "plan.json", *answers).code == 0
    done = lab.run(*APPLY, *answers)
    assert done.code == 0, done.out + done.err
    assert lab.run("status", "plan.json").code == 0
