"""A cluster that a command was done on counts as done only while that is so: whatever other
commands, other state folders and other people did to it since.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import timedelta

import pytest

from migrator.lab.server import Lab
from migrator.lab.worlds.lab_cluster import LabEntry
from migrator.lab.worlds.world_files import build_world
from tests.support.aws_lab import CLUSTER_ADMIN, client
from tests.support.cli_lab import CliLab
from tests.support.fleet_world import EXTERNAL_ID, ROLE, account_ids, fleet_file, fleet_world

(ACCOUNT,) = account_ids(1)
REGION = "eu-central-1"
FIRST, SECOND = "c0000", "c0001"
HOME = f"arn:aws:iam::{ACCOUNT}:role"
PLATFORM, DEVELOPER = f"{HOME}/team/platform", f"{HOME}/developer"
MADE = frozenset({PLATFORM, DEVELOPER, f"{HOME}/migration"})
pytestmark = pytest.mark.in_order


@dataclass(frozen=True)
class Fleet:
    """Two clusters in one wave, whose every principal is created."""

    lab: Lab
    cli: CliLab

    def run(self, *command: str, code: int = 0) -> str:
        """``migrate fleet``, some minutes after everything else."""
        self.lab.world.clock.advance(timedelta(minutes=5))
        place = command[:2] if command[0] == "--state-dir" else ()
        ran = self.cli.run(*place, "fleet", *command[len(place) :])
        assert ran.code == code, ran.out + ran.err
        return ran.out + ran.err

    def aws(self, operation: str, cluster: str, principal: str, **more: object) -> None:
        """A call of another administrator."""
        self.lab.world.clock.advance(timedelta(minutes=5))
        eks = client(self.lab, "eks", f"{HOME}/creator", region=REGION)
        getattr(eks, operation)(clusterName=cluster, principalArn=principal, **more)

    def made(self, cluster: str) -> Set[str]:
        """Whose entries of the plan are there."""
        return MADE & self._entries(cluster).keys()

    def entry(self, cluster: str, principal: str) -> LabEntry:
        """A principal's entry."""
        return self._entries(cluster)[principal]

    def _entries(self, cluster: str) -> Mapping[str, LabEntry]:
        world = self.lab.world
        return world.cluster(cluster).entries(world.now())


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Planned. Each test leaves nothing of a run in the clusters, and may begin on a fresh lab."""
    place = tmp_path_factory.mktemp("done-before")
    (place / "work").mkdir()
    world = fleet_world(1, 2, regions=(REGION,), shapes=("plain",))
    served = Lab(build_world(world), place / "lab")
    served.start()
    try:
        found = Fleet(served, CliLab(place / "lab", place / "work", served.world))
        waves = [{"name": "all", "failure_tolerance": "100%"}]
        file = fleet_file(1, regions=(REGION,), waves=waves)
        (place / "work" / "fleet.yaml").write_text(json.dumps(file), encoding="utf-8")
        found.run("plan")
        yield found
    finally:
        served.stop()


def left_by_hand(fleet: Fleet) -> None:
    """The entry that was changed stays: another administrator deletes it."""
    fleet.run("rollback", "--yes", code=8)
    fleet.aws("delete_access_entry", FIRST, DEVELOPER)
    fleet.run("rollback", "--yes")


def test_a_roll_back_that_goes_on_undoes_what_was_applied_again_since(fleet: Fleet) -> None:
    fleet.run("apply", "--yes")
    fleet.aws("disassociate_access_policy", SECOND, PLATFORM, policyArn=CLUSTER_ADMIN)
    said = fleet.run("rollback", "--yes", code=8)
    assert (fleet.made(FIRST), fleet.made(SECOND)) == (set(), {PLATFORM})
    # A new plan of this cluster would give again what was withdrawn.
    assert "migrate fleet rollback fleet.yaml" in said
    assert "migrate fleet plan" not in said
    arn = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{FIRST}"
    fleet.run("apply", "--yes", "--cluster", arn)
    assert fleet.made(FIRST) == MADE
    scope = {"type": "cluster"}
    fleet.aws(
        "associate_access_policy", SECOND, PLATFORM, policyArn=CLUSTER_ADMIN, accessScope=scope
    )
    fleet.run("rollback", "--yes")
    assert (fleet.made(FIRST), fleet.made(SECOND)) == (set(), set())


def test_an_apply_is_not_done_where_another_folder_rolled_it_back(fleet: Fleet) -> None:
    state = fleet.cli.work / ".migrate"
    other = fleet.cli.work / "other"
    shutil.copytree(state, other)
    fleet.run("apply", "--yes")
    shown = fleet.run("--state-dir", "other", "rollback", "--yes")
    # The question names what this state does not know.
    assert (
        f"{FIRST}: nothing by this state; what a run of this plan from another one made is undone, "
        "too, and what it changed of older entries is not" in " ".join(shown.split())
    )
    assert (fleet.made(FIRST), fleet.made(SECOND)) == (set(), set())
    assert "does not exist any more" in fleet.run("apply", "--yes", code=8)
    fleet.run("rollback", "--yes")


def test_an_apply_is_not_done_where_an_entry_was_changed_by_hand(fleet: Fleet) -> None:
    fleet.run("apply", "--yes")
    fleet.run("apply", "--yes")
    fleet.aws("update_access_entry", FIRST, DEVELOPER, kubernetesGroups=["others"])
    changed = fleet.run("apply", "--yes", code=8)
    assert "1 done, 1 changed" in changed
    assert f"{ACCOUNT}/{REGION}/{FIRST}" in changed
    left_by_hand(fleet)


def test_a_proof_is_had_again_where_the_entry_was_changed_since(fleet: Fleet) -> None:
    fleet.run("apply", "--yes")
    entry = fleet.entry(SECOND, DEVELOPER)
    groups = list(entry.kubernetes_groups)
    fleet.aws("update_access_entry", SECOND, DEVELOPER, kubernetesGroups=["others"])
    assert "1 done, 1 unproven" in fleet.run("verify", code=8)
    whole = {"kubernetesGroups": groups, "username": entry.username}
    fleet.aws("update_access_entry", SECOND, DEVELOPER, **whole)
    fleet.aws("update_access_entry", FIRST, DEVELOPER, kubernetesGroups=["others"])
    said = fleet.run("verify", code=8)
    assert "1 done, 1 unproven" in said
    assert f"{ACCOUNT}/{REGION}/{FIRST}" in said
    left_by_hand(fleet)


def test_what_an_older_plan_made_is_named_with_the_plan_that_undoes_it(fleet: Fleet) -> None:
    fleet.run("apply", "--yes")
    fleet.run("plan")
    said = " ".join(fleet.run("rollback", "--yes").split())
    assert fleet.made(FIRST) == MADE
    found = re.search(rf"{FIRST}: 3 create of an older plan stay \(that plan is (\S+)\)", said)
    assert found is not None, said
    way = ("--assume-role", f"{HOME}/{ROLE}", "--external-id", EXTERNAL_ID)
    ran = fleet.cli.run(*way, "rollback", found[1], "--yes")
    assert ran.code == 0, ran.out + ran.err
    assert (fleet.made(FIRST), fleet.made(SECOND)) == (set(), MADE)
    # What was rolled back does not stay.
    assert f"{FIRST}: nothing by this state" in " ".join(fleet.run("rollback", "--yes").split())


def test_an_older_plan_that_cannot_be_read_keeps_no_cluster_from_its_roll_back(
    fleet: Fleet,
) -> None:
    """Neither its own nor another one."""
    fleet.run("plan")
    fleet.run("apply", "--yes")
    older = {*fleet.cli.work.rglob("plans/*.json")}
    fleet.run("plan")
    (kept,) = {*fleet.cli.work.rglob(f"{FIRST}/plans/*.json")} - older
    content = kept.read_bytes()
    kept.write_bytes(content[:-9])
    said = " ".join(fleet.run("rollback", "--yes").split())
    assert f"{FIRST}: what an older plan made stays, and is not known" in said
    assert kept.name in said
    assert f"{SECOND}: 3 create of an older plan stay" in said
    kept.write_bytes(content)
