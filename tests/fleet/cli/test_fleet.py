"""``migrate fleet`` as a person runs it, against a lab of several accounts over the wire."""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrator.fleet.model.files.records import outcome_schema
from migrator.lab.lab_client import control
from tests.support.cli_lab import CliLab, Ran, running
from tests.support.fleet_world import CI, account_ids, fleet_file, fleet_world
from tests.support.forked_programs import folder_of
from tests.support.scale_page import CALLS

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
        3,
        9,
        shapes=("plain", "blocked", "pipeline"),
        denied=account_ids(3)[1:2],
        unreachable=["c0002"],
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


def test_a_plan_of_every_cluster_that_can_be_read_and_a_status_of_every_other(
    mixed: CliLab,
) -> None:
    before = mixed.effects()
    ran = mixed.run("fleet", "plan", "--output", "json")
    Draft202012Validator(outcome_schema()).validate(_aggregate(ran))
    found = _aggregate(ran)
    assert (ran.code, found["exitCode"]) == (8, 8)
    states = {result["arn"].rpartition("/")[2]: result["status"] for result in found["results"]}
    assert states.pop("c0002") == "unreachable"
    assert set(states.values()) <= {"done", "blocked"}
    # The fleet's plan has no option that writes questions: the line for the cluster alone is named.
    for each in _aggregate(ran)["results"]:
        if each["status"] == "blocked" and "in decisions.yaml: `" in each["remedy"]:
            line = f"`migrate plan {each['arn']} --write-decisions decisions.yaml --region "
            assert line in each["remedy"]
    assert len(states) == 5
    assert mixed.effects() == before
    again = _aggregate(mixed.run("fleet", "plan", "--output", "json"))
    assert again["run"] == found["run"]
    planned = {
        result["arn"]: result["at"]
        for result in found["results"]
        if result["status"] != "unreachable"
    }
    assert planned == {r["arn"]: r["at"] for r in again["results"] if r["status"] != "unreachable"}


def test_a_clusters_plan_is_the_one_that_a_single_command_makes(mixed: CliLab) -> None:
    mixed.run("fleet", "plan")
    account = account_ids(3)[0]
    (mixed.work / "aws.ini").write_text(
        f"[profile single]\nrole_arn = arn:aws:iam::{account}:role/migration\nexternal_id = "
        f"fleet-7\n"
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
    for spelled in (f"{account_ids(3)[0]}/eu-central-1/c0000", "c0000"):
        same = mixed.run("fleet", "plan", "--cluster", spelled, "--output", "json")
        assert [result["arn"] for result in _aggregate(same)["results"]] == [arn]
    unknown = mixed.run("fleet", "rollback", "--cluster", "nope", "--yes")
    assert (unknown.code, unknown.error_code) == (64, "fleet-cluster-unknown")
    missing = mixed.run("fleet", "plan", "--cluster", arn + "x", "--output", "json")
    assert (missing.code, _aggregate(missing)["missing"][0]["arn"]) == (8, arn + "x")
    inventory = mixed.work / ".migrate/fleet/test/inventory.json"
    assert inventory.read_bytes() == before
    # An ARN says which cluster is meant: a damaged inventory is not even read.
    inventory.write_text("[")
    again = mixed.run("fleet", "plan", "--cluster", arn, "--output", "json")
    assert [result["arn"] for result in _aggregate(again)["results"]] == [arn]
    assert mixed.run("fleet", "plan", "--cluster", "c0000").error_code == "inventory-unreadable"
    inventory.write_bytes(before)


def test_status_and_report_come_from_the_files_alone(mixed: CliLab) -> None:
    mixed.run("fleet", "plan")
    offline = {"PATH": "/usr/bin:/bin"}
    status = mixed.run("fleet", "status", "--output", "json", environment=offline)
    found = _aggregate(status)
    assert (status.code, found["accountsExpected"], found["accountsAnswered"]) == (8, 3, 2)
    assert found["stages"]["unreachable"] == 1
    ran = mixed.run(
        "fleet", "report", "--markdown", "report.md", "--json", "report.json", environment=offline
    )
    assert ran.code == 0, ran.err
    text = (mixed.work / "report.md").read_text()
    assert "3 accounts expected, 2 answered" in text
    questions = mixed.document("report.json")["questions"]
    assert questions and questions[0]["principalArn"] == "arn:aws:iam::999999999999:role/vendor"


def test_clusters_of_accounts_that_do_not_answer_any_more_stay_in_the_report(
    mixed: CliLab,
) -> None:
    state = ("--state-dir", "silent")
    assert mixed.run("fleet", "discover", *state).code == 8
    denied = {"operation": "eks:ListClusters", "kind": "denied", "times": 1000}
    control(mixed.directory, "POST", "fault", denied)
    for _ in range(2):
        ran = mixed.run("fleet", "discover", *state, "--output", "json")
        assert (ran.code, _aggregate(ran)["answered"]) == (8, 0)
    control(mixed.directory, "POST", "fault", {"clear": True})
    mixed.run("fleet", "report", *state, "--markdown", "silent.md")
    page = (mixed.work / "silent.md").read_text(encoding="utf-8")
    assert "0 of 6 clusters migrated" in page
    assert "| Not read | **6** | 6 in accounts that no longer answer" in page
    assert "not read since 20" in page
    assert mixed.run("fleet", "discover", *state).code == 8
    assert "not read since" not in mixed.run("fleet", "status", *state).out


def pasted(lab: CliLab, script: str) -> "subprocess.CompletedProcess[str]":
    """A script in the operator's shell, with the AWS CLI beside the tests."""
    path = f"{folder_of('aws')}{os.pathsep}{os.environ['PATH']}"
    files = str(lab.work / "none.ini")
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=lab.work,
        env=lab.environment(PATH=path, AWS_CONFIG_FILE=files),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_aws_commands_of_a_result_work_pasted_into_the_operators_shell(mixed: CliLab) -> None:
    """The clusters are in other accounts than the operator."""
    found = _aggregate(mixed.run("fleet", "plan", "--output", "json"))
    remedies = [each["remedy"] for each in found["results"] if "`aws " in each["remedy"]]
    assert remedies
    for remedy in remedies:
        lines = re.findall(r"`((?:aws|export) .+?)`", remedy)
        steps = [line for line in lines if line.startswith("export ")]
        asks = [line for line in lines if line.startswith("aws ") and " describe-" in line]
        assert asks, remedy
        done = pasted(mixed, "\n".join((*steps, *asks)))
        assert done.returncode == 0, f"{remedy}\n{done.stderr}"
        # Without the role the account is the operator's own, which has no such cluster.
        assert pasted(mixed, asks[0]).returncode != 0


def test_a_cluster_that_nothing_answers_stays_unreachable_over_later_commands(
    mixed: CliLab,
) -> None:
    mixed.run("fleet", "plan")
    ran = mixed.run("fleet", "verify", "--baseline", "--output", "json")
    ended = {each["arn"].rpartition("/")[2]: each for each in _aggregate(ran)["results"]}
    assert ended["c0002"]["status"] == "unreachable"
    assert "it could not be read when it was to be planned" in ended["c0002"]["message"]
    status = _aggregate(mixed.run("fleet", "status", "--output", "json"))
    assert status["stages"]["unreachable"] == 1
    assert "not planned" not in status["stages"]
    assert mixed.run("fleet", "report", "--html", "fleet.html").code == 0
    page = " ".join((mixed.work / "fleet.html").read_text().split())
    assert "Not read" in page
    assert "1 unreachable" in page


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


def test_a_hook_a_stop_file_and_a_freeze_each_keep_the_first_wave_from_beginning(
    mixed: CliLab,
) -> None:
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
        found = _aggregate(
            mixed.run("fleet", "apply", f"{name}.yaml", "--yes", *extra, "--output", "json")
        )
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
    assert (
        mixed.run("fleet", "status", "fleet.yaml", "--state-dir", "elsewhere").error_code
        == "no-inventory"
    )


def test_the_accounts_are_written_as_custodian_reads_them(mixed: CliLab) -> None:
    mixed.run("fleet", "discover", "--accounts-out", "accounts.yml")
    again = mixed.run("fleet", "discover", "accounts.yml", "--output", "json")
    found = _aggregate(again)
    assert (found["expected"], found["answered"], found["fleet"]) == (3, 2, "accounts")
    assert len(found["clusters"]) == 6


# Rows of aws-auth in a cluster of each shape.
ROWS = {"plain": 3, "dual": 3, "empty": 2}


@contextmanager
def _counted(lab: CliLab, shapes: list[str], command: str) -> Iterator[None]:
    """The calls of a command are those that explanation/scale.md counts on, within a quarter."""
    lab.count_calls()
    yield
    for service, seen in lab.calls().items():
        said = sum(CALLS[command].of(service, ROWS[shape]) for shape in shapes)
        assert seen == pytest.approx(said, rel=0.25, abs=8), (command, service)


def test_a_whole_fleet_from_aws_auth_to_api_mode_in_waves(tmp_path: Path) -> None:
    world = fleet_world(2, 6, shapes=tuple(ROWS))
    shapes = [each["tags"]["shape"] for each in world["clusters"]]
    with running(tmp_path, json.dumps(world)) as lab:
        rules = [{"name": "canary", "size": 1}, {"name": "rest", "strict": False}]
        _write(lab, "fleet.yaml", fleet_file(2, waves=rules))
        _write(lab, "decisions.yaml", WAIVERS)
        with _counted(lab, shapes, "plan"):
            assert lab.run("fleet", "plan", "--decisions", "decisions.yaml").code == 0
        with _counted(lab, shapes, "verify --baseline"):
            assert lab.run("fleet", "verify", "--baseline").code == 0
        asked = lab.run("fleet", "apply")
        assert (asked.code, asked.error_code, lab.effects()) == (4, "no-terminal", [])
        with _counted(lab, shapes, "apply"):
            applied = lab.run("fleet", "apply", "--yes")
        assert applied.code == 0, applied.out + applied.err
        done = lab.effects()
        assert lab.run("fleet", "apply", "--yes").code == 0
        assert lab.effects() == done
        _soc_was_told(lab, done)
        with _counted(lab, shapes, "verify"):
            verified = lab.run("fleet", "verify")
        assert verified.code == 0, verified.out
        for extra in ([], ["--confirm", "other"], ["--yes"]):
            refused = lab.run("fleet", "cutover", *extra)
            assert refused.code in (4, 64)
        assert lab.effects() == done
        with _counted(lab, shapes, "cutover --gates"):
            gates = lab.run("fleet", "cutover", "--gates")
        assert gates.code == 0, gates.out
        with _counted(lab, shapes, "cutover"):
            cut = lab.run("fleet", "cutover", "--confirm", "test", "--output", "json")
        assert cut.code == 0, cut.out
        assert {result["detail"]["mode"] for result in _aggregate(cut)["results"]} == {"API"}
        status = lab.run("fleet", "status", "--output", "json")
        assert (status.code, _aggregate(status)["stages"]) == (0, {"cut over": 6})
        switches = [
            each for each in lab.effects() if each["operation"] == "eks:UpdateClusterConfig"
        ]
        assert lab.run("fleet", "cutover", "--confirm", "test").code == 0
        assert switches == [
            each for each in lab.effects() if each["operation"] == "eks:UpdateClusterConfig"
        ]


def _soc_was_told(lab: CliLab, done: list[dict[str, Any]]) -> None:
    """The note for the SOC has each change of the apply with its number, and its session."""
    assert lab.run("fleet", "report", "--json", "report.json", "--markdown", "report.md").code == 0
    note = lab.document("report.json")["securityNote"]
    assert note["clusters"] == 6
    made: Counter[str] = Counter()
    for call in note["calls"]:
        if call["command"] == "apply" and call["made"]:
            made[call["call"].partition(".")[0]] += call["made"]
    assert made == Counter(each["operation"].removeprefix("kubernetes:") for each in done)
    sessions = {each["who"].rpartition("/")[2] for each in done if each["operation"][:4] == "eks:"}
    assert sessions == {"migrate-fleet"}
    assert sessions < set(note["sessionNames"])
    assert "## Note for the SOC" in (lab.work / "report.md").read_text()


def test_a_wave_that_needs_approval_is_not_begun_by_yes_alone(tmp_path: Path) -> None:
    with running(
        tmp_path, json.dumps(fleet_world(1, 4, regions=("eu-central-1",), shapes=("plain",)))
    ) as lab:
        rules = [{"name": "canary", "size": 1}, {"name": "rest", "pause": "1h", "approve": True}]
        _write(lab, "fleet.yaml", fleet_file(1, regions=("eu-central-1",), waves=rules))
        assert lab.run("fleet", "plan").code == 0
        first = lab.run("fleet", "apply", "--yes")  # the lab's clock does not wait for the pause
        assert first.code == 8
        assert "wave rest waits for approval (--approve rest)" in " ".join(first.out.split())
        assert "fleet.yaml --approve rest" in " ".join((first.out + first.err).split())
        results = _aggregate(lab.run("fleet", "apply", "--yes", "--output", "json"))["results"]
        assert [result["status"] for result in results if result["wave"] == "canary"] == ["done"]
        assert "done" not in {result["status"] for result in results if result["wave"] == "rest"}
        assert lab.run("fleet", "apply", "--yes", "--approve", "rest").code == 0
        assert lab.run("fleet", "status", "--output", "json").code == 0


def test_a_fleet_makes_canary_pods_only_where_it_is_allowed_to_and_leaves_none(
    tmp_path: Path,
) -> None:
    world = fleet_world(1, 2, regions=("eu-central-1",), shapes=("plain",))
    (account,) = account_ids(1)
    arn = f"arn:aws:iam::{account}:role/pods"
    world["accounts"][1]["roles"].append(
        {"name": "pods", "trust": {"services": ["eks-fargate-pods.amazonaws.com"]}}
    )
    profile = {"fargateProfileName": "pods", "podExecutionRoleArn": arn, "status": "ACTIVE"}
    row = f'- {{rolearn: "{arn}", username: "system:node:{{{{SessionName}}}}", groups: ["system:bootstrappers", '  # noqa: E501
    row += '"system:nodes", "system:node-proxier"]}\n'
    for cluster in world["clusters"]:
        cluster["fargateProfiles"] = [{**profile, "selectors": [{"namespace": "default"}]}]
        cluster["kubernetes"][0]["data"]["mapRoles"] += row
    with running(tmp_path, json.dumps(world)) as lab:
        _write(lab, "fleet.yaml", fleet_file(1, regions=("eu-central-1",)))
        assert lab.run("fleet", "plan").code == 0
        before = lab.effects()
        assert lab.run("fleet", "verify", "--baseline").code == 0
        assert lab.effects() == before
        ran = lab.run("fleet", "verify", "--baseline", "--canary-pods", "--output", "json")
        assert ran.code == 0, ran.err
        pods = [
            effect
            for effect in lab.effects()[len(before) :]
            if effect["operation"].endswith(" pods")
        ]
        assert Counter(each["operation"] for each in pods) == {
            "kubernetes:create pods": 2,
            "kubernetes:delete pods": 2,
        }
        for name in ("c0000", "c0001"):
            evidence = (
                lab.work / f".migrate/aws/{account}/eu-central-1/{name}/evidence.jsonl"
            ).read_text()
            assert "canary pod default/migrate-canary-" in evidence


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    """One account with two clusters, planned as a fleet; the shell has a profile that leads into
    the account.
    """
    with running(
        tmp_path_factory.mktemp("planned"), json.dumps(fleet_world(1, 2, shapes=("plain",)))
    ) as lab:
        _write(lab, "fleet.yaml", fleet_file(1))
        _write(lab, "decisions.yaml", WAIVERS)
        assert lab.run("fleet", "plan", "--decisions", "decisions.yaml").code == 0
        (lab.work / "aws.ini").write_text(
            f"[profile single]\nrole_arn = "
            f"arn:aws:iam::{account_ids(1)[0]}:role/migration\nexternal_id = fleet-7\n"
            "credential_source = Environment\nregion = eu-central-1\n"
        )
        yield lab


def _folder(lab: CliLab) -> str:
    (plan,) = sorted((lab.work / ".migrate/aws").rglob("c0000/plan.json"))
    return str(plan.parent.relative_to(lab.work))


def test_a_clusters_folder_holds_the_files_of_a_single_migration_and_nothing_else(
    planned: CliLab,
) -> None:
    folder = planned.work / _folder(planned)
    assert {each.name for each in folder.iterdir()} <= {
        "plan.json",
        "snapshot.json",
        "decisions.yaml",
        "lock",
    }
    assert {oct(each.stat().st_mode & 0o777) for each in folder.iterdir() if each.is_file()} == {
        "0o600"
    }
    above = {each.name for each in (planned.work / ".migrate").iterdir()}
    assert above == {"aws", "fleet"}


def test_every_command_of_a_single_cluster_works_on_its_folder(planned: CliLab) -> None:
    folder = _folder(planned)
    plan = f"{folder}/plan.json"
    environment = planned.environment(AWS_CONFIG_FILE=str(planned.work / "aws.ini"))
    principal = planned.document(plan)["principals"][0]["principalArn"]
    answers = ("--decisions", "decisions.yaml")
    for arguments, codes in (
        (("show", plan), (0,)),
        (("explain", plan, principal), (0,)),
        (("plan", "--snapshot", f"{folder}/snapshot.json", *answers), (0,)),
        (("generate", "terraform", plan, "--out", "code"), (0,)),
        (("status", plan), (7,)),
        (("apply", plan, "--yes", *answers), (0,)),
        (("verify", plan, *answers), (0, 6)),
        (("report", plan, "--html", "report.html", *answers), (0,)),
        (("status", plan), (0,)),
        (("rollback", plan, "--yes"), (0,)),
    ):
        ran = planned.run(*arguments, "--profile", "single", environment=environment)
        assert ran.code in codes, (arguments, ran.out, ran.err)
    names = {each.name for each in (planned.work / folder).iterdir()}
    assert {"journal.jsonl", "evidence.jsonl", "backup"} <= names


def test_what_a_single_command_did_is_seen_by_the_fleet(planned: CliLab) -> None:
    environment = planned.environment(AWS_CONFIG_FILE=str(planned.work / "aws.ini"))
    other = next((planned.work / ".migrate/aws").rglob("c0001/plan.json")).relative_to(planned.work)
    way = ("--profile", "single", "--region", other.parts[-3], "--decisions", "decisions.yaml")
    ran = planned.run("apply", str(other), "--yes", *way, environment=environment)
    assert ran.code == 0, ran.err
    found = _aggregate(planned.run("fleet", "status", "--output", "json"))
    stages = {each["name"]: each["stage"] for each in found["clusters"]}
    assert stages["c0001"] == "applied"


def test_the_dashboard_is_one_private_file_with_every_cluster_and_who_did_not_answer(
    mixed: CliLab,
) -> None:
    mixed.run("fleet", "plan")
    ran = mixed.run(
        "fleet",
        "report",
        "--html",
        "fleet.html",
        "--json",
        "-",
        environment={"PATH": "/usr/bin:/bin"},
    )
    assert ran.code == 0, ran.err
    html = (mixed.work / "fleet.html").read_text(encoding="utf-8")
    document = json.loads(ran.out)
    assert (mixed.work / "fleet.html").stat().st_mode & 0o777 == 0o600
    for cluster in document["clusters"]:
        assert cluster["arn"] in html
    assert "1 of 3 accounts did not answer completely" in html
    stages = {each["name"]: each["stage"] for each in document["clusters"]}
    assert stages["c0002"] == "unreachable"
    assert document["runs"][0]["command"] == "plan"
    twice = mixed.run("fleet", "report", "--html", "x", "--json", "x")
    assert (twice.code, mixed.run("fleet", "report").code) == (64, 64)


def test_the_answer_that_the_report_gives_lifts_the_question(mixed: CliLab) -> None:
    mixed.run("fleet", "plan")
    mixed.run("fleet", "report", "--json", "before.json")
    (question,) = mixed.document("before.json")["questions"]
    sections: dict[str, dict[str, Any]] = {}
    for answer in question["answers"]:
        text = json.dumps(answer["answer"]).replace("<path>/", "").replace("<why>", "reviewed")
        sections.setdefault(answer["section"], {})[answer["key"]] = json.loads(text)
    where = question["where"]
    _write(
        mixed,
        "given.yaml",
        sections if where is None else {"where": [{"clusters": where, **sections}]},
    )
    ran = mixed.run("fleet", "plan", "--decisions", "given.yaml", "--output", "json")
    assert not [r for r in _aggregate(ran)["results"] if r["status"] == "blocked"], ran.err
