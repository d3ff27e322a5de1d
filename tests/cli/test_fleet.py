"""``migrate fleet`` as a person runs it, against a lab of several accounts over the wire."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli_lab import CliLab, Ran, running
from tests.support.fleet_world import CI, account_ids, fleet_file, fleet_world

WAIVERS = {
    "waive_gates": {
        "rehearsal": {"by": "test", "reason": "a lab"},
        "nodes": {"by": "test", "reason": "no nodes"},
        "code": {"by": "test", "reason": "nobody writes it"},
    }
}


def _write(lab: CliLab, name: str, document: Any) -> None:  # noqa: ANN401 - JSON, which is YAML too
    (lab.work / name).write_text(json.dumps(document), encoding="utf-8")


def _aggregate(ran: Ran) -> dict[str, Any]:
    found = json.loads(ran.out)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    """Three accounts, one denied; six clusters of as many shapes, one unreachable."""
    world = fleet_world(
        3, 9, shapes=("plain", "blocked", "pipeline"), denied=account_ids(3)[1:2], unreachable=["c0002"]
    )
    with running(tmp_path_factory.mktemp("mixed"), json.dumps(world)) as lab:
        _write(lab, "fleet.yaml", fleet_file(3))
        yield lab


def test_everybody_who_is_expected_is_told_about(mixed: CliLab) -> None:
    ran = mixed.run("fleet", "discover", "--output", "json")
    found = _aggregate(ran)
    assert (ran.code, found["expected"], found["answered"]) == (8, 3, 2)
    silent = [answer for answer in found["answers"] if answer["status"] == "denied"]
    assert {answer["account"] for answer in silent} == {account_ids(3)[1]}
    assert all("eks:ListClusters" in answer["reason"] for answer in silent)
    assert len(found["clusters"]) == 6
    assert "3 accounts expected, 2 answered" in mixed.run("fleet", "discover").out


def test_a_plan_of_every_cluster_that_can_be_read_and_a_status_of_every_other(mixed: CliLab) -> None:
    before = mixed.effects()
    ran = mixed.run("fleet", "plan", "--output", "json")
    found = _aggregate(ran)
    assert (ran.code, found["exitCode"]) == (8, 8)
    states = {result["arn"].rpartition("/")[2]: result["status"] for result in found["results"]}
    assert states.pop("c0002") == "unreachable"
    assert set(states.values()) <= {"done", "blocked"}
    assert len(states) == 5
    assert mixed.effects() == before
    again = _aggregate(mixed.run("fleet", "plan", "--output", "json"))
    assert again["run"] == found["run"]
    planned = {result["arn"]: result["at"] for result in found["results"] if result["status"] != "unreachable"}
    assert planned == {r["arn"]: r["at"] for r in again["results"] if r["status"] != "unreachable"}


def test_a_clusters_plan_is_the_one_that_a_single_command_makes(mixed: CliLab) -> None:
    mixed.run("fleet", "plan")
    account = account_ids(3)[0]
    (mixed.work / "aws.ini").write_text(
        f"[profile single]\nrole_arn = arn:aws:iam::{account}:role/migration\nexternal_id = fleet-7\n"
        "credential_source = Environment\nregion = eu-central-1\n"
    )
    environment = mixed.environment(AWS_CONFIG_FILE=str(mixed.work / "aws.ini"))
    folder = f".migrate/aws/{account}/eu-central-1/c0000"
    reader = ("--profile", "single")
    alone = mixed.run("plan", "c0000", *reader, "--out", "alone.json", environment=environment)
    assert alone.code in (0, 3), alone.err
    mine, theirs = mixed.document(f"{folder}/plan.json"), mixed.document("alone.json")
    for document in (mine, theirs):
        for key in ("createdAt", "planDigest"):
            document.pop(key)
    assert mine == theirs
    shown = mixed.run("status", f"{folder}/plan.json", *reader, environment=environment)
    assert "Cluster    c0000" in shown.out


def test_the_matrix_has_a_line_for_every_plan(mixed: CliLab) -> None:
    ran = mixed.run("fleet", "plan", "--output", "jsonl", "--quiet")
    items = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, len(items)) == (8, 5)
    for item in items:
        assert (mixed.work / ".migrate" / item["plan"]).is_file()
        assert {"arn", "name", "account", "region", "status", "planDigest"} <= set(item)


def test_one_cluster_alone_by_its_arn_leaves_the_fleets_record_alone(mixed: CliLab) -> None:
    mixed.run("fleet", "discover")
    before = (mixed.work / ".migrate/fleet/test/inventory.json").read_bytes()
    arn = f"arn:aws:eks:eu-central-1:{account_ids(3)[0]}:cluster/c0000"
    ran = mixed.run("fleet", "plan", "--cluster", arn, "--output", "json")
    assert [result["arn"] for result in _aggregate(ran)["results"]] == [arn]
    missing = mixed.run("fleet", "plan", "--cluster", arn + "x", "--output", "json")
    assert (missing.code, _aggregate(missing)["missing"][0]["arn"]) == (8, arn + "x")
    assert (mixed.work / ".migrate/fleet/test/inventory.json").read_bytes() == before


def test_status_and_report_come_from_the_files_alone(mixed: CliLab) -> None:
    mixed.run("fleet", "plan")
    offline = {"PATH": "/usr/bin:/bin"}
    status = mixed.run("fleet", "status", "--output", "json", environment=offline)
    found = _aggregate(status)
    assert (status.code, found["accountsExpected"], found["accountsAnswered"]) == (8, 3, 2)
    assert found["stages"]["not planned"] == 1
    ran = mixed.run("fleet", "report", "--markdown", "report.md", "--json", "report.json", environment=offline)
    assert ran.code == 0, ran.err
    text = (mixed.work / "report.md").read_text()
    assert "3 accounts expected, 2 answered" in text
    questions = mixed.document("report.json")["questions"]
    assert questions and questions[0]["principalArn"] == "arn:aws:iam::999999999999:role/vendor"


def test_one_answer_lifts_a_question_everywhere_it_is_asked(mixed: CliLab) -> None:
    vendor = "arn:aws:iam::999999999999:role/vendor"
    answers = {
        "principals": {vendor: {"action": "skip", "reason": "gone"}},
        "accept_loss": {vendor: {"by": "test", "reason": "gone"}},
    }
    _write(mixed, "answers.yaml", answers)
    ran = mixed.run("fleet", "plan", "--decisions", "answers.yaml", "--output", "json")
    assert not [r for r in _aggregate(ran)["results"] if r["status"] == "blocked"]
    _write(mixed, "typo.yaml", {"waive_verification": {CI + "x": {"by": "test", "reason": "typo"}}})
    typo = mixed.run("fleet", "plan", "--decisions", "typo.yaml")
    assert "answers what no cluster asks" in typo.err


def test_a_hook_a_stop_file_and_a_freeze_each_keep_the_first_wave_from_beginning(mixed: CliLab) -> None:
    mixed.run("fleet", "plan")
    before = mixed.effects()
    (mixed.work / "stop").touch()
    hooks = {"before_wave": [["sh", "-c", "echo not today >&2; exit 9"]]}
    window = {"from": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z", "reason": "year end"}
    for name, more, extra, why in (
        ("hooked", {"hooks": hooks}, (), "before_wave hook sh ended with 9: not today"),
        ("stopped", {}, ("--stop-file", "stop"), "the stop file is there"),
        ("frozen", {"freeze": [window]}, (), "year end"),
    ):
        _write(mixed, f"{name}.yaml", fleet_file(3, **more))
        found = _aggregate(mixed.run("fleet", "apply", f"{name}.yaml", "--yes", *extra, "--output", "json"))
        assert why in found["stopped"]
        assert not [result for result in found["results"] if result["status"] == "done"]
    assert mixed.effects() == before


def test_a_fleet_takes_no_option_of_one_cluster(mixed: CliLab) -> None:
    ran = mixed.run("fleet", "plan", "--context", "x")
    assert (ran.code, ran.error_code) == (64, "option-of-one-cluster")


def test_a_fleet_file_that_is_none_is_told(mixed: CliLab) -> None:
    _write(mixed, "wrong.yaml", {"format": "migrator/fleet/v1", "acounts": []})
    assert mixed.run("fleet", "plan", "wrong.yaml").error_code == "fleet-malformed"
    assert mixed.run("fleet", "plan", "nowhere.yaml").error_code == "file-not-found"
    assert mixed.run("fleet", "status", "fleet.yaml", "--state-dir", "elsewhere").error_code == "no-inventory"


def test_the_accounts_are_written_as_custodian_reads_them(mixed: CliLab) -> None:
    mixed.run("fleet", "discover", "--accounts-out", "accounts.yml")
    again = mixed.run("fleet", "discover", "accounts.yml", "--output", "json")
    found = _aggregate(again)
    assert (found["expected"], found["answered"], found["fleet"]) == (3, 2, "accounts")
    assert len(found["clusters"]) == 6


def test_a_whole_fleet_from_aws_auth_to_api_mode_in_waves(tmp_path: Path) -> None:
    with running(tmp_path, json.dumps(fleet_world(2, 6, shapes=("plain", "dual", "empty")))) as lab:
        rules = [{"name": "canary", "size": 1}, {"name": "rest", "strict": False}]
        _write(lab, "fleet.yaml", fleet_file(2, waves=rules))
        _write(lab, "decisions.yaml", WAIVERS)
        assert lab.run("fleet", "plan", "--decisions", "decisions.yaml").code == 0
        assert lab.run("fleet", "verify", "--baseline").code == 0
        asked = lab.run("fleet", "apply")
        assert (asked.code, asked.error_code, lab.effects()) == (4, "no-terminal", [])
        applied = lab.run("fleet", "apply", "--yes")
        assert applied.code == 0, applied.out + applied.err
        done = lab.effects()
        assert lab.run("fleet", "apply", "--yes").code == 0
        assert lab.effects() == done
        verified = lab.run("fleet", "verify")
        assert verified.code == 0, verified.out
        for extra in ([], ["--confirm", "other"], ["--yes"]):
            refused = lab.run("fleet", "cutover", *extra)
            assert refused.code in (4, 64)
        assert lab.effects() == done
        gates = lab.run("fleet", "cutover", "--gates")
        assert gates.code == 0, gates.out
        cut = lab.run("fleet", "cutover", "--confirm", "test", "--output", "json")
        assert cut.code == 0, cut.out
        assert {result["detail"]["mode"] for result in _aggregate(cut)["results"]} == {"API"}
        status = lab.run("fleet", "status", "--output", "json")
        assert (status.code, _aggregate(status)["stages"]) == (0, {"migrated": 6})
        switches = [each for each in lab.effects() if each["operation"] == "eks:UpdateClusterConfig"]
        assert lab.run("fleet", "cutover", "--confirm", "test").code == 0
        assert switches == [each for each in lab.effects() if each["operation"] == "eks:UpdateClusterConfig"]
