"""``migrate fleet rehearse`` over the wire, with the real timer Jobs: several at once, and every
map comes back.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.server import Lab
from migrator.lab.worlds.world_files import build_world
from tests.support.cli_lab import CliLab
from tests.support.fleet_effects import by_cluster
from tests.support.fleet_world import fleet_file, fleet_world

WAIVERS = {
    "waive_gates": {
        "nodes": {"by": "test", "reason": "no nodes"},
        "code": {"by": "test", "reason": "nobody writes it"},
    }
}
REHEARSE = ("rehearse", "--yes", "--image", "lab")
PATIENCE = 120.0  # machine seconds, on a machine that has other things to do


@dataclass(frozen=True)
class Stage:
    """A fleet whose plans are applied and proven, in a lab in this process."""

    cli: CliLab
    lab: Lab
    before: Mapping[str, Any]

    def fleet(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        ran = self.cli.run("fleet", *arguments, "--output", "json")
        assert ran.out, ran.err
        return ran.code, json.loads(ran.out)

    def maps(self) -> dict[str, Any]:
        return _maps(self.lab)

    def blank(self) -> list[str]:
        """Clusters whose aws-auth is blank now."""
        return [name for name, data in self.maps().items() if data != self.before[name]]

    def leftovers(self) -> list[tuple[str, str]]:
        """What a rehearsal has left behind."""
        kinds = (
            ("batch", "jobs"),
            ("coordination.k8s.io", "leases"),
            ("", "serviceaccounts"),
            ("", "configmaps"),
        )
        return [
            (cluster.name, plural)
            for cluster in self.lab.world.clusters.values()
            for group, plural in kinds
            if kubernetes_api(self.lab.world, cluster).registry.store.get(
                (group, plural), "kube-system", "migrator-rehearsal"
            )
        ]

    def begin(self, length: str) -> "subprocess.Popen[str]":
        """A rehearsal as a process; returns once every map is blank."""
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "migrator",
                "fleet",
                *REHEARSE,
                "--for",
                length,
                "--output",
                "json",
            ],
            cwd=self.cli.work,
            env=self.cli.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.wait_for(lambda: len(self.blank()) == len(self.before) or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        return process

    def wait_for(self, condition: Callable[[], object], step: float = 0) -> None:
        """Wait for something, stepping lab time by ``step`` seconds ten times a second."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            self.lab.world.clock.advance(timedelta(seconds=step))
            time.sleep(0.1)


def _maps(lab: Lab) -> dict[str, Any]:
    return {
        cluster.name: (
            found := kubernetes_api(lab.world, cluster).registry.store.get(
                ("", "configmaps"), "kube-system", "aws-auth"
            )
        )
        and found["data"]
        for cluster in lab.world.clusters.values()
    }


@contextmanager
def applied(place: Path, clusters: int) -> Iterator[Stage]:
    lab = Lab(build_world(fleet_world(2, clusters, shapes=("plain", "dual"))), place / "lab")
    lab.start()
    try:
        (place / "work").mkdir()
        cli = CliLab(place / "lab", place / "work")
        (cli.work / "fleet.yaml").write_text(
            json.dumps(fleet_file(2, waves=[{"name": "all"}])), encoding="utf-8"
        )
        (cli.work / "decisions.yaml").write_text(json.dumps(WAIVERS), encoding="utf-8")
        stage = Stage(cli, lab, _maps(lab))
        for arguments in (
            ("plan", "--decisions", "decisions.yaml"),
            ("apply", "--yes"),
            ("verify",),
        ):
            assert stage.fleet(*arguments)[0] == 0
        yield stage
    finally:
        lab.stop()


def test_a_cluster_that_cannot_be_rehearsed_takes_no_other_along(tmp_path: Path) -> None:
    with applied(tmp_path, 3) as stage:
        refused = "arn:aws:eks:eu-central-1:200000000002:cluster/c0001"
        (stage.cli.work / ".migrate/aws/200000000002/eu-central-1/c0001/evidence.jsonl").unlink()
        untouched = by_cluster(stage.cli.effects())["c0001"]
        code, outcome = stage.fleet(*REHEARSE, "--for", "2m")
        states = {result["arn"]: result for result in outcome["results"]}
        assert code == 8
        assert (states[refused]["status"], states[refused]["code"]) == (
            "refused",
            "rehearsal-conditions",
        )
        others = [result for arn, result in states.items() if arn != refused]
        assert [result["status"] for result in others] == ["done", "done"]
        assert all(result["detail"]["seconds"] >= 120 for result in others)
        assert all(result["detail"]["evidence"] is False for result in others)  # too short to count
        assert by_cluster(stage.cli.effects())["c0001"] == untouched
        assert (stage.blank(), stage.leftovers()) == ([], [])


@pytest.mark.crash
def test_twenty_minutes_are_evidence_for_every_cluster_and_are_not_repeated(tmp_path: Path) -> None:
    with applied(tmp_path, 4) as stage:
        code, outcome = stage.fleet(*REHEARSE, "--for", "21m")
        assert (code, {result["detail"]["evidence"] for result in outcome["results"]}) == (
            0,
            {True},
        )
        assert (stage.blank(), stage.leftovers()) == ([], [])
        effects = len(stage.lab.world.effects)
        assert stage.fleet(*REHEARSE, "--for", "21m")[0] == 0
        assert len(stage.lab.world.effects) == effects
        assert (
            stage.fleet("cutover", "--confirm", "test")[0] == 0
        )  # its gate "rehearsal" has no waiver
        effects = len(stage.lab.world.effects)
        assert (
            stage.fleet(*REHEARSE, "--for", "21m", "--fresh")[0] == 0
        )  # in API mode nothing is left to rehearse
        assert len(stage.lab.world.effects) == effects


@pytest.mark.crash
def test_ctrl_c_puts_every_map_back_and_ends(tmp_path: Path) -> None:
    with applied(tmp_path, 3) as stage:
        process = stage.begin("12h")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert (
            process.returncode,
            {result["status"] for result in json.loads(out)["results"]},
        ) == (
            7,
            {"interrupted"},
        ), err
        assert (stage.blank(), stage.leftovers()) == ([], [])


@pytest.mark.crash
def test_killed_the_timers_put_every_map_back_and_the_same_command_rehearses_all_the_same(
    tmp_path: Path,
) -> None:
    with applied(tmp_path, 3) as stage:
        process = stage.begin("12h")
        process.kill()
        process.communicate()
        stage.wait_for(lambda: not stage.blank(), step=20)
        code, outcome = stage.fleet(*REHEARSE, "--for", "2m", "--fresh")
        assert (code, {result["status"] for result in outcome["results"]}) == (0, {"done"})
        assert (stage.blank(), stage.leftovers()) == ([], [])
