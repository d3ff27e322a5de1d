"""Worlds from the field, over the wire: what the commands say of each, and what they leave."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from subprocess import CompletedProcess
from time import sleep
from typing import Any

import pytest

from migrator.lab.worlds.world_files import build_world
from tests.support.aws_lab import Client, client
from tests.support.fleet_world import fleet_file, fleet_world
from tests.support.lab_session import LabSession, lab_session

CASES = Path("tests/data/field_cases")
CLUSTER = "orders"
ACCOUNT = "111122223333"
NODES, DEV = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("nodes", "dev"))


@contextmanager
def case(place: Path, name: str, world: str = "world.json") -> Iterator[LabSession]:
    """A lab with the case's world; its decisions, if it has any, are in the folder."""
    folder = CASES / name
    document = json.loads((folder / world).read_text(encoding="utf-8"))
    with lab_session(place, build_world(document)) as session:
        for answers in folder.glob("*.yaml"):
            copy(answers, place)
        yield session


def plan(session: LabSession, *options: str) -> tuple[CompletedProcess[str], dict[str, Any]]:
    """How ``migrate plan`` ended, and the plan that it wrote; an empty one where it wrote none."""
    path = session.folder / "plan.json"
    path.unlink(missing_ok=True)
    ran = session.migrate("plan", CLUSTER, "--out", "plan.json", "--quiet", *options)
    return ran, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def found(document: dict[str, Any], code: str) -> list[dict[str, Any]]:
    """The findings of one code."""
    return [finding for finding in document["findings"] if finding["code"] == code]


def the(document: dict[str, Any], arn: str) -> dict[str, Any]:
    """The principal with this ARN."""
    (principal,) = (each for each in document["principals"] if each["principalArn"] == arn)
    assert isinstance(principal, dict)
    return principal


def eks_of(session: LabSession) -> Client:
    """The operator's EKS API."""
    operator = f"arn:aws:iam::{ACCOUNT}:role/platform/migration-operator"
    return client(session.lab, "eks", operator, region="eu-central-1")


def words(text: str) -> str:
    """Text with its line breaks taken away."""
    return " ".join(text.split())


def test_row_of_the_unknown_creator_is_on_its_entry_in_the_same_run(tmp_path: Path) -> None:
    founder = f"arn:aws:iam::{ACCOUNT}:role/platform/cluster-bootstrap"
    with case(tmp_path, "creator-row-lost-by-mode-switch") as session:
        assert plan(session)[0].returncode == 0
        applied = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert applied.returncode == 0, applied.stderr
        second, document = plan(session)
        assert second.returncode == 0, second.stdout
        entry = the(document, founder)["entry"]
        assert (entry["username"], entry["kubernetesGroups"]) == ("terraform", ["ci-approvers"])
        verified = session.migrate("verify", "plan.json", "--quiet")
        assert verified.returncode == 0, verified.stdout


def test_apply_and_status_end_with_7_while_a_bridge_is_left(tmp_path: Path) -> None:
    hub = "arn:aws:iam::444455556666:role/irsa/argocd-hub"
    answers = ("--decisions", "decisions.yaml", "--quiet")
    with case(tmp_path, "apply-exit-0-bridge-left") as session:
        assert plan(session, "--decisions", "decisions.yaml")[0].returncode == 0
        applied = session.migrate("apply", "plan.json", "--yes", *answers)
        status = session.migrate("status", "plan.json", *answers)
        for ran in (applied, status):
            assert ran.returncode == 7, ran.stdout + ran.stderr
            assert "remove-bridge" in ran.stdout
            assert hub.removeprefix("arn:aws:iam::") in ran.stdout


def test_dead_entry_under_live_nodes_names_them_and_is_made_again_as_answered(
    tmp_path: Path,
) -> None:
    with case(tmp_path, "node-role-recreated") as session:
        ran, document = plan(session)
        assert ran.returncode == 3
        (dead,) = found(document, "node-entry-dead")
        assert "1 live node uses the role" in dead["message"]
        assert "Deleting it alone does not help" in dead["remedy"]
        answer = f"principals:\n  {NODES}: {{action: create, type: EC2_LINUX, reason: nodes}}\n"
        (tmp_path / "answers.yaml").write_text(answer, encoding="utf-8")
        ran, document = plan(session, "--decisions", "answers.yaml")
        assert ran.returncode == 0, ran.stdout
        assert the(document, NODES)["action"] == "recreate"


def test_unknown_writer_of_aws_auth_is_unknown_by_its_name_at_gate_8(tmp_path: Path) -> None:
    with case(tmp_path, "unknown-writer-passes-gate-8") as session:
        assert plan(session)[0].returncode == 0
        session.migrate("apply", "plan.json", "--yes", "--quiet")
        gates = session.migrate("cutover", "plan.json", "--gates", "--quiet")
        (line,) = (each for each in gates.stdout.splitlines() if each.startswith("8 "))
        assert "pass" not in line
        assert "aws-eks-iam-auth-controller" in gates.stdout


def test_account_in_a_group_is_carried_as_the_number_that_it_is(tmp_path: Path) -> None:
    with case(tmp_path, "group-template-account-id") as session:
        ran, document = plan(session)
        assert ran.returncode == 0, ran.stdout
        principal = the(document, DEV)
        assert principal["action"] == "create"
        assert principal["entry"]["kubernetesGroups"] == [f"team-{ACCOUNT}"]


@pytest.mark.parametrize(
    ("world", "code"),
    [
        ("world.json", "outpost-without-entries"),
        ("world-old-platform.json", "platform-without-entries"),
    ],
)
def test_cluster_without_access_entries_blocks_the_plan_as_doctor_says(
    tmp_path: Path, world: str, code: str
) -> None:
    with case(tmp_path, "outposts-and-old-platform-plan-clean", world) as session:
        doctor = session.migrate("doctor", CLUSTER, "--output", "json")
        ran, document = plan(session)
        assert ran.returncode == 3
        (finding,) = found(document, code)
        checks = {check["name"]: check for check in json.loads(doctor.stdout)["checks"]}
        assert (checks["platform"]["state"], checks["platform"]["said"]) == (
            "fail",
            finding["message"],
        )
        assert "No answer in decisions.yaml lifts this" in words(ran.stdout)
        applied = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert applied.returncode == 3
        assert "Switch cluster" not in applied.stderr
        assert session.effects() == []


def test_instance_ids_in_a_managed_group_block_with_the_two_ways_out(tmp_path: Path) -> None:
    with case(tmp_path, "instance-id-nodes-in-managed-group") as session:
        ran, document = plan(session, "--write-decisions", "stubs.yaml")
        assert ran.returncode == 3
        assert found(document, "instance-id-node-names") == []
        (told,) = found(document, "automatic-entry-differs")
        assert "EKS makes one of type EC2_LINUX" in told["message"]
        assert "One way:" in told["remedy"]
        assert "action:" not in (tmp_path / "stubs.yaml").read_text(encoding="utf-8")
        assert "No answer in decisions.yaml lifts this" in words(ran.stdout)
        # The other way, as the steps say.
        cluster, now = session.world.cluster(CLUSTER), session.world.now()
        eks = eks_of(session)
        eks.update_cluster_config(
            name=CLUSTER, accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"}
        )
        while cluster.mode(now) == "CONFIG_MAP":
            sleep(0.2)
            now = session.world.now()
        assert cluster.entries(now)[NODES].type == "EC2_LINUX"
        eks.delete_access_entry(clusterName=CLUSTER, principalArn=NODES)
        ran, document = plan(session, "--decisions", "decisions.yaml")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert the(document, NODES)["entry"]["type"] == "EC2"


def test_standard_entry_of_a_node_role_gets_the_type_of_row_name_and_trust(
    tmp_path: Path,
) -> None:
    with case(tmp_path, "wrong-type-proposed-ec2") as session:
        ran, document = plan(session, "--write-decisions", "stubs.yaml")
        assert ran.returncode == 3
        assert the(document, NODES)["proposed"]["type"] == "EC2_LINUX"
        (told,) = found(document, "entry-wrong-type")
        assert "need EC2_LINUX" in told["message"]
        assert "action:" not in (tmp_path / "stubs.yaml").read_text(encoding="utf-8")
        assert "No answer in decisions.yaml lifts this" in words(ran.stdout)
        eks_of(session).delete_access_entry(clusterName=CLUSTER, principalArn=NODES)
        ran, document = plan(session)
        assert ran.returncode == 0, ran.stdout
        assert the(document, NODES)["entry"]["type"] == "EC2_LINUX"


def test_admin_under_a_nodes_name_is_offered_the_answer_that_keeps_its_access(
    tmp_path: Path,
) -> None:
    name = "AWSReservedSSO_DevOps_0a1b2c3d4e5f6071"
    arn = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-central-1/{name}"
    with case(tmp_path, "sso-admin-with-node-name") as session:
        ran, document = plan(session, "--write-decisions", "stubs.yaml")
        assert ran.returncode == 3
        (told,) = found(document, "node-row-with-masters")
        assert "An administrator under a node's name" in told["message"]
        lines = (tmp_path / "stubs.yaml").read_text(encoding="utf-8").splitlines()
        answers = [place for place, line in enumerate(lines) if "  #   action:" in line]
        losing = [place for place, line in enumerate(lines) if "LOSES access" in line]
        # The answer that keeps the access comes before every one that loses it, which says so.
        assert 'action: "create"' in lines[answers[0]]
        assert answers[0] < losing[0] < answers[1]
        # The first answer as it was written, with a reason.
        end = next(place for place in range(answers[0], len(lines)) if "reason:" in lines[place])
        taken = [line.removeprefix("  # ") for line in lines[answers[0] - 1 : end + 1]]
        answer = "\n".join(f"  {line}" for line in taken).replace("<why>", "it is an admin")
        (tmp_path / "answers.yaml").write_text(f"principals:\n{answer}\n", encoding="utf-8")
        ran, document = plan(session, "--decisions", "answers.yaml")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        entry = the(document, arn)["entry"]
        assert entry["username"] == f"{name}:{{{{SessionName}}}}"
        (policy,) = entry["accessPolicies"]
        assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")


def test_principal_of_a_mapped_account_that_a_binding_names_is_read_and_written_in_full(
    tmp_path: Path,
) -> None:
    """MapAccounts with the cluster's own account; the bound role has a path, its name has none."""
    document = json.loads((CASES / "group-template-account-id" / "world.json").read_bytes())
    (cluster,) = document["clusters"]
    aws_auth, binding = cluster["kubernetes"][0], cluster["kubernetes"][-1]
    aws_auth["data"]["mapAccounts"] = f"- '{ACCOUNT}'\n"
    document["accounts"][0]["roles"].append({"name": "deployer", "path": "/team/"})
    binding["subjects"][0] |= {"kind": "User", "name": f"arn:aws:iam::{ACCOUNT}:role/deployer"}
    with lab_session(tmp_path, build_world(document)) as session:
        ran, planned = plan(session, "--write-decisions", "stubs.yaml")
        assert ran.returncode == 3
        full = f"arn:aws:iam::{ACCOUNT}:role/team/deployer"
        (told,) = found(planned, "map-accounts")
        assert f"Named in the cluster: `{full}`" in told["message"]
        assert full in (tmp_path / "stubs.yaml").read_text(encoding="utf-8")
        answer = f"accounts:\n  '{ACCOUNT}': {{action: skip, reason: closed}}\n"
        (tmp_path / "answers.yaml").write_text(answer, encoding="utf-8")
        ran, planned = plan(session, "--decisions", "answers.yaml")
        assert (ran.returncode, the(planned, full)["action"]) == (3, "block")
        answer += f"accept_loss:\n  {full}: {{by: Ana, reason: closed}}\n"
        (tmp_path / "answers.yaml").write_text(answer, encoding="utf-8")
        ran, planned = plan(session, "--decisions", "answers.yaml")
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_fleet_blocks_the_plan_of_a_cluster_without_access_entries(tmp_path: Path) -> None:
    document = fleet_world(1, 2, regions=("eu-central-1",), shapes=("plain",))
    document["clusters"][0] |= {"version": "1.24", "platformVersion": "eks.3"}
    file = fleet_file(1, regions=("eu-central-1",), waves=[{"name": "all"}])
    with lab_session(tmp_path, build_world(document)) as session:
        (tmp_path / "fleet.yaml").write_text(json.dumps(file), encoding="utf-8")
        planned = session.migrate("fleet", "plan", "--output", "json")
        assert planned.returncode != 0, planned.stdout
        assert "platform-without-entries" in planned.stdout + planned.stderr
        session.migrate("fleet", "apply", "--yes")
        modes = {
            each.name: each.mode(session.world.now()) for each in session.world.clusters.values()
        }
        assert modes[document["clusters"][0]["name"]] == "CONFIG_MAP"
        assert modes[document["clusters"][1]["name"]] != "CONFIG_MAP"
