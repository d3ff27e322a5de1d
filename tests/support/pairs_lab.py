"""A lab with one account, for the command on one cluster and the same command of the fleet: both
work on the same folder of the state, as the same role.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrator.adapters.state_files import StateFolder
from migrator.lab.server import Lab
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.world_files import build_world
from migrator.model.plan import ClusterRef
from tests.support.cli_lab import CliLab, Ran
from tests.support.fleet_world import EXTERNAL_ID, ROLE, account_ids, fleet_file, fleet_world
from tests.support.forked_cli import forked_clis

(ACCOUNT,) = account_ids(1)
REGION, ELSEWHERE = "eu-central-1", "eu-west-1"
# Every command on a plan: its arguments for one cluster and for a fleet; NAME is the cluster's.
ON_PLANS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "apply": (("--yes",), ("--yes",)),
    "verify": ((), ()),
    "rehearse": (("--yes", "--image", "lab", "--for", "1s"),) * 2,
    "gates": (("--gates",), ("--gates",)),
    "cutover": (("--confirm", "NAME"), ("--confirm", "test")),
    "rollback": (("--yes",), ("--yes",)),
    "retire": (("--yes",), ("--yes",)),
}
_SPELLED = {"gates": "cutover"}


@dataclass(frozen=True)
class Ended:
    """How a command ended on one cluster. ``message`` is that of the error, empty without one."""

    code: str
    message: str
    exit_code: int


@dataclass(frozen=True)
class PairsLab:
    """Clusters for pairs of commands, one on a cluster and one of the fleet."""

    cli: CliLab
    lab: Lab

    def cluster(self, name: str, region: str = REGION) -> LabCluster:
        """The lab's own view of a cluster."""
        return next(
            each
            for each in self.lab.world.clusters.values()
            if (each.name, each.region) == (name, region)
        )

    def plan_file(self, name: str, region: str = REGION) -> Path:
        return self.cli.work / f".migrate/aws/{ACCOUNT}/{region}/{name}/plan.json"

    def store(self, name: str) -> StateFolder:
        """The state of a cluster, as another process on this machine has it."""
        arn = self.cluster(name).arn
        cluster = ClusterRef(name, arn, ACCOUNT, REGION, "aws", "CONFIG_MAP")
        return StateFolder(self.cli.work / ".migrate", cluster)

    def migrate(self, *arguments: str, started: Callable[[int], None] = lambda _pid: None) -> Ran:
        environment = self.cli.environment(AWS_CONFIG_FILE=str(self.cli.work / "aws.ini"))
        done = forked_clis().run(arguments, self.cli.work, environment, started)
        return Ran(done.returncode, done.stdout, done.stderr)

    def single(self, command: str, name: str, *more: str, **how: Callable[[int], None]) -> Ended:
        """The command on one cluster."""
        options = [name if each == "NAME" else each for each in ON_PLANS[command][0]]
        way = ("--profile", "single", "--region", REGION)
        spelled = _SPELLED.get(command, command)
        ran = self.migrate(spelled, str(self.plan_file(name)), *options, *more, *way, **how)
        said = [line for line in ran.err.splitlines() if line.startswith("error: ")]
        message, _, code = said[-1].removeprefix("error: ").rpartition(" [") if said else ("",) * 3
        return Ended(code.rstrip("]"), message, ran.code)

    def fleet(
        self, command: str, names: Sequence[str], *more: str, **how: Callable[[int], None]
    ) -> dict[str, Ended]:
        """The fleet's command on some of its clusters."""
        chosen = [f"--cluster={self.cluster(name).arn}" for name in names]
        options = (*ON_PLANS[command][1], *more, *chosen, "--fresh", "--output", "json")
        ran = self.migrate("fleet", _SPELLED.get(command, command), *options, **how)
        assert ran.out, ran.err
        return {
            result["arn"].rpartition("/")[2]: Ended(
                result["code"], result["message"] if result["code"] else "", result["exitCode"]
            )
            for result in json.loads(ran.out)["results"]
        }

    def control(self, name: str, control: str, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Something happens beside the commands."""
        self.lab.world.controls[control]({"cluster": name, "region": REGION, **more})


@contextmanager
def pairs_lab(
    place: Path,
    names: Sequence[str],
    *,
    rows: Mapping[str, str] | None = None,
    twin: str = "",
    roles: Sequence[Mapping[str, Any]] = (),
) -> Iterator[PairsLab]:
    """Clusters with these names, planned as a fleet. ``rows`` are added to the aws-auth of a
    cluster, ``roles`` to the account; a cluster with the name ``twin`` is in another Region, too.
    """
    count = len(names) + bool(twin)
    world = fleet_world(1, count, regions=(REGION,), shapes=("plain",))
    next(each for each in world["accounts"] if each["id"] == ACCOUNT)["roles"] += roles
    for name, cluster in zip((*names, twin), world["clusters"], strict=False):
        cluster["name"] = name
        cluster["kubernetes"][0]["data"]["mapRoles"] += (rows or {}).get(name, "")
    if twin:
        world["clusters"][-1]["region"] = ELSEWHERE
    lab = Lab(build_world(world), place / "lab")
    lab.start()
    try:
        (place / "work").mkdir()
        cli = CliLab(place / "lab", place / "work")
        file = fleet_file(1, regions=(REGION, ELSEWHERE), waves=[{"name": "all"}])
        file["failure_tolerance"] = count
        (cli.work / "fleet.yaml").write_text(json.dumps(file), encoding="utf-8")
        (cli.work / "aws.ini").write_text(
            f"[profile single]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/{ROLE}\n"
            f"external_id = {EXTERNAL_ID}\ncredential_source = Environment\n",
            encoding="utf-8",
        )
        pairs = PairsLab(cli, lab)
        planned = pairs.migrate("fleet", "plan")
        assert planned.code in (0, 8), planned.err
        yield pairs
    finally:
        lab.stop()
