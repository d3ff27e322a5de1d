"""The real CLI against a lab in this process: what a user's shell would do, and a way to kill it at
any effect.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.lab_client import enter_lab
from migrator.lab.server import Lab
from migrator.lab.worlds.effects import Effect, KillPoint
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.world import World
from migrator.lab.worlds.world_files import demo_world_path, load_world
from tests.support.forked_cli import ALONE, ForkedCli, Running, forked_clis

READER_ROLE = "arn:aws:iam::444455556666:role/iam-reader"
KILLED = -9


@dataclass(frozen=True)
class LabSession:
    """A lab that runs, and a folder in which a user works with it."""

    lab: Lab
    world: World
    folder: Path
    forked: ForkedCli | None = None  # those of the test process without one
    alone: bool = False  # nobody else works on its clusters: no wait for a lock takes machine time

    def environment(self) -> dict[str, str]:
        """What ``eval "$(migrate lab env)"`` leaves behind."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "MIGRATE_"))
        }
        enter_lab(self.folder / "lab", environment)
        if self.alone:
            environment[ALONE] = "yes"
        return environment

    def migrate(
        self,
        *arguments: str,
        kill: "tuple[int, KillPoint] | None" = None,
        signals: Mapping[int, int] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        """Run the command; with ``kill`` it dies by SIGKILL at that effect of the lab's log, and
        with ``signals`` it is sent those at the effects with these numbers, before their answers.
        """
        arguments = ("--reader-role", READER_ROLE, *arguments)
        effects = self.world.effects
        before = list(effects.listeners)
        try:
            return (self.forked or forked_clis()).run(
                arguments,
                self.folder,
                self.environment(),
                lambda pid: self._arm(pid, kill, signals),
            )
        finally:
            effects.cancel_kill()
            effects.listeners[:] = before

    def begin(self, *arguments: str) -> Running:
        """Start the command, and go on while it runs."""
        arguments = ("--reader-role", READER_ROLE, *arguments)
        return Running(forked_clis(), arguments, self.folder, self.environment())

    def _arm(
        self, pid: int, kill: "tuple[int, KillPoint] | None", signals: Mapping[int, int]
    ) -> None:
        if kill is not None:
            self.world.effects.order_kill(pid, *kill)

        def send(effect: Effect) -> None:
            if effect.n in signals:
                os.kill(pid, signals[effect.n])

        if signals:
            self.world.effects.listeners.append(send)

    def run(self, *arguments: str) -> str:
        """Run the command, which must succeed; its standard output."""
        done = self.migrate(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def effects(self) -> list[Effect]:
        """Everything that clients have changed so far."""
        return self.world.effects.all()

    def end_state(self) -> Mapping[str, Any]:
        """Mode, entries, bindings and aws-auth of every cluster: what two runs must agree on,
        without times and ids.
        """
        now = self.world.clock.now()
        return {
            cluster.name: {
                "mode": cluster.mode(now),
                "entries": {
                    arn: (
                        entry.type,
                        entry.username,
                        tuple(sorted(_without_run(group) for group in entry.kubernetes_groups)),
                        sorted((policy.policy_arn, policy.scope) for policy in entry.policies),
                    )
                    for arn, entry in sorted(cluster.entries(now).items())
                },
                "bindings": [
                    (found["metadata"].get("namespace"), _without_run(found["metadata"]["name"]))
                    for plural in ("rolebindings", "clusterrolebindings")
                    for found in self._objects(cluster, ("rbac.authorization.k8s.io", plural))
                ],
                "awsAuth": [
                    found.get("data") for found in self._objects(cluster, ("", "configmaps"))
                ],
            }
            for cluster in self.world.clusters.values()
        }

    def _objects(self, cluster: LabCluster, key: tuple[str, str]) -> list[Any]:
        return list(kubernetes_api(self.world, cluster).registry.store.items(key)[0])


def _without_run(name: str) -> str:
    """Names of our own groups and bindings carry the run's random id."""
    return re.sub(r"[0-9a-f]{16}", "{run}", name)


@contextmanager
def lab_session(
    folder: Path,
    world: World | None = None,
    forked: ForkedCli | None = None,
    *,
    alone: bool = False,
) -> Iterator[LabSession]:
    """A lab with the demo world, or another, served while the block runs."""
    world = world or load_world(demo_world_path())
    lab = Lab(world, folder / "lab")
    lab.start()
    try:
        yield LabSession(lab, world, folder, forked, alone)
    finally:
        lab.stop()
