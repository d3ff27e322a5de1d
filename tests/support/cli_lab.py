"""A lab, and the command line as a process: what a person at a terminal has."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrator.lab.cli.down import stop
from migrator.lab.cli.up import start
from migrator.lab.lab_client import control, enter_lab
from migrator.lab.server import Lab
from migrator.lab.worlds.world import World
from migrator.lab.worlds.world_files import load_world
from tests.support.forked_cli import Running, forked_clis

ACCOUNT = "111122223333"
WORLD = """\
format: migrator/world/v1
name: small
operator: arn:aws:iam::111122223333:role/operator
settings: {region: eu-central-1, propagationSeconds: 1, updateSeconds: 2}
accounts:
  - id: "111122223333"
    roles:
      - {name: operator}
      - {name: second-admin, path: /team/}
      - {name: developer}
      - {name: creator}
      - {name: nobody, deniedActions: ["eks:DescribeCluster"]}
clusters:
  - name: small
    account: "111122223333"
    region: eu-central-1
    creator: arn:aws:iam::111122223333:role/creator
    kubernetes:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: aws-auth, namespace: kube-system}
        data:
          mapRoles: |
            - {rolearn: "arn:aws:iam::111122223333:role/operator", username: operator, groups: ["system:masters"]}
            - {rolearn: "arn:aws:iam::111122223333:role/second-admin", username: second, groups: ["system:masters"]}
            - {rolearn: "arn:aws:iam::111122223333:role/developer", username: dev, groups: [developers]}
  - {name: empty, account: "111122223333", region: eu-central-1, creator: "arn:aws:iam::111122223333:role/operator"}
"""  # noqa: E501
WAIVERS = """\
waive_gates:
  rehearsal: {by: test, reason: a lab}
  nodes: {by: test, reason: no nodes}
  code: {by: test, reason: nobody writes it}
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error_code(self) -> str:
        """The code in the first line of the error, empty without one."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return lines[0].rpartition("[")[2].rstrip("]") if lines else ""


@dataclass(frozen=True)
class CliLab:
    """A running lab and a folder to work in; its world where it runs in this process."""

    directory: Path
    work: Path
    world: World | None = None

    def environment(self, **changes: str) -> dict[str, str]:
        """What a shell has after ``eval "$(migrate lab env)"``."""
        environment = dict(os.environ)
        enter_lab(self.directory, environment)
        return environment | changes

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None, stdin: str = ""
    ) -> Ran:
        """Run ``migrate`` in the folder, as a process of its own; standard input is no terminal."""
        given = self.environment() if environment is None else environment
        done = forked_clis().run(arguments, self.work, given, stdin=stdin)
        return Ran(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Running:
        """Start it, and go on while it runs."""
        given = self.environment() if environment is None else environment
        return Running(forked_clis(), arguments, self.work, given)

    def as_principal(self, arn: str) -> dict[str, str]:
        """The environment with another principal's credentials."""
        keys = control(self.directory, "POST", "credentials", {"principalArn": arn})
        return self.environment(
            AWS_ACCESS_KEY_ID=keys["AccessKeyId"],
            AWS_SECRET_ACCESS_KEY=keys["SecretAccessKey"],
            AWS_SESSION_TOKEN=keys["SessionToken"],
        )

    def effects(self) -> list[dict[str, Any]]:
        """What clients changed so far."""
        found: list[dict[str, Any]] = control(self.directory, "GET", "effects")["effects"]
        return found

    def count_calls(self) -> None:
        """Count the calls of clients from here on, instead of faults that were set."""
        control(self.directory, "POST", "fault", {"clear": True})
        for service in ("eks", "iam", "sts", "kubernetes"):
            never = {"operation": f"{service}:*", "kind": "reset", "probability": 0.0}
            control(self.directory, "POST", "fault", never)

    def calls(self) -> dict[str, int]:
        """How many calls there were since, by service."""
        faults = control(self.directory, "GET", "fault")["faults"]
        return {fault["operation"].partition(":")[0]: fault["seen"] for fault in faults}

    def document(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder."""
        found = json.loads((self.work / name).read_bytes())
        assert isinstance(found, dict)
        return found


@contextmanager
def running(place: Path, world: str = WORLD, *, beside: bool = False) -> Iterator[CliLab]:
    """A lab with a world of its own, stopped at the end: in this process, which takes a second less
    of a processor, or as a process beside it.
    """
    (place / "work").mkdir(parents=True)
    (place / "world.yaml").write_text(world, encoding="utf-8")
    if not beside:
        served = Lab(load_world(place / "world.yaml"), place / "lab")
        served.start()
        try:
            yield CliLab(place / "lab", place / "work", served.world)
        finally:
            served.stop()
        return
    lab = CliLab(place / "lab", place / "work")
    process = start(place / "lab", str(place / "world.yaml"), detach=True)
    try:
        yield lab
    finally:
        stop(place / "lab")
        process.wait()
