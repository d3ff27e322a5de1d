"""Gate 3 asks EKS for running updates: a cluster can be ACTIVE while one runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migrator.lab.worlds.effects import KillPoint
from migrator.lab.worlds.world_files import build_world
from tests.support.aws_command import run_script
from tests.support.cli_lab import ACCOUNT, WORLD, CliLab, running
from tests.support.crash_runs import APPLY, forked, planned
from tests.support.crash_worlds import role
from tests.support.crash_worlds import world as crash_world
from tests.support.lab_session import KILLED, LabSession, lab_session

NODES = f"arn:aws:iam::{ACCOUNT}:role/nodes"
HEADER = "    creator: arn:aws:iam::111122223333:role/creator\n"


def world_with(*lines: str) -> str:
    """The small world, whose cluster has more keys, in API_AND_CONFIG_MAP mode."""
    roles = WORLD.replace(
        "- {name: creator}",
        "- {name: creator}\n      - {name: nodes, trust: {services: [ec2.amazonaws.com]}}",
    )
    more = ("authenticationMode: API_AND_CONFIG_MAP", *lines)
    return roles.replace(HEADER, HEADER + "".join(f"    {line}\n" for line in more), 1)


def gate_3(lab: CliLab) -> tuple[str, str]:
    assert lab.run("plan", "small", "--out", "plan.json").code == 0
    ran = lab.run("--output", "json", "cutover", "plan.json", "--gates")
    gates = {each["number"]: each for each in json.loads(ran.out)["gates"]}
    return gates[3]["state"], gates[3]["detail"]


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (
            ("updates: [{id: u-1, type: VersionRollback}]",),
            "VersionRollback of the cluster (update u-1)",
        ),
        (
            (
                f"nodegroups: [{{nodegroupName: web, nodeRole: '{NODES}'}}]",
                "updates: [{id: u-2, type: VersionUpdate, nodegroup: web}]",
            ),
            "VersionUpdate of node group web (update u-2)",
        ),
        (
            ("addons: [vpc-cni]", "updates: [{id: u-3, type: AddonUpdate, addon: vpc-cni}]"),
            "AddonUpdate of add-on vpc-cni (update u-3)",
        ),
    ],
)
def test_running_update_of_active_cluster_closes_gate_3(
    lines: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    with running(tmp_path, world_with(*lines)) as lab:
        state, detail = gate_3(lab)
    assert state == "fail"
    assert "the cluster is ACTIVE" in detail
    assert named in detail


def test_update_that_has_ended_leaves_gate_3_open(tmp_path: Path) -> None:
    ended = 'updates: [{type: VersionUpdate, doneAt: "2024-03-02T00:00:00Z"}]'
    with running(tmp_path, world_with(ended)) as lab:
        assert gate_3(lab) == ("pass", "the cluster is ACTIVE; no update is in progress")


def test_caller_who_may_not_list_updates_leaves_gate_3_unknown(tmp_path: Path) -> None:
    denied = WORLD.replace(
        "{name: operator}", '{name: operator, deniedActions: ["eks:ListUpdates"]}'
    )
    more = HEADER + "    authenticationMode: API_AND_CONFIG_MAP\n"
    with running(tmp_path, denied.replace(HEADER, more, 1)) as lab:
        state, detail = gate_3(lab)
    assert state == "unknown"
    assert "could not be listed" in detail


def test_upgrade_that_eks_starts_soon_is_named_in_gate_3_and_by_doctor(tmp_path: Path) -> None:
    old = 'version: "1.31"'
    with running(tmp_path, world_with(old)) as lab:
        state, detail = gate_3(lab)
        doctor = lab.run("--output", "json", "doctor", "small")
    assert state == "pass"
    assert "EKS upgrades Kubernetes without a request from 2026-11-26 on" in detail
    checks = {each["name"]: each for each in json.loads(doctor.out)["checks"]}
    assert checks["version-support"]["state"] == "warn"


WAIVERS = {gate: {"by": "test", "reason": "a lab"} for gate in ("rehearsal", "nodes", "code")}
SMALL = crash_world("small", {}, answers={"waive_gates": WAIVERS})
CUT_OVER = ("cutover", "plan.json", "--confirm", "prod", "--decisions", "decisions.yaml")
SWITCH = (
    "aws eks update-cluster-config --name prod --region eu-central-1 "
    "--access-config authenticationMode=API"
)


@contextmanager
def applied(folder: Path) -> Iterator[LabSession]:
    """A small world on which a plan is applied."""
    with lab_session(folder, build_world(SMALL.document), forked(), alone=True) as session:
        for name, text in planned(session, SMALL).items():
            (session.folder / name).write_text(text, encoding="utf-8")
        session.run(*APPLY)
        yield session


def entries_of(session: LabSession) -> set[str]:
    (cluster,) = session.world.clusters.values()
    return set(cluster.entries(session.world.now()))


def switch_by_another(session: LabSession, home: Path) -> None:
    assert run_script(session.lab, home, SWITCH, role("second")).returncode == 0


@pytest.mark.parametrize("sent_by", ["its own cut-over", "another administrator"])
def test_a_roll_back_waits_for_a_switch_to_api_mode_and_deletes_nothing(
    tmp_path: Path, sent_by: str
) -> None:
    with applied(tmp_path / "work") as session:
        before = entries_of(session)
        if sent_by == "its own cut-over":
            after = len(session.effects()) + 1
            assert session.migrate(*CUT_OVER, kill=(after, "answer-lost")).returncode == KILLED
        else:
            switch_by_another(session, tmp_path)
        ended = session.migrate("rollback", "plan.json", "--yes")
        assert ended.returncode == 4, ended.stdout + ended.stderr
        assert "[no-way-back]" in ended.stderr
        assert entries_of(session) == before


@pytest.mark.parametrize("kill", [(0, "before-next"), (1, "answer-lost")])
def test_a_cut_over_that_is_run_again_waits_for_its_own_switch(
    tmp_path: Path, kill: tuple[int, KillPoint]
) -> None:
    with applied(tmp_path / "work") as session:
        after, point = kill
        killed = session.migrate(*CUT_OVER, kill=(len(session.effects()) + after, point))
        assert killed.returncode == KILLED, killed.stderr
        is_sent = after == 1
        gates = session.migrate(*CUT_OVER, "--gates")
        assert gates.returncode == (4 if is_sent else 0)
        assert ("may be under way" in gates.stdout) is is_sent, gates.stdout
        assert "aws-auth is not asked any more" in session.run(*CUT_OVER)
        to_api = [
            each
            for each in session.effects()
            if each.operation == "eks:UpdateClusterConfig" and "'API'" in str(each.detail)
        ]
        assert len(to_api) == 1, session.effects()
