"""The cluster's creator at the mode step, over the wire: whatever its row gave before, it has
afterwards.

EKS makes an entry of its own for the creator when access entries are switched on. It shadows the
creator's row at once, and knows neither the row's username nor its groups.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migrator.lab.worlds.world_files import build_world
from tests.support.aws_command import run_script
from tests.support.creator_worlds import (
    CLUSTER,
    FOUNDER,
    MASTERS,
    NODE,
    NODE_ROW,
    NODES,
    OPERATOR,
    REGION,
    creator_world,
    entry_of,
    identities,
    row,
)
from tests.support.judged.oracle import JudgedOracle
from tests.support.lab_session import LabSession, lab_session

ADMIN = "AmazonEKSClusterAdminPolicy"
OWN_NAME = "arn:aws:sts::111122223333:assumed-role/cluster-bootstrap/{{SessionName}}"
STATUS = ("status", "plan.json")
OWN = ("STANDARD", OWN_NAME, (), (ADMIN,))


@contextmanager
def planned(place: Path, world: object) -> Iterator[tuple[LabSession, JudgedOracle]]:
    """A lab with the world, a plan of its cluster, and an oracle that has looked at the access
    before.
    """
    with lab_session(place, build_world(world)) as session:
        session.run("plan", CLUSTER, "--out", "plan.json", "--quiet")
        yield session, JudgedOracle(session.world)


def test_row_of_an_unknown_creator_is_put_on_the_entry_that_eks_makes(tmp_path: Path) -> None:
    world = creator_world(row(FOUNDER, "terraform", [MASTERS, "ci-approvers"]))
    with planned(tmp_path, world) as (session, oracle):
        applied = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert applied.returncode == 0, applied.stderr
        assert "20 of 20 steps done" in applied.stdout
        assert entry_of(session, FOUNDER) == ("STANDARD", "terraform", ("ci-approvers",), (ADMIN,))
        assert identities(session, FOUNDER) == {
            ("terraform", ("ci-approvers", "system:authenticated"))
        }
        again = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert (again.returncode, len(again.stderr.strip())) == (0, 0), again.stderr
        verified = session.migrate("verify", "plan.json", "--only", FOUNDER, "--quiet")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        second = session.run("plan", CLUSTER, "--out", "plan2.json", "--quiet")
        assert "Steps: none, nothing to do" in second
        back = session.migrate("rollback", "plan.json", "--yes", "--quiet")
        assert back.returncode == 4, back.stderr
        told = " ".join(back.stdout.split())
        assert f"EKS made the entry of {FOUNDER}" in told
        assert "aws eks delete-access-entry" in told
        assert entry_of(session, FOUNDER) == ("STANDARD", "terraform", ("ci-approvers",), (ADMIN,))
        assert entry_of(session, OPERATOR) is None
        oracle.stop()
        assert oracle.wrong() == []
        delete_entry(session, FOUNDER)  # as the message says
        done = session.migrate("rollback", "plan.json", "--yes", "--quiet")
        assert done.returncode == 0, done.stdout
        assert identities(session, FOUNDER) == {
            ("terraform", ("ci-approvers", "system:authenticated", MASTERS))
        }


def delete_entry(session: LabSession, arn: str) -> None:
    now = session.world.now()
    session.world.cluster(CLUSTER).write_entry(arn, None, now, delay=now - now)


def test_entry_that_looks_as_the_creators_is_drift_where_a_run_completed_that(
    tmp_path: Path,
) -> None:
    """A cluster has one creator, and its entry is not as EKS made it any more."""
    stranger = "arn:aws:iam::111122223333:role/stranger"
    world = creator_world(row(FOUNDER, "terraform", [MASTERS, "ci-approvers"]))
    with planned(tmp_path, world) as (session, _):
        session.run("apply", "plan.json", "--yes", "--quiet")
        drift = ("drift", "plan.json", "--detailed-exitcode")
        assert session.migrate(*drift).returncode == 0
        script = (
            f"set -e; export AWS_DEFAULT_REGION={REGION}\n"
            "aws iam create-role --role-name stranger --assume-role-policy-document "
            """'{"Version": "2012-10-17", "Statement": []}'\n"""
            f"aws eks create-access-entry --cluster-name {CLUSTER} --principal-arn {stranger}\n"
            f"aws eks associate-access-policy --cluster-name {CLUSTER} --principal-arn {stranger} "
            f"--policy-arn arn:aws:eks::aws:cluster-access-policy/{ADMIN} "
            "--access-scope type=cluster\n"
        )
        made = run_script(session.lab, tmp_path / "aws", script, FOUNDER)
        assert made.returncode == 0, made.stderr
        found = session.migrate(*drift)
        assert found.returncode == 2, found.stdout + found.stderr
        assert stranger in found.stdout


def test_rollback_names_an_entry_of_eks_that_no_run_completed(tmp_path: Path) -> None:
    world = creator_world(row(FOUNDER, "terraform", [MASTERS, "ci-approvers"]))
    with planned(tmp_path, world) as (session, _):
        only = ("apply", "plan.json", "--yes", "--quiet", "--only")
        assert session.migrate(*only, NODES).returncode in (0, 7)
        for folder in ((), ("--state-dir", "other")):
            back = session.migrate(*folder, "rollback", "plan.json", "--yes", "--quiet")
            assert back.returncode == 4, back.stdout + back.stderr
            told = " ".join(back.stdout.replace("\\\n", " ").split())
            assert f"migrate apply PLAN --only {FOUNDER}" in told
            assert entry_of(session, FOUNDER) == OWN
        assert session.migrate(*only, FOUNDER).returncode in (0, 7)
        assert entry_of(session, FOUNDER) == ("STANDARD", "terraform", ("ci-approvers",), (ADMIN,))
        elsewhere = session.migrate(
            "--state-dir", "third", "rollback", "plan.json", "--yes", "--quiet"
        )
        assert elsewhere.returncode == 4, elsewhere.stdout
        assert "a run of this plan put the username" in " ".join(elsewhere.stdout.split())


def test_rollback_of_the_plan_that_completed_the_entry_keeps_it(tmp_path: Path) -> None:
    world = creator_world(row(FOUNDER, "terraform", [MASTERS, "ci-approvers"]))
    with planned(tmp_path, world) as (session, _):
        applied = session.migrate("apply", "plan.json", "--only", NODES, "--yes", "--quiet")
        assert applied.returncode in (0, 7)
        session.run("plan", CLUSTER, "--out", "plan2.json", "--quiet")
        assert session.migrate("rollback", "plan2.json", "--yes", "--quiet").returncode == 4
        assert session.migrate("apply", "plan2.json", "--yes", "--quiet").returncode == 0
        assert session.migrate("rollback", "plan2.json", "--yes", "--quiet").returncode == 4
        assert entry_of(session, FOUNDER) == ("STANDARD", "terraform", ("ci-approvers",), (ADMIN,))


def test_admin_policy_that_the_creators_row_does_not_give_keeps_the_cut_over_closed(
    tmp_path: Path,
) -> None:
    world = creator_world(row(FOUNDER, "terraform", ["ci-approvers"]))
    with planned(tmp_path, world) as (session, oracle):
        remove = f"aws eks disassociate-access-policy --cluster-name {CLUSTER}"
        for command in (("apply", "plan.json", "--yes"), ("apply", "plan.json"), STATUS):
            said = session.migrate(*command, "--quiet")
            assert said.returncode == 7, said.stdout + said.stderr
            assert "creator-entry-wider" in said.stdout
            assert remove in " ".join(said.stdout.split())
        assert entry_of(session, FOUNDER) == ("STANDARD", "terraform", ("ci-approvers",), (ADMIN,))
        assert all(
            found.kind == "allowed" and found.principal_arn == FOUNDER for found in oracle.wrong()
        )
        told = session.migrate("verify", "plan.json", "--only", FOUNDER, "--quiet")
        assert told.returncode == 6
        assert "creator-entry-wider" in told.stdout
        gates = session.migrate("cutover", "plan.json", "--gates", "--quiet")
        assert "creator-entry-wider" in gates.stdout
        answer = f"creator: {{arn: '{FOUNDER}', by: Ana, reason: it made the cluster}}\n"
        (tmp_path / "decisions.yaml").write_text(answer)
        with_answer = ("--decisions", "decisions.yaml", "--quiet")
        verify = ("verify", "plan.json", "--only", FOUNDER)
        for settled in (verify, ("apply", "plan.json"), STATUS):
            said = session.migrate(*settled, *with_answer)
            assert said.returncode == 0, said.stdout + said.stderr
        gates = session.migrate("cutover", "plan.json", "--gates", *with_answer)
        assert "creator-entry-wider" not in gates.stdout


def test_creator_with_a_node_row_stops_alone_and_says_what_to_delete(tmp_path: Path) -> None:
    with planned(tmp_path, creator_world(row(FOUNDER, *NODE_ROW), node=True)) as (session, _):
        applied = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert applied.returncode == 1, applied.stderr
        assert "Delete that entry" in applied.stderr
        left = [
            line
            for line in applied.stdout.splitlines()
            if "admin2" in line or "migration-operator" in line
        ]
        assert left == []
        delete_entry(session, FOUNDER)  # as the message says
        done = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert done.returncode == 7, done.stderr  # its nodes are not proven yet
        found = entry_of(session, FOUNDER)
        assert found is not None
        assert found[0] == "EC2_LINUX"


@pytest.mark.parametrize(
    "rows", [[], [row(FOUNDER, "terraform", [MASTERS, "ci-approvers"], path=True)]]
)
def test_creator_without_a_row_that_matches_keeps_what_it_had(
    tmp_path: Path, rows: list[dict[str, object]]
) -> None:
    with planned(tmp_path, creator_world(*rows)) as (session, oracle):
        assert identities(session, FOUNDER) == {
            ("kubernetes-admin", ("system:authenticated", MASTERS))
        }
        applied = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert applied.returncode == 0, applied.stderr
        assert entry_of(session, FOUNDER) == OWN
        assert session.migrate("apply", "plan.json", "--yes", "--quiet").returncode == 0
        assert oracle.wrong() == []
        assert "Steps: none" in session.run("plan", CLUSTER, "--quiet")


def test_plan_made_after_our_own_mode_step_knows_the_row_that_was_in_force(tmp_path: Path) -> None:
    world = creator_world(row(FOUNDER, "terraform", [MASTERS, "ci-approvers"]))
    with planned(tmp_path, world) as (session, oracle):
        assert session.migrate(
            "apply", "plan.json", "--only", NODES, "--yes", "--quiet"
        ).returncode in (0, 7)
        assert entry_of(session, FOUNDER) == OWN
        elsewhere = session.migrate("--state-dir", "other", "plan", CLUSTER, "--quiet")
        assert elsewhere.returncode == 3, elsewhere.stdout
        assert "automatic-entry-thinner" in elsewhere.stdout
        here = session.run("plan", CLUSTER, "--out", "plan2.json", "--quiet")
        assert "automatic-entry-completed" in here
        applied = session.migrate("apply", "plan2.json", "--yes", "--quiet")
        assert applied.returncode == 0, applied.stderr
        assert entry_of(session, FOUNDER) == ("STANDARD", "terraform", ("ci-approvers",), (ADMIN,))
        assert oracle.wrong() == []


def test_plan_with_a_creator_that_nobody_else_knows_can_be_applied(tmp_path: Path) -> None:
    with lab_session(tmp_path, build_world(creator_world())) as session:
        session.run("snapshot", CLUSTER, "--out", "snapshot.json", "--quiet")
        document = json.loads((tmp_path / "snapshot.json").read_bytes())
        founder: dict[str, object] = {
            "arn": FOUNDER,
            "id": None,
            "createDate": None,
            "trustedServices": [],
        }
        document["creator"] = {"arn": FOUNDER, "source": "CloudTrail of last year"}
        document["iam"]["principals"].append(founder)
        (tmp_path / "edited.json").write_text(json.dumps(document))
        session.run("plan", "--snapshot", "edited.json", "--out", "plan.json", "--quiet")
        applied = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert applied.returncode == 0, applied.stderr
        assert session.migrate("apply", "plan.json", "--yes", "--quiet").returncode == 0


def test_dead_entry_under_live_nodes_is_made_again_once_a_person_says_so(tmp_path: Path) -> None:
    dead = {
        "principalArn": NODES,
        "type": "EC2_LINUX",
        "createdAt": "2023-01-01T00:00:00Z",
        "principalId": "AROAOLDOLDOLDOLDOLD12",
    }
    world = creator_world(mode="API_AND_CONFIG_MAP", entries=[dead], without=NODES)
    with lab_session(tmp_path, build_world(world)) as session:
        told = session.migrate("plan", CLUSTER, "--write-decisions", "decisions.yaml", "--quiet")
        assert told.returncode == 3, told.stdout
        assert "1 live node uses the role" in " ".join(told.stdout.split())
        stub = (tmp_path / "decisions.yaml").read_text()
        assert f'# "{NODES}":' in stub
        assert "type: EC2_LINUX" in stub
        answer = (
            f"principals:\n  {NODES}: {{action: create, type: EC2_LINUX, reason: its nodes live}}\n"
        )
        (tmp_path / "decisions.yaml").write_text(answer)
        session.run(
            "plan", CLUSTER, "--decisions", "decisions.yaml", "--out", "plan.json", "--quiet"
        )
        applied = session.migrate("apply", "plan.json", "--yes", "--quiet")
        assert applied.returncode == 0, applied.stderr
        assert identities(session, NODES) == {
            (f"system:node:{NODE}", ("system:authenticated", "system:nodes"))
        }
