"""``migrate access`` and ``migrate drift`` on a lab: other writers change clusters, each change is
named once, and the printed commands settle it.
"""

import json
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrator.model.files.schemas import access_schema, drift_schema
from tests.support.drift_lab import (
    ADMIN,
    PARTNER,
    READER,
    SSO_PATH,
    VIEW,
    WHOLE,
    DriftLab,
    drift_lab,
)
from tests.support.remedy_lab import ACCOUNT, OPERATOR, ROLE, row

MODES = {
    "dual": "API_AND_CONFIG_MAP",
    "api": "API",
    "made": "API_AND_CONFIG_MAP",
    "map": "API_AND_CONFIG_MAP",
    "plan": "CONFIG_MAP",
    "kept": "CONFIG_MAP",
}
Changes = Mapping[str, Callable[[DriftLab], object]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DriftLab]:
    with drift_lab(tmp_path_factory.mktemp("drift"), MODES) as found:
        yield found


def _cluster(shared: DriftLab, name: str) -> DriftLab:
    work = shared.work / name
    work.mkdir(exist_ok=True)
    return replace(shared, name=name, work=work, variables={})


def _replace_sso(lab: DriftLab) -> None:
    old, new = lab.sso_names
    lab.iam("delete_role", RoleName=old)
    lab.new_role(new, SSO_PATH)


def _change_ci(lab: DriftLab) -> None:
    """Name, group, a policy more, and the scope of the other one."""
    arn = lab.role("ci")
    lab.eks("update_access_entry", arn, username="x", kubernetesGroups=["o'hara; $(id)"])
    lab.eks("associate_access_policy", arn, policyArn=VIEW, accessScope=WHOLE)
    edit = ADMIN.replace("ClusterAdmin", "Edit")
    lab.eks("associate_access_policy", arn, policyArn=edit, accessScope=WHOLE)


# By code: what another writer did. The rows of one cluster are those of one writing.
ENTRIES: Changes = {
    "entry-added": lambda lab: lab.eks("create_access_entry", lab.role("new")),
    "entry-deleted": lambda lab: lab.eks("delete_access_entry", lab.role("dev")),
    "entry-changed": _change_ci,
    "sso-role-replaced": _replace_sso,
}


def _codes(document: Mapping[str, Any]) -> list[str]:
    return [each["code"] for each in document["findings"]]


def test_entries_are_put_back_by_the_printed_commands(shared: DriftLab) -> None:
    lab = _cluster(shared, "dual")
    lab.ok("access CLUSTER --save")
    ran, document = lab.drift()
    assert (ran.code, _codes(document)) == (0, [])
    for change in ENTRIES.values():
        change(lab)
    assert lab.run("drift", "dual").code == 0, "2 is for --detailed-exitcode"
    ran, document = lab.drift()
    Draft202012Validator(drift_schema()).validate(document)
    assert (ran.code, sorted(_codes(document))) == (2, sorted(ENTRIES))
    by_code = {each["code"]: each for each in document["findings"]}
    assert by_code["sso-role-replaced"]["successor"] == lab.sso[1]
    assert [each.partition(":")[0] for each in by_code["entry-changed"]["changes"]] == [
        "~ accessPolicies.AmazonEKSEditPolicy",
        "+ accessPolicies.AmazonEKSViewPolicy",
        "+ kubernetesGroups",
        "~ username",
    ]
    for finding in document["findings"]:
        lab.follow(finding["commands"])
    # The successor has the entry of the role that it replaced.
    ran, document = lab.drift()
    assert (ran.code, _codes(document)) == (0, [])
    assert lab.sso[0] in {each["subject"] for each in document["settled"]}
    access = json.loads(lab.ok("access CLUSTER --output json").out)
    logs_in = {each["principalArn"]: each["logsIn"] for each in access["principals"]}
    assert logs_in[lab.sso[1]] == "yes"


def test_entry_of_another_type_and_dead_entries_are_made_again(shared: DriftLab) -> None:
    lab = _cluster(shared, "made")
    lab.ok("access CLUSTER --save")
    lab.make_again("made-ci")
    lab.iam("delete_role", RoleName="made-dev")
    lab.eks("delete_access_entry", lab.sso[0])
    lab.eks("create_access_entry", lab.sso[0], type="EC2_LINUX")
    ran, document = lab.drift()
    found = {each["code"]: each for each in document["findings"]}
    assert ran.code == 2
    assert set(found) == {"entry-changed", "entry-dead", "entry-orphaned"}
    assert found["entry-dead"]["subject"] == lab.role("ci")
    for finding in document["findings"]:
        lab.follow(finding["commands"])
    ran, document = lab.drift()
    assert (ran.code, _codes(document)) == (0, [])
    settled = {each["subject"] for each in document["settled"]}
    assert settled == {lab.role("ci"), lab.role("dev")}


def test_rows_that_come_back_are_inert_in_api_mode_and_retired(shared: DriftLab) -> None:
    lab = _cluster(shared, "api")
    lab.ok("access CLUSTER --save")
    rows = [row(lab.role("row"), "row", "rows"), row(lab.role("new"), "n", "system:masters")]
    lab.write_rows(*rows)
    ran, document = lab.drift()
    assert (ran.code, _codes(document)) == (2, ["row-returned"])
    assert "gives nothing in API mode" in document["findings"][0]["what"]
    lab.follow(document["findings"][0]["commands"])
    ran, document = lab.drift()
    assert (ran.code, _codes(document)) == (0, [])


def test_rows_of_a_cluster_that_reads_them_are_planned_again(shared: DriftLab) -> None:
    lab = _cluster(shared, "map")
    lab.ok("access CLUSTER --save")
    lab.control(
        "writeAwsAuth",
        data={
            "mapRoles": row(lab.role("row"), "other", "rows") + row(lab.role("new"), "n"),
            "mapAccounts": '["222233334444"]',
            "mapUsers": "- {username: nobody}",
        },
        manager="kubectl",
    )
    _, document = lab.drift()
    codes = ["row-added", "row-changed", "account-added", "aws-auth-text-changed"]
    assert _codes(document) == codes
    lab.follow(document["findings"][0]["commands"])
    planned = json.loads((lab.work / "new-plan.json").read_text())
    assert lab.role("new") in {each["principalArn"] for each in planned["principals"]}
    # The row of another account: whether its principal exists is unknown until a reader says so.
    lab.write_rows(row(lab.role("row"), "row", "rows"), row(PARTNER, "partner"))
    ran, document = lab.drift()
    assert (ran.code, _codes(document)) == (1, ["row-added"])
    assert [each["about"] for each in document["unknown"]] == ["iam"]
    ran, document = lab.drift("--reader-role", READER)
    assert (ran.code, document["unknown"]) == (2, [])


def test_plan_is_what_a_cluster_is_compared_with_from_before_apply_on(shared: DriftLab) -> None:
    lab = _cluster(shared, "plan")
    lab.write_rows(
        row(f"{ROLE}/operator", "operator", "system:masters"),
        row(f"{ROLE}/second-admin", "second", "system:masters"),
        row(lab.role("row"), "row", "rows"),
    )
    lab.ok("plan CLUSTER --out plan.json")
    drift = ("drift", "plan.json", "--detailed-exitcode")
    assert lab.run(*drift).code == 0
    applied = lab.run("apply", "plan.json", "--yes")
    assert applied.code in (0, 7), applied.out + applied.err
    assert lab.run(*drift).code == (1 if applied.code else 0)
    lab.eks("delete_access_entry", lab.role("row"))
    ran = lab.run(*drift)
    assert "entry-deleted" in ran.out
    # From another folder the state is not there: the tag on the entries says that a run of the plan
    # was begun, and not that it made all of them.
    elsewhere = lab.run(*drift, "--state-dir", "other", "--output", "json")
    document = json.loads(elsewhere.out)
    assert (elsewhere.code, _codes(document)) == (1, [])
    assert "still to be made" in document["unknown"][0]["what"]
    # What an administrator has by its row goes on while its entry is made.
    lab.eks("delete_access_entry", f"{ROLE}/second-admin")
    document = json.loads(lab.run(*drift, "--output", "json").out)
    by_subject = {each["subject"]: each for each in document["findings"]}
    assert [each.split()[1] for each in by_subject[f"{ROLE}/second-admin"]["commands"]] == [
        "plan",
        "apply",
    ]
    for finding in document["findings"]:
        lab.follow(finding["commands"])
    assert _codes(json.loads(lab.run(*drift, "--output", "json").out)) == []
    elsewhere = lab.run(*drift, "--state-dir", "other")
    assert "taken as applied" in " ".join(elsewhere.out.split())


def test_plan_is_kept_to_by_a_hand_over_and_by_deleting_what_is_dead(shared: DriftLab) -> None:
    lab = _cluster(shared, "kept")
    old, new = lab.sso
    lab.write_rows(
        row(f"{ROLE}/operator", "operator", "system:masters"),
        row(f"{ROLE}/second-admin", "second", "system:masters"),
        row(f"{ROLE}/{lab.sso_names[0]}", "sso:{{SessionName}}", "viewers"),
        row(lab.role("dev"), "dev", "devs"),
        row(lab.role("ci"), "ci", "cis"),
    )
    lab.ok("plan CLUSTER --out plan.json")
    assert lab.run("apply", "plan.json", "--yes").code in (0, 7)
    _replace_sso(lab)
    lab.eks("create_access_entry", new, username="someone", kubernetesGroups=["others"])
    lab.eks("associate_access_policy", new, policyArn=ADMIN, accessScope=WHOLE)
    lab.iam("delete_role", RoleName="kept-dev")
    lab.make_again("kept-ci")
    drift = ("drift", "plan.json", "--output", "json")
    document = json.loads(lab.run(*drift).out)
    Draft202012Validator(drift_schema()).validate(document)
    by_code = {each["code"]: each for each in document["findings"]}
    assert {"sso-role-replaced", "entry-orphaned", "entry-dead"} <= by_code.keys()
    handed = by_code["sso-role-replaced"]["commands"]
    operations = [each.split()[2] for each in handed]
    # The successor's own entry is corrected, before the old one is deleted.
    assert operations == [
        "update-access-entry",
        "disassociate-access-policy",
        "delete-access-entry",
    ]
    for finding in document["findings"]:
        lab.follow([each for each in finding["commands"] if each.startswith("aws ")])
    document = json.loads(lab.run(*drift).out)
    # What is left is about rows, which admit by the name alone, and is accepted.
    assert {each["code"] for each in document["findings"]} == {"principal-deleted"}
    assert {lab.role("ci"), old} <= {each["subject"] for each in document["settled"]}
    identity = json.loads(lab.run("access", "kept", "--output", "json").out)
    (found,) = (each for each in identity["principals"] if each["principalArn"] == new)
    assert found["entry"]["username"] == "sso:{{SessionName}}"
    assert found["entry"]["kubernetesGroups"] == ["viewers"]
    lab.follow(document["commands"])
    last = document["commands"][-1]
    assert last == "migrate drift kept --region eu-central-1", "the plan itself stays as it is"
    assert json.loads(lab.run(*last.split()[1:], "--output", "json").out)["findings"] == []


def test_reading_that_knows_less_takes_the_place_of_no_saved_access(shared: DriftLab) -> None:
    lab = _cluster(shared, "dual")
    lab.ok("access CLUSTER --save")
    saved = lab.state_file("access.json").read_bytes()
    lab.permit(OPERATOR, "eks:ListAccessEntries")
    try:
        ran = lab.run("access", "dual", "--save")
        changed = lab.run("drift", "dual")
    finally:
        lab.permit(OPERATOR)
    assert ran.code == 1
    assert "not saved" in ran.err
    assert lab.state_file("access.json").read_bytes() == saved
    # What was not read is in the first line, which people paste.
    head = " ".join(ran.out.split("PRINCIPAL")[0].split())
    assert "not known who can log in to dual: the access entries were not read" in head
    assert "dual: not everything is known" in " ".join(changed.out.split())
    assert lab.run("access", "dual", "--save").code == 0


@pytest.mark.parametrize("group", ["migrator-probe:00ab", "migrator-bridge:00ab"])
@pytest.mark.parametrize("way", ["state", "file"])
def test_access_that_is_kept_in_mid_run_has_no_group_of_the_run(
    shared: DriftLab, group: str, way: str
) -> None:
    """A run lends groups to entries for minutes: once it has ended, nothing has changed."""
    lab = _cluster(shared, "api")
    arn, groups = lab.role("dev"), ["devs"]
    lab.eks("update_access_entry", arn, kubernetesGroups=[*groups, group])
    if way == "state":
        assert "its own groups on entries are not saved" in lab.ok("access CLUSTER --save").err
        assert b"migrator-" not in lab.state_file("access.json").read_bytes()
    against = ("--against", "access.json") if way == "file" else ()
    lab.ok("access CLUSTER --out access.json")
    lab.eks("update_access_entry", arn, kubernetesGroups=groups)
    ran, document = lab.drift(*against)
    assert (ran.code, document["findings"]) == (0, []), ran.out


def test_commands_name_the_cluster_as_it_was_given(shared: DriftLab) -> None:
    """A cluster of the same name may be in the Region that is the default one."""
    lab = _cluster(shared, "api")
    arn = f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/api"
    nothing = lab.run("drift", arn, "--state-dir", "elsewhere")
    assert nothing.error_code == "nothing-to-compare"
    assert f"migrate access {arn} --save" in nothing.err
    lab.ok("access CLUSTER --save")
    lab.eks("create_access_entry", lab.role("new"))
    as_role = lab.run("drift", "api", "--assume-role", f"{ROLE}/operator", "--output", "table")
    assert f"meant for {ROLE}/operator" in " ".join(as_role.out.split()), as_role.err
    for given in ((arn,), ("api", "--region", "eu-central-1")):
        document = json.loads(lab.run("drift", *given, "--output", "json").out)
        assert document["commands"] == ["migrate access api --save --region eu-central-1"]
    lab.eks("delete_access_entry", lab.role("new"))


def test_saved_document_of_another_cluster_is_refused(shared: DriftLab) -> None:
    lab = _cluster(shared, "api")
    lab.ok("access CLUSTER --out access.json --quiet")
    file = lab.work / "access.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = json.loads(file.read_bytes())
    Draft202012Validator(access_schema()).validate(document)
    other = replace(lab, name="map").run("drift", "map", "--against", "access.json")
    assert (other.code, other.error_code) == (4, "access-of-other-cluster")
    lab.ok("plan CLUSTER --out plan.json")
    assert lab.run("drift", "plan.json", "--against", "access.json").code == 64
    again = json.loads(lab.ok("access CLUSTER --output json").out)
    again["takenAt"] = document["takenAt"]
    assert again == document


def test_unreachable_api_server_is_unknown_and_no_drift(shared: DriftLab) -> None:
    lab = _cluster(shared, "dual")
    lab.ok("access CLUSTER --save")
    lab.fault("kubernetes:get configmaps", "error", status=503)
    try:
        ran, document = lab.drift()
    finally:
        lab.heal()
    assert (ran.code, _codes(document)) == (1, [])
    assert {each["about"] for each in document["unknown"]} == {"aws-auth"}
