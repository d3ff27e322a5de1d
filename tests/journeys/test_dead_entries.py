"""A role is deleted and created again after ``migrate apply``: ``status`` says so, on the lab, over
the wire.
"""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from migrator.lab.lab_client import control, lab_environment, lab_state
from tests.support.cli_lab import ACCOUNT, WORLD, CliLab, Ran, running

DEVELOPER, OPERATOR = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("developer", "operator"))


def operators_iam(lab: CliLab) -> Any:  # noqa: ANN401 - boto3's client
    keys = control(lab.directory, "POST", "credentials", {"principalArn": OPERATOR})
    session = boto3.Session(
        keys["AccessKeyId"],
        keys["SecretAccessKey"],
        keys["SessionToken"],
        region_name="eu-central-1",
    )
    return session.client("iam", endpoint_url=lab_environment(lab.directory)["AWS_ENDPOINT_URL"])


def create_again(lab: CliLab, name: str) -> None:
    iam = operators_iam(lab)
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    iam.delete_role(RoleName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))


def status(lab: CliLab, subject: str) -> tuple[Ran, dict[str, str]]:
    ran = lab.run("--output", "json", "status", subject)
    return ran, {each["principalArn"]: each["why"] for each in json.loads(ran.out)["dead"]}


def test_status_names_the_entry_of_a_role_that_was_created_again(tmp_path: Path) -> None:
    with running(tmp_path) as lab:
        assert lab.run("plan", "small", "--out", "plan.json").code == 0
        assert lab.run("apply", "plan.json", "--yes").code == 0
        ran, dead = status(lab, "plan.json")
        assert (ran.code, dead) == (0, {}), ran
        only = ("verify", "plan.json", "--only", DEVELOPER)
        assert lab.run(*only).code == 0
        create_again(lab, "developer")
        # The rules say what they said, and an earlier proof is of another principal.
        verified = lab.run(*only)
        assert verified.code == 6, verified.out
        assert "the entry is dead" in " ".join(verified.out.split())
        for subject in ("plan.json", "small"):
            ran, dead = status(lab, subject)
            assert (ran.code, set(dead)) == (1, {DEVELOPER}), ran
            assert "created after that" in dead[DEVELOPER]
        shown = lab.run("status", "plan.json")
        assert shown.code == 1
        assert f"Dead       {DEVELOPER}" in shown.out
        assert "plan again" in shown.out
        control(
            lab.directory,
            "POST",
            "world",
            {"permissions": {OPERATOR: {"deniedActions": ["iam:*"]}}},
        )
        ran, dead = status(lab, "plan.json")
        assert (ran.code, dead) == (1, {}), ran
        assert any(
            f"the entry of {DEVELOPER} is dead" in line for line in json.loads(ran.out)["unknown"]
        )


ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
WITH_A_USER = WORLD.replace("    roles:\n", "    users: [{name: alice}]\n    roles:\n", 1).replace(
    "          mapRoles: |\n",
    f"          mapUsers: '[{{userarn: \"{ALICE}\", username: alice, groups: [developers]}}]'\n"
    "          mapRoles: |\n",
    1,
)


@pytest.mark.parametrize("is_made_again", [True, False])
def test_proof_of_a_login_is_void_when_its_principal_is_deleted(
    tmp_path: Path, is_made_again: bool
) -> None:
    with running(tmp_path, WITH_A_USER) as lab:
        profile = lab_state(lab.directory)["profiles"][ALICE]
        assert lab.run("plan", "small", "--out", "plan.json").code == 0
        assert lab.run("apply", "plan.json", "--yes").code in (0, 7)
        only = ("verify", "plan.json", "--only", ALICE)
        live = lab.run(*only, "--as", f"{ALICE}={profile}")
        assert (live.code, "live" in live.out) == (0, True), live.out + live.err
        assert lab.run(*only).code == 0  # by what was shown a moment ago
        iam = operators_iam(lab)
        iam.delete_user(UserName="alice")
        if is_made_again:
            iam.create_user(UserName="alice")
        verified = lab.run(*only)
        assert verified.code == 6, verified.out
        assert "the entry is dead" in " ".join(verified.out.split())
        gates = lab.run("cutover", "plan.json", "--gates", "--output", "json").out
        passed = {gate["name"]: gate["state"] for gate in json.loads(gates)["gates"]}
        assert passed["proofs"] == "fail", passed
