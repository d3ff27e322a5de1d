"""The commands in a row, as a person runs them, against a lab over the wire."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.support.cli_lab import WAIVERS, CliLab, running

SCHEMAS = Path(__file__).parents[2] / "examples" / "schemas"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    with running(tmp_path) as found:
        yield found


def _planned(lab: CliLab) -> None:
    (lab.work / "decisions.yaml").write_text(WAIVERS, encoding="utf-8")
    ran = lab.run("plan", "small", "--out", "plan.json")
    assert ran.code == 0, ran.err


def test_from_aws_auth_to_api_mode_and_every_step_says_what_it_did(lab: CliLab) -> None:
    _planned(lab)
    assert lab.effects() == []
    baseline = lab.run("verify", "plan.json", "--baseline")
    assert (baseline.code, "baseline of 3 principals taken, 0 not" in baseline.out) == (0, True), (
        baseline.err
    )
    applied = lab.run("apply", "plan.json", "--yes", "--output", "json")
    assert applied.code == 0, applied.err
    assert json.loads(applied.out)["complete"] is True
    verified = lab.run("verify", "plan.json", "--junit", "junit.xml", "--output", "json")
    assert (verified.code, json.loads(verified.out)["verdict"]) == (0, "ok"), verified.err
    assert 'failures="0"' in (lab.work / "junit.xml").read_text()
    cut = lab.run("cutover", "plan.json", "--confirm", "small", "--decisions", "decisions.yaml")
    assert cut.code == 0, cut.err + cut.out
    assert "aws-auth is not asked any more" in cut.out
    assert "Mode       API (ACTIVE)" in lab.run("status", "plan.json").out
    assert lab.run("verify", "plan.json").code == 0
    again = lab.run("cutover", "plan.json", "--confirm", "small", "--decisions", "decisions.yaml")
    assert again.code == 0
    back = lab.run("rollback", "plan.json", "--yes")
    assert (back.code, back.error_code) == (4, "no-way-back")
    retired = lab.run("retire", "plan.json", "--yes")
    assert retired.code == 0, retired.err
    assert lab.run("retire", "plan.json", "--yes").code == 0
    switches = [each for each in lab.effects() if each["operation"] == "eks:UpdateClusterConfig"]
    assert len(switches) == 2


def test_apply_again_does_nothing_again(lab: CliLab) -> None:
    _planned(lab)
    assert lab.run("apply", "plan.json", "--yes").code == 0
    done = lab.effects()
    again = lab.run("apply", "plan.json", "--yes")
    assert again.code == 0, again.err
    assert lab.effects() == done


def test_roll_back_takes_the_entries_away(lab: CliLab) -> None:
    _planned(lab)
    assert lab.run("apply", "plan.json", "--yes").code == 0
    back = lab.run("rollback", "plan.json", "--yes")
    assert back.code == 0, back.err + back.out
    baseline = lab.run("plan", "small", "--output", "json")
    left = json.loads(baseline.out)["basis"]["accessEntries"]
    assert set(left) == {
        # EKS made it at the mode switch, which is one-way
        "arn:aws:iam::111122223333:role/creator",
        "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
    }


def test_questions_without_a_terminal_are_refused_and_nothing_is_done(lab: CliLab) -> None:
    _planned(lab)
    asked = lab.run("apply", "plan.json", stdin="yes\n")
    assert (asked.code, asked.error_code) == (4, "no-terminal")
    assert lab.effects() == []
    assert lab.run("apply", "plan.json", "--yes").code == 0
    before = lab.effects()
    # `--yes` answers whether the endpoint may be opened, and never the cut-over.
    for extra, code in (
        ([], "no-terminal"),
        (["--yes"], "no-terminal"),
        (["--confirm", "Small"], "name-mismatch"),
        (["--yes", "--confirm", "Small"], "name-mismatch"),
    ):
        refused = lab.run("cutover", "plan.json", "--decisions", "decisions.yaml", *extra)
        assert (refused.code, refused.error_code) == (4, code)
    assert lab.run("cutover", "plan.json", "--confirm", "small").error_code == "gates-closed"
    assert lab.effects() == before


def test_a_cluster_that_changed_since_the_plan_is_5_and_says_what(lab: CliLab) -> None:
    _planned(lab)
    _add_row(lab)
    changed = lab.run("apply", "plan.json", "--yes")
    assert (changed.code, changed.error_code) == (5, "cluster-changed")
    assert "aws-auth has a new row for" in changed.err.splitlines()[0]
    assert lab.effects()[1:] == []


def _add_row(lab: CliLab) -> None:
    """Somebody else writes aws-auth."""
    script = (
        "from migrator.app.settings import Settings\n"
        "from migrator.app.connect import connect\n"
        "from migrator.adapters.kubernetes_api import KubernetesConfigMaps\n"
        "maps = KubernetesConfigMaps(connect(Settings(), 'small').client)\n"
        "found = maps.read()\n"
        'row = \'- {rolearn: "arn:aws:iam::111122223333:role/creator", username: c, groups: '
        "[]}\\n'\n"
        "data = {'mapRoles': found['data']['mapRoles'] + row}\n"
        "maps.write_data(data, resource_version=found['metadata']['resourceVersion'])\n"
    )
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", script], env=lab.environment(), check=True)


def test_files_of_a_run_are_private_and_hold_no_credentials(lab: CliLab) -> None:
    _planned(lab)
    run = lab.run("apply", "plan.json", "--yes", "-vv", "--log-file", "log.txt")
    assert run.code == 0
    assert lab.run("snapshot", "small", "--out", "snapshot.json").code == 0
    token = json.loads(lab.run("token", "small").out)["status"]["token"]
    assert token.startswith("k8s-aws-v1.")
    secrets = re.findall(
        r"(?:secret_access_key|session_token) = (\S+)", (lab.directory / "credentials").read_text()
    )
    assert len(secrets) >= 8
    files = [path for path in lab.work.rglob("*") if path.is_file()]
    assert {"plan.json", "snapshot.json", "log.txt", "journal.jsonl"} <= {
        path.name for path in files
    }
    texts = [path.read_text() for path in files] + [run.out, run.err]
    for text in texts:
        assert not any(secret in text for secret in secrets)
        assert "k8s-aws-v1." not in text
        assert "X-Amz-Signature" not in text
    assert all(path.stat().st_mode & 0o077 == 0 for path in files if path.name != "decisions.yaml")


def test_lines_of_journal_and_evidence_fit_their_schemas(lab: CliLab) -> None:
    _planned(lab)
    assert lab.run("verify", "plan.json", "--baseline").code == 0
    assert lab.run("apply", "plan.json", "--yes").code == 0
    for name in ("journal", "evidence"):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        (path,) = lab.work.rglob(f"{name}.jsonl")
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) >= 3
        for line in lines:
            Draft202012Validator(schema).validate(json.loads(line))


def test_a_kubeconfig_of_the_lab_holds_no_credentials_and_logs_in(lab: CliLab) -> None:
    printed = lab.run(
        "lab", "kubeconfig", "small", "--as", "second-admin", "--lab-dir", str(lab.directory)
    )
    assert printed.code == 0, printed.err
    secrets = re.findall(
        r"(?:secret_access_key|session_token) = (\S+)", (lab.directory / "credentials").read_text()
    )
    assert not any(secret in printed.out for secret in secrets)
    (lab.work / "kubeconfig").write_text(printed.out)
    ran = lab.run("plan", "small", "--kubeconfig", "kubeconfig")
    assert ran.code == 0, ran.err


def test_without_out_a_plan_writes_nothing(lab: CliLab) -> None:
    assert lab.run("plan", "small").code == 0
    assert list(lab.work.iterdir()) == []


def test_detailed_exitcode_tells_pending_changes_from_none(lab: CliLab) -> None:
    assert lab.run("plan", "small", "--detailed-exitcode").code == 2
    assert lab.run(
        "plan", "empty", "--detailed-exitcode", "--target", "API_AND_CONFIG_MAP"
    ).code in (0, 2)


def test_a_cluster_without_aws_auth_is_a_valid_state(lab: CliLab) -> None:
    ran = lab.run("plan", "empty")
    assert ran.code == 0, ran.err
    assert "nothing-to-migrate" in ran.out


def test_table_and_json_come_from_the_same_plan(lab: CliLab) -> None:
    ran = lab.run("plan", "small", "--out", "plan.json", "--output", "json")
    assert ran.out.encode() == (lab.work / "plan.json").read_bytes()
    table = lab.run("show", "plan.json").out
    assert all(len(line) <= 100 for line in table.splitlines())
    for principal in lab.document("plan.json")["principals"]:
        assert principal["principalArn"].removeprefix("arn:aws:iam::") in table


def test_show_has_the_note_for_the_soc_and_its_document_is_still_the_plan(lab: CliLab) -> None:
    made = lab.run("plan", "small", "--out", "plan.json")
    assert "NOTE FOR THE SOC" not in made.out
    # A plan is shown often, its note once: it has a command of its own.
    assert "NOTE FOR THE SOC" not in lab.run("show", "plan.json").out
    command = "migrate show plan.json --security-note"
    assert lab.run("show", "plan.json").out.endswith(f"\nFor the SOC: {command}\n")
    for form, head in (("table", "NOTE FOR THE SOC"), ("markdown", "## Note for the SOC")):
        noted = lab.run("show", "plan.json", "--security-note", "--output", form)
        assert head in noted.out
    shown = lab.run("show", "plan.json", "--output", "json")
    assert shown.out.encode() == (lab.work / "plan.json").read_bytes()
    address = ("--source-address", "203.0.113.10")
    note = lab.run("show", "plan.json", "--security-note", "--output", "json", *address)
    document = json.loads(note.out)
    assert document["format"] == "migrator/security-note/v1"
    assert document["planDigest"] == lab.document("plan.json")["planDigest"]
    assert document["sourceAddress"] == "203.0.113.10"


def test_explain_shows_row_line_and_why(lab: CliLab) -> None:
    _planned(lab)
    assert lab.run("snapshot", "small", "--out", "snapshot.json").code == 0
    told = lab.run("explain", "plan.json", "second-admin", "--snapshot", "snapshot.json")
    assert told.code == 0, told.err
    assert "mapRoles[1] line 2" in told.out
    assert "masters-becomes-policy" in told.out
    unknown = lab.run("explain", "plan.json", "nobody-there")
    assert (unknown.code, unknown.error_code) == (1, "principal-not-in-plan")


def test_a_lab_can_be_a_copy_of_the_cluster(lab: CliLab, tmp_path: Path) -> None:
    assert lab.run("snapshot", "small", "--out", "snapshot.json").code == 0
    copy = str(tmp_path / "copy")
    up = lab.run("lab", "up", "--from", "snapshot.json", "--detach", "--lab-dir", copy)
    assert up.code == 0, up.err
    try:
        second = lab.run("lab", "up", "--detach", "--lab-dir", copy)
        assert (second.code, second.error_code) == (4, "lab-running")
        shell = lab.run("lab", "credentials", "developer", "--lab-dir", copy)
        assert "export AWS_ACCESS_KEY_ID=" in shell.out
        assert lab.run("lab", "clock", "--advance", "60", "--lab-dir", copy).code == 0
        assert lab.run("lab", "fault", "eks:*", "throttle", "times=1", "--lab-dir", copy).code == 0
        assert "eks:*  throttle" in lab.run("lab", "fault", "--lab-dir", copy).out
        assert lab.run("lab", "effects", "--lab-dir", copy).out == "nothing yet\n"
    finally:
        assert lab.run("lab", "down", "--lab-dir", copy).code == 0
    gone = lab.run("lab", "down", "--lab-dir", copy)
    assert (gone.code, gone.error_code) == (1, "lab-not-running")


def test_doctor_says_who_one_is_and_what_one_may(lab: CliLab) -> None:
    ran = lab.run("doctor", "small", "--output", "json")
    document = json.loads(ran.out)
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert (states["caller"], states["api-server"], states["login"]) == ("ok", "ok", "ok")
    assert ran.code == (0 if document["healthy"] else 1)
    assert "doctor" not in lab.run("doctor", "small").err
    policy = json.loads(lab.run("doctor", "small", "--policy").out)
    actions = [action for statement in policy["Statement"] for action in statement["Action"]]
    assert "eks:CreateAccessEntry" in actions
