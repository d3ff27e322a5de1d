"""``fleet access`` and ``fleet drift``: every cluster read, what does not answer a status."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from migrator.fleet.decide.aws_lines import in_account
from migrator.fleet.model.files.audit import fleet_access_schema, fleet_drift_schema
from migrator.fleet.model.fleet import FleetAccount, RoleLink
from migrator.fleet.model.short_texts import short_cluster
from migrator.lab.lab_client import control
from tests.fleet.cli.test_fleet import pasted
from tests.support.cli_lab import CliLab, running
from tests.support.fleet_world import EXTERNAL_ID, fleet_file, fleet_world


def _run(lab: CliLab, *words: str) -> tuple[int, Mapping[str, Any]]:
    ran = lab.run("fleet", *words, "--output", "json")
    return ran.code, json.loads(ran.out)


def test_fleet_is_read_saved_and_compared_and_each_run_reads_all_of_it(tmp_path: Path) -> None:
    world = fleet_world(2, 3, shapes=("dual",), unreachable=("c0002",))
    with running(tmp_path, json.dumps(world)) as lab:
        (lab.work / "fleet.yaml").write_text(json.dumps(fleet_file(2)), encoding="utf-8")
        code, nothing = _run(lab, "drift")
        assert code == 8
        assert {each["code"] for each in nothing["results"]} == {"nothing-to-compare"}
        code, access = _run(lab, "access", "--save")
        Draft202012Validator(fleet_access_schema()).validate(access)
        # The API server that does not answer leaves aws-auth unknown, and the others are read.
        assert code == 8
        by_name = {each["arn"].rpartition("/")[2]: each for each in access["results"]}
        assert {name: each["exitCode"] for name, each in by_name.items()} == {
            "c0000": 0,
            "c0001": 0,
            "c0002": 1,
        }
        assert access["accounts"]["expected"] == access["accounts"]["answered"]
        assert len(access["documents"]) == 3
        assert "fleet access" in lab.run("fleet", "access").out
        two = ("--cluster", by_name["c0000"]["arn"], "--cluster", by_name["c0001"]["arn"])
        code, drift = _run(lab, "drift", *two, "--detailed-exitcode")
        Draft202012Validator(fleet_drift_schema()).validate(drift)
        assert (code, [each["findings"] for each in drift["documents"].values()]) == (0, [[], []])
        _add_row(lab, access["documents"][by_name["c0000"]["arn"]])
        code, drift = _run(lab, "drift", *two, "--detailed-exitcode")
        assert code == 2, [(each["message"], each["why"]) for each in drift["results"]]
        found = {arn: each["findings"] for arn, each in drift["documents"].items()}
        changed = found[by_name["c0000"]["arn"]]
        assert [each["code"] for each in changed] == ["row-added"]
        assert all(each["commands"] for each in changed)
        assert found[by_name["c0001"]["arn"]] == []
        _check_commands_of_aws(lab, access["documents"][by_name["c0001"]["arn"]], two)
        assert _run(lab, "drift", *two)[0] == 0
        _check_texts(lab, by_name["c0000"]["arn"], two, changed[0])


def _check_texts(
    lab: CliLab,
    arn: str,
    two: tuple[str, ...],
    finding: Mapping[str, Any],
) -> None:
    """Clusters are named as in every table of a fleet, and the commands are those of the fleet."""
    named = short_cluster(arn)
    table = " ".join(lab.run("fleet", "drift", *two).out.split())
    assert f"{named}: 1 thing changed" in table
    markdown = lab.run("fleet", "drift", *two, "--output", "markdown").out
    assert markdown.count("# Drift of ") == 2
    assert f"# Drift of {named}" in markdown
    assert f"# Access to {named}" in lab.run("fleet", "access", "--output", "markdown").out
    (plan,) = finding["commands"]
    assert plan == f"migrate fleet plan fleet.yaml --cluster {arn}"
    accept = f"migrate fleet access fleet.yaml --save --cluster {arn}"
    assert accept in markdown
    assert accept in table
    assert lab.run(*accept.split()[1:]).code == 0
    assert _run(lab, "drift", *two)[1]["documents"][arn]["findings"] == []


def _check_commands_of_aws(lab: CliLab, document: Mapping[str, Any], two: tuple[str, ...]) -> None:
    """A lost entry: its commands need the account of the cluster, by the role of the fleet file."""
    cluster = document["cluster"]
    made = (each for each in document["principals"] if each["entry"])
    entry = next(each for each in made if "/aws-service-role/" not in each["principalArn"])
    role = f"arn:aws:iam::{cluster['accountId']}:role/migration"
    account = FleetAccount(cluster["accountId"], roles=(RoleLink(role, EXTERNAL_ID),))
    call = (
        f"aws eks delete-access-entry --region {cluster['region']} "
        f"--cluster-name {cluster['name']} --principal-arn {entry['principalArn']}"
    )
    *_, step = re.findall(r"`(.+?)`", in_account(f"`{call}`", account))
    done = pasted(lab, f"{step}\n{call}")
    assert done.returncode == 0, done.stderr
    table = " ".join(lab.run("fleet", "drift", *two).out.split())
    assert f"need credentials of account {cluster['accountId']}: assume {role} before" in table


def _add_row(lab: CliLab, document: Mapping[str, Any]) -> None:
    """Another writer adds a row to those that the document has."""
    rows = [row for each in document["principals"] for row in each["rows"]]
    written = [
        {"rolearn": row["arn"], "username": row["username"], "groups": row["groups"]}
        for row in [*rows, {"arn": "arn:aws:iam::1:role/x", "username": "x", "groups": []}]
    ]
    data = {"mapRoles": json.dumps(written)}
    change = {"cluster": "c0000", "data": data, "manager": "kubectl"}
    control(lab.directory, "POST", "world", {"writeAwsAuth": change})
