"""Waves over the wire: a failure in the second wave stops the fleet, and what was not begun is not
touched.

Eight clusters in every test run (``test_rollback_and_retire.py``), sixty where real processes are
killed. "Untouched" is what the lab counted, cluster by cluster, and nothing that the tool says of
itself.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.lab_client import control
from tests.support.cli_lab import CliLab, running
from tests.support.fleet_effects import by_cluster
from tests.support.fleet_world import fleet_file, fleet_world

WAIVERS = {
    "waive_gates": {
        "rehearsal": {"by": "test", "reason": "a lab"},
        "nodes": {"by": "test", "reason": "no nodes"},
        "code": {"by": "test", "reason": "nobody writes it"},
    }
}
SWITCH = "eks:UpdateClusterConfig"


@dataclass(frozen=True)
class Size:
    """How many clusters, and how they are dealt out over three waves."""

    accounts: int
    canary: int
    second: int
    rest: int

    @property
    def clusters(self) -> int:
        return self.canary + self.second + self.rest


SMALL, LARGE = Size(2, 1, 3, 4), Size(6, 4, 16, 40)


@dataclass(frozen=True)
class Waves:
    """A planned fleet. ``order`` has the ARNs as the waves take them."""

    lab: CliLab
    size: Size
    order: tuple[str, ...] = ()

    def fleet(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        ran = self.lab.run("fleet", *arguments, "--output", "json")
        assert ran.out, ran.err
        return ran.code, json.loads(ran.out)

    def changed(self) -> dict[str, Any]:
        return by_cluster(self.lab.effects())

    def rows_of(self, arn: str) -> str:
        """The rows as the plan found them."""
        _, _, _, region, account, name = arn.split(":")
        name = name.removeprefix("cluster/")
        found = self.lab.document(f".migrate/aws/{account}/{region}/{name}/snapshot.json")[
            "configMap"
        ]["data"]["mapRoles"]
        assert isinstance(found, str)
        return found

    def somebody_writes(self, arn: str, rows: str) -> None:
        """aws-auth changes beside the fleet, as somebody with kubectl does it."""
        body = {"cluster": _name(arn), "data": {"mapRoles": rows}}
        control(self.lab.directory, "POST", "world", {"writeAwsAuth": body})

    def names(self, document: dict[str, Any], wave: str, *statuses: str) -> set[str]:
        return {
            result["arn"].rpartition("/")[2]
            for result in document["results"]
            if result["wave"] == wave and (not statuses or result["status"] in statuses)
        }


@contextmanager
def planned(place: Path, size: Size) -> Iterator[Waves]:
    world = fleet_world(size.accounts, size.clusters, shapes=("plain", "dual", "empty"))
    with running(place, json.dumps(world)) as lab:
        rules = [
            {"name": "canary", "size": size.canary},
            {"name": "second", "size": size.second, "concurrency": 2, "strict": False},
            {"name": "rest", "strict": False},
        ]
        (lab.work / "fleet.yaml").write_text(
            json.dumps(fleet_file(size.accounts, waves=rules)), encoding="utf-8"
        )
        (lab.work / "decisions.yaml").write_text(json.dumps(WAIVERS), encoding="utf-8")
        waves = Waves(lab, size)
        code, document = waves.fleet("plan", "--decisions", "decisions.yaml")
        assert (code, len(document["results"])) == (0, size.clusters)
        yield Waves(lab, size, tuple(sorted(result["arn"] for result in document["results"])))


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _late_row(arn: str) -> str:
    account = arn.split(":")[4]
    return (
        f'- {{rolearn: "arn:aws:iam::{account}:role/deployer", username: late, groups: [late]}}\n'
    )


def _stops(waves: Waves, command: tuple[str, ...], victim: str) -> tuple[set[str], set[str]]:
    """The command fails at ``victim``, in the second wave; returns who is done and who was not
    begun.
    """
    before = waves.changed()
    code, stopped = waves.fleet(*command)
    after = waves.changed()
    assert code == 8
    assert "1 clusters of wave second failed, and 0 may" in stopped["stopped"]
    canary, second, rest = (waves.names(stopped, wave) for wave in ("canary", "second", "rest"))
    assert (len(canary), len(second), len(rest)) == (
        waves.size.canary,
        waves.size.second,
        waves.size.rest,
    )
    done, waiting = (
        waves.names(stopped, "second", "done"),
        waves.names(stopped, "second", "waiting"),
    )
    assert waves.names(stopped, "canary", "done") == canary
    assert waves.names(stopped, "rest", "waiting") == rest
    assert second - done - waiting == {victim}
    assert len(done) <= 3  # two at a time, and the victim is the second one
    for name in waiting | rest | {victim}:
        assert after.get(name) == before.get(name), name
    for name in canary | done:
        assert after.get(name) != before.get(name), name
    return canary | done, waiting | rest


def _goes_on(waves: Waves, command: tuple[str, ...], done: set[str], others: set[str]) -> None:
    """The same command does what is left, and nothing of what is done."""
    fixed = waves.changed()
    code, whole = waves.fleet(*command)
    finished = waves.changed()
    assert (code, whole["stopped"], len(waves.names(whole, "rest", "done"))) == (
        0,
        "",
        waves.size.rest,
    )
    for name in done:
        assert finished.get(name) == fixed.get(name), name
    for name in others:
        assert finished.get(name) != fixed.get(name), name
    assert waves.fleet(*command)[0] == 0
    assert waves.changed() == finished


def apply_in_waves(waves: Waves) -> None:
    """A failure in the second wave stops the fleet; once it is put right, the fleet goes on."""
    changed = waves.order[waves.size.canary + 1]
    waves.somebody_writes(changed, waves.rows_of(changed) + _late_row(changed))
    apply = ("apply", "--yes")
    done, others = _stops(waves, apply, _name(changed))
    assert waves.fleet("plan", "--cluster", changed, "--decisions", "decisions.yaml")[0] == 0
    _goes_on(waves, apply, done, others | {_name(changed)})


def cut_over_in_waves(waves: Waves) -> None:
    """The same, of the cut-over after the proof."""
    code, verified = waves.fleet("verify")
    assert (code, {result["status"] for result in verified["results"]}) == (0, {"done"})

    changed = waves.order[waves.size.canary + 2]
    waves.somebody_writes(changed, waves.rows_of(changed) + _late_row(changed))
    cutover = ("cutover", "--confirm", "test")
    done, others = _stops(waves, cutover, _name(changed))
    assert all(waves.changed().get(name, {}).get(SWITCH, 0) < 2 for name in others)
    waves.somebody_writes(changed, waves.rows_of(changed))
    _goes_on(waves, cutover, done, others | {_name(changed)})
    code, status = waves.fleet("status")
    assert (code, status["stages"]) == (0, {"cut over": waves.size.clusters})


@pytest.mark.crash
def test_sixty_clusters_in_waves_stop_at_a_failure_and_go_on_after_it(tmp_path: Path) -> None:
    with planned(tmp_path, LARGE) as waves:
        apply_in_waves(waves)
        cut_over_in_waves(waves)
