"""Rehearsals as real processes over the wire, with the real timer Job: whatever happens, the exact
bytes come back.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.world_files import build_world
from tests.support.forked_cli import Running
from tests.support.kubernetes_lab import ALWAYS, KubernetesLab, token_of
from tests.support.lab_session import LabSession, lab_session

ACCOUNT = "111122223333"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
MAP_ROLES = f"""\
# who administers
- {{rolearn: "arn:aws:iam::{ACCOUNT}:role/operator", username: operator, groups: ["system:masters"]}}
- {{rolearn: "arn:aws:iam::{ACCOUNT}:role/second-admin", username: second, groups: ["system:masters"]}}
"""  # noqa: E501
AWS_AUTH = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "aws-auth", "namespace": "kube-system", "labels": {"team": "platform"}},
    "data": {
        "mapRoles": MAP_ROLES,
        "mapUsers": f"- {{userarn: {ALICE}, username: alice, groups: [devs]}}\n",
    },
}
WORLD = {
    "format": "migrator/world/v1",
    "name": "stage",
    "operator": f"arn:aws:iam::{ACCOUNT}:role/operator",
    "settings": {"region": "eu-central-1", "propagationSeconds": 1, "updateSeconds": 1},
    "accounts": [
        {
            "id": ACCOUNT,
            "roles": [{"name": "operator"}, {"name": "second-admin"}, {"name": "creator"}],
            "users": [{"name": "alice"}],
        },
    ],
    "clusters": [
        {
            "name": "stage",
            "account": ACCOUNT,
            "region": "eu-central-1",
            "creator": f"arn:aws:iam::{ACCOUNT}:role/creator",
            "kubernetes": [AWS_AUTH],
        }
    ],
}
DECISIONS = f"""\
waive_verification:
  "{ALICE}": {{by: test, reason: has keys of her own}}
"""
REHEARSE = (
    "rehearse",
    "plan.json",
    "--image",
    "lab",
    "--decisions",
    "decisions.yaml",
    "--output",
    "json",
)
PATIENCE = 60.0  # machine seconds, on a machine that has other things to do


@dataclass
class Stage:
    """A migrated cluster in API_AND_CONFIG_MAP mode, ready to rehearse."""

    session: LabSession
    cluster: LabCluster

    @property
    def api(self) -> KubernetesLab:
        return KubernetesLab(
            self.session.world, self.cluster, kubernetes_api(self.session.world, self.cluster)
        )

    def aws_auth(self) -> Any:  # noqa: ANN401 - JSON
        return self.find("configmaps", "aws-auth")

    def find(self, plural: str, name: str = "migrator-rehearsal") -> Any:  # noqa: ANN401 - JSON
        group = {"leases": "coordination.k8s.io", "jobs": "batch"}.get(plural, "")
        return self.api.api.registry.store.get((group, plural), "kube-system", name)

    @property
    def data(self) -> Any:  # noqa: ANN401 - JSON
        found = self.aws_auth()
        return None if found is None else found["data"]

    def begin(self, length: str = "6h") -> Running:
        """Start a rehearsal as a process, and wait until the map is blank."""
        process = self.session.begin(*REHEARSE, "--for", length)
        self.wait_for(lambda: self.blank() or process.poll() is not None)
        assert process.poll() is None, process.wait()
        return process

    def blank(self) -> bool:
        return bool(self.data == dict.fromkeys(AWS_AUTH["data"], ""))

    def wait_for(self, condition: Callable[[], object], step: float = 0) -> None:
        """Wait for something, stepping lab time by ``step`` seconds ten times a second."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            self.session.world.clock.advance(timedelta(seconds=step))
            time.sleep(0.1)

    def ended(self, process: Running) -> tuple[int, dict[str, Any]]:
        """Exit code and document of a rehearsal that ends by itself."""
        done = process.wait(PATIENCE)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def rehearse(self, length: str) -> tuple[int, dict[str, Any]]:
        """A rehearsal from start to end."""
        done = self.session.migrate(*REHEARSE, "--for", length)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def rehearsal_gate(self) -> str:
        """What the cut-over's gate says."""
        done = self.session.migrate(
            "cutover", "plan.json", "--gates", "--decisions", "decisions.yaml", "--output", "json"
        )
        gates = {gate["name"]: gate for gate in json.loads(done.stdout)["gates"]}
        return str(gates["rehearsal"]["state"])

    def clean(self) -> None:
        """The exact bytes are there, in the object they were in or one like it, and nothing of the
        rehearsal is.
        """
        assert self.data == AWS_AUTH["data"]
        assert self.aws_auth()["metadata"]["labels"] == {"team": "platform"}
        left = [
            plural
            for plural in ("jobs", "leases", "configmaps", "serviceaccounts")
            if self.find(plural)
        ]
        assert left == []


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    world = build_world(WORLD)
    with lab_session(folder, world) as session:
        (folder / "decisions.yaml").write_text(DECISIONS, encoding="utf-8")
        session.run("plan", "stage", "--decisions", "decisions.yaml", "--out", "plan.json")
        session.run("apply", "plan.json", "--yes", "--decisions", "decisions.yaml")
        yield Stage(session, world.cluster("stage"))


@pytest.fixture
def stage(applied: Stage) -> Iterator[Stage]:
    """The one cluster; each rehearsal leaves it as it was, which is what is tested."""
    assert applied.data == AWS_AUTH["data"]
    yield applied
    applied.session.world.faults.clear()


def test_twenty_minutes_are_evidence_for_the_gate_and_less_are_not(stage: Stage) -> None:
    code, short = stage.rehearse("19m")
    assert (code, short["passed"], short["evidence"]) == (0, True, False), short
    stage.clean()
    assert stage.rehearsal_gate() == "unknown"
    code, long = stage.rehearse("20m")
    assert (code, long["passed"], long["evidence"]) == (0, True, True), long
    stage.clean()
    assert stage.rehearsal_gate() == "pass"


def test_a_denied_login_puts_the_map_back(stage: Stage) -> None:
    """Somebody's entry is taken away meanwhile; no row lets her in, and the log tells."""
    world = stage.session.world
    entry = stage.cluster.entries(world.now())[ALICE]
    process = stage.begin()
    stage.cluster.write_entry(ALICE, None, world.now(), delay=ALWAYS)
    try:
        assert world.endpoint is not None
        token = token_of(world, ALICE, cluster="stage", endpoint=world.endpoint)
        assert stage.api.who(token) is None
        # She tries again until she is let in: a login before the run has written down that the map
        # is blank counts for nothing.
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            token = token_of(world, ALICE, cluster="stage", endpoint=world.endpoint)
            if stage.api.who(token) is not None:
                break
            time.sleep(0.3)
        code, document = stage.ended(process)
    finally:
        stage.cluster.write_entry(ALICE, entry, world.now(), delay=ALWAYS)
    assert code == 6, document
    assert ALICE in document["why"]
    stage.clean()


@pytest.mark.parametrize("recreated", [False, True])
def test_a_map_that_somebody_else_writes_is_saved_and_ours_put_back(
    stage: Stage, recreated: bool
) -> None:
    process = stage.begin()
    theirs = {"mapRoles": f"- rolearn: theirs-{recreated}\n"}
    write = stage.session.world.controls["writeAwsAuth"]
    with stage.session.world.lock:
        if recreated:
            write({"cluster": "stage", "data": None})
        write({"cluster": "stage", "data": theirs, "manager": "argocd-controller"})
    code, document = stage.ended(process)
    assert code == 4, document
    saved = [
        json.loads(file.read_bytes())
        for file in stage.session.folder.rglob("foreign-aws-auth-*.json")
    ]
    assert theirs in [each["data"] for each in saved]
    assert stage.data == AWS_AUTH["data"]
    stage.session.world.controls["putObject"]({"cluster": "stage", "object": AWS_AUTH})
    stage.clean()


def test_a_map_that_somebody_deletes_is_made_again(stage: Stage) -> None:
    process = stage.begin()
    stage.session.world.controls["writeAwsAuth"]({"cluster": "stage", "data": None})
    code, document = stage.ended(process)
    assert code == 4, document
    stage.clean()


def test_after_a_kill_the_job_in_the_cluster_puts_the_map_back(stage: Stage) -> None:
    process = stage.begin()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert stage.blank()
    stage.wait_for(lambda: not stage.blank(), step=5)
    assert stage.data == AWS_AUTH["data"]
    refused = stage.session.migrate("cutover", "plan.json", "--confirm", "stage")
    assert refused.returncode == 4
    assert "[rehearsal-unfinished]" in refused.stderr
    code, document = stage.rehearse("5m")
    assert (code, document["passed"]) == (7, False), document
    stage.clean()


def test_after_a_kill_no_command_of_another_folder_disarms_the_timer(stage: Stage) -> None:
    process = stage.begin()
    process.send_signal(signal.SIGKILL)
    process.wait()
    other = ("--state-dir", "other")
    left = stage.session.migrate(*other, "rollback", "stage", "--leftovers", "--yes")
    assert left.returncode == 7, left.stderr
    assert "a rehearsal that has not ended" in " ".join(left.stdout.split())
    doctor = stage.session.migrate("doctor", "stage", "--output", "json")
    assert "a rehearsal that has not ended" in doctor.stdout, doctor.stderr
    planned = stage.session.migrate(
        *other, "plan", "stage", "--decisions", "decisions.yaml", "--out", "other.json"
    )
    assert planned.returncode == 3, planned.stderr
    assert "rehearsal-unfinished" in planned.stdout
    assert "nothing-to-migrate" not in planned.stdout
    refused = stage.session.migrate(*other, "apply", "plan.json", "--yes")
    assert refused.returncode == 4, refused.stderr
    assert "[rehearsal-unfinished]" in refused.stderr
    assert stage.blank()
    stage.wait_for(lambda: not stage.blank(), step=5)
    assert stage.data == AWS_AUTH["data"]
    # The Job says a moment later that it is complete.
    stage.wait_for(lambda: stage.find("jobs")["status"].get("conditions"))
    removed = stage.session.migrate(*other, "rollback", "stage", "--leftovers", "--yes")
    assert removed.returncode == 0, removed.stdout
    stage.clean()
    code, document = stage.rehearse("5m")
    assert (code, document["passed"]) == (7, False), document
    stage.clean()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
def test_a_rehearsal_that_is_told_to_end_puts_the_map_back_itself(
    stage: Stage, told: signal.Signals
) -> None:
    """A pipeline that is cancelled, a terminal that is closed: nobody waits for the Job."""
    process = stage.begin()
    process.send_signal(told)
    code, document = stage.ended(process)
    assert (code, document["passed"], document["error"]["code"]) == (7, False, "interrupted"), (
        document
    )
    stage.clean()


def test_a_timer_that_expires_puts_the_map_back_and_the_rehearsal_does_not_pass(
    stage: Stage,
) -> None:
    """The operator's machine sleeps for some minutes."""
    process = stage.begin()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        stage.wait_for(lambda: not stage.blank(), step=5)
        assert stage.data == AWS_AUTH["data"]
    finally:
        os.kill(process.pid, signal.SIGCONT)
    code, document = stage.ended(process)
    assert (code, document["passed"], document["evidence"]) == (6, False, False), document
    stage.clean()


def test_a_lost_network_is_left_to_the_job_and_said(stage: Stage) -> None:
    process = stage.begin()
    fault = stage.session.world.faults.add(Fault("kubernetes:*", "reset"))
    stage.wait_for(lambda: fault.struck > 8)
    stage.wait_for(lambda: process.poll() is not None, step=10)
    code, document = stage.ended(process)
    assert (code, document["passed"]) == (1, False), document
    assert "the timer in the cluster puts it back" in document["awsAuth"]
    assert stage.blank()
    stage.session.world.faults.clear()
    stage.wait_for(lambda: not stage.blank(), step=5)
    assert stage.data == AWS_AUTH["data"]
    assert stage.rehearse("5m")[0] == 7
    stage.clean()


def test_while_one_run_goes_on_another_is_refused_with_the_owners_name(stage: Stage) -> None:
    owner = f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/"
    process = stage.begin()
    effects = len(stage.session.effects())
    for command in (("apply", "plan.json", "--yes"), ("rollback", "plan.json"), REHEARSE):
        refused = stage.session.migrate(*command)
        assert (refused.returncode, "[locked]" in refused.stderr) == (4, True), refused.stderr
        assert owner in refused.stderr
    name = refused.stderr.partition("this cluster: ")[2].partition(" [locked]")[0].rstrip(".")
    for given, code in ((name, "[locked]"), ("somebody", "[lock-owner-differs]")):
        refused = stage.session.migrate("apply", "plan.json", "--yes", "--break-lock", given)
        assert (refused.returncode, code in refused.stderr) == (4, True), refused.stderr
    assert stage.blank()
    assert all(
        effect.operation.startswith("kubernetes:") for effect in stage.session.effects()[effects:]
    )
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE).returncode == 7
    stage.clean()
