"""One lab with a cluster for each error code: where errors are caused and their remedies are run.

Commands are processes that start at once; the lab is in this process, so a test can be the other
writer of a cluster directly.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from migrator.lab.lab_client import enter_lab
from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.world import World
from migrator.lab.worlds.world_files import build_world
from tests.support.cli_lab import Ran
from tests.support.forked_cli import ForkedClis, forked_clis

ACCOUNT, FOREIGN, REGION = "111122223333", "444455556666", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
OPERATOR, SECOND, CREATOR = f"{ROLE}/operator", f"{ROLE}/second-admin", f"{ROLE}/creator"
NOBODY, EDITOR, READER = f"{ROLE}/nobody", f"{ROLE}/editor", f"arn:aws:iam::{FOREIGN}:role/reader"
PARTNER = f"arn:aws:iam::{FOREIGN}:role/partner"
WAIVERS = """\
waive_gates:
  rehearsal: {by: test, reason: a lab}
  nodes: {by: test, reason: no nodes}
  code: {by: test, reason: no writer of code}
"""


def developer(name: str) -> str:
    """The role that has no access but the row of this cluster."""
    return f"{ROLE}/dev-{name}"


def row(arn: str, username: str, *groups: str) -> str:
    """One item of mapRoles."""
    return f"- {json.dumps({'rolearn': arn, 'username': username, 'groups': [*groups]})}\n"


def rows_of(name: str) -> str:
    """The mapRoles that every cluster begins with."""
    return (
        row(OPERATOR, "operator", "system:masters")
        + row(SECOND, "second", "system:masters")
        + row(EDITOR, "editor", "editors")
        + row(developer(name), "dev", "developers")
    )


def _world(names: Sequence[str]) -> Mapping[str, Any]:
    roles: list[Mapping[str, Any]] = [
        {"name": "operator"},
        {"name": "second-admin"},
        {"name": "creator"},
        {"name": "editor"},
        {"name": "nobody"},
        *({"name": f"dev-{name}"} for name in names),
    ]
    foreign = [{"name": "reader", "trust": {"aws": [OPERATOR]}}, {"name": "partner"}]
    return {
        "format": "migrator/world/v1",
        "name": "remedies",
        "operator": OPERATOR,
        "settings": {"region": REGION, "propagationSeconds": 0, "updateSeconds": 0},
        "accounts": [{"id": ACCOUNT, "roles": roles}, {"id": FOREIGN, "roles": foreign}],
        "clusters": [_cluster(name) for name in names],
    }


def _cluster(name: str) -> Mapping[str, Any]:
    return {
        "name": name,
        "account": ACCOUNT,
        "region": REGION,
        "creator": CREATOR,
        "kubernetes": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "aws-auth", "namespace": "kube-system"},
                "data": {"mapRoles": rows_of(name)},
            }
        ],
    }


@dataclass(frozen=True)
class RemedyLab:
    """One cluster of the lab and a folder to work in. ``variables`` change the environment of the
    commands that follow; None takes a variable away.
    """

    lab: Lab
    forked: ForkedClis
    name: str
    work: Path
    variables: dict[str, str | None] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """The lab's world, to change directly."""
        return self.lab.world

    @property
    def cluster(self) -> LabCluster:
        """The cluster of this code."""
        return self.world.cluster(self.name)

    @property
    def developer(self) -> str:
        """The role that has a row in this cluster alone."""
        return developer(self.name)

    def run(self, *arguments: str) -> Ran:
        """Run ``migrate`` in the folder."""
        environment: dict[str, str] = {}
        enter_lab(self.lab.directory, environment)
        for name, value in self.variables.items():
            environment.pop(name, None)
            if value is not None:
                environment[name] = value
        done = self.forked.run(arguments, self.work, environment)
        return Ran(done.returncode, done.stdout, done.stderr)

    def ok(self, line: str) -> Ran:
        """Run a command that must succeed; ``CLUSTER`` in it is the cluster."""
        ran = self.run(*shlex.split(line.replace("CLUSTER", self.name)))
        assert ran.code == 0, f"{line}: {ran.out}{ran.err}"
        return ran

    def become(self, arn: str) -> None:
        """Run the commands that follow as another principal."""
        found = self.world.credentials_of(arn)
        self.variables.update(
            AWS_ACCESS_KEY_ID=found.access_key_id,
            AWS_SECRET_ACCESS_KEY=found.secret_access_key,
            AWS_SESSION_TOKEN=found.session_token,
        )

    def write(self, name: str, text: str) -> None:
        """Write a file of the folder."""
        (self.work / name).write_text(text, encoding="utf-8")

    def control(self, change: str, **value: Any) -> None:  # noqa: ANN401 - JSON
        """A change of the world by another writer."""
        self.world.controls[change]({"cluster": self.name, **value})

    def write_rows(self, *rows: str) -> None:
        """Another writer writes mapRoles."""
        self.control("writeAwsAuth", data={"mapRoles": "".join(rows)}, manager="kubectl")

    def permit(self, arn: str, *denied: str) -> None:
        """Deny actions to a principal, those before no longer."""
        self.world.controls["permissions"]({arn: {"deniedActions": [*denied]}})

    def fault(self, operation: str, kind: str, **members: Any) -> None:  # noqa: ANN401 - JSON
        """A fault of the cloud until :meth:`heal`."""
        self.world.faults.add(Fault(operation, kind, **members))  # type: ignore[arg-type]

    def heal(self) -> None:
        """No fault is left."""
        self.world.faults.clear()

    def edit_entry(self, arn: str, **changes: Any) -> None:  # noqa: ANN401 - fields of an entry
        """Another writer changes an entry; without changes it deletes it."""
        with self.world.lock:
            now = self.world.now()
            entry = self.cluster.entry(arn, now)
            assert entry is not None
            changed = replace(entry, modified_at=now, **changes) if changes else None
            self.cluster.write_entry(arn, changed, now, delay=timedelta(0))

    def state_file(self, name: str) -> Path:
        """A file of the cluster's state folder."""
        place = self.work / ".migrate" / "aws" / ACCOUNT / REGION / self.name / name
        assert place.parent.is_dir(), place
        return place


@contextmanager
def remedy_lab(place: Path, names: Sequence[str]) -> Iterator[RemedyLab]:
    """A lab with a cluster of each name; its first one is named by the value."""
    lab = Lab(build_world(_world(names)), place / "lab")
    lab.start()
    try:
        yield RemedyLab(lab, forked_clis(), names[0], place)
    finally:
        lab.stop()


def cluster_of(shared: RemedyLab, name: str) -> RemedyLab:
    """The cluster of one name with a folder that is empty."""
    work = shared.work / name
    work.mkdir()
    return replace(shared, name=name, work=work, variables={})
