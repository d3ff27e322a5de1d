"""A role is deleted and created again after ``migrate apply``: ``status`` says so, on the lab, over
the wire.
"""

import json
from pathlib import Path

import boto3

from migrator.lab.lab_client import control, lab_environment
from tests.support.cli_lab import ACCOUNT, CliLab, Ran, running

DEVELOPER, OPERATOR = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("developer", "operator"))


def create_again(lab: CliLab, name: str) -> None:
    keys = control(lab.directory, "POST", "credentials", {"principalArn": OPERATOR})
    session = boto3.Session(
        keys["AccessKeyId"],
        keys["SecretAccessKey"],
        keys["SessionToken"],
        region_name="eu-central-1",
    )
    iam = session.client("iam", endpoint_url=lab_environment(lab.directory)["AWS_ENDPOINT_URL"])
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
        create_again(lab, "developer")
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
