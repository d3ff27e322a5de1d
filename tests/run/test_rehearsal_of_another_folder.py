"""A rehearsal that was killed is recognised from any state folder, and its timer is left to restore
aws-auth.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from migrator.errors import Refused, WrongUse
from migrator.model.leftover import LeftoversOutcome
from migrator.model.outcome import StatusOutcome
from migrator.model.plan import Plan
from migrator.render.leftovers import leftovers_text
from migrator.run.apply_plan import apply_plan
from migrator.run.cut_over import cut_over
from migrator.run.dead_man import TimerPorts, hold
from migrator.run.read_leftovers import remove_leftovers
from migrator.run.rehearse import RehearseOptions, refuse_without_image, rehearse
from migrator.run.show_status import StatusPorts, show_status
from tests.support.memory_ports import (
    Cluster,
    Crash,
    MemoryClock,
    MemoryConfigMaps,
    MemoryEvents,
    MemoryLock,
    MemoryMode,
    MemoryNodes,
    MemoryObjects,
    MemoryRbac,
    MemoryReader,
)
from tests.support.memory_runs import DIGEST, World, company

SHORT = RehearseOptions(length=timedelta(minutes=5))
NAME = "migrator-rehearsal"


@dataclass
class Killed:
    """A migrated cluster whose rehearsal died; ``other`` is an operator with another folder."""

    world: World
    plan: Plan
    objects: MemoryObjects
    before: dict[str, str]

    @property
    def cluster(self) -> Cluster:
        return self.world.cluster

    @property
    def other(self) -> World:
        return World(self.cluster, host="there")

    @property
    def blank(self) -> bool:
        return not any((self.cluster.data or {}).values())

    def timer_objects(self) -> set[str]:
        kinds = ("Job", "Lease", "ConfigMap", "RoleBinding", "Role", "ServiceAccount")
        return {kind for kind in kinds if self.objects.read(kind, NAME) is not None}

    def remove_leftovers(self) -> LeftoversOutcome:
        return remove_leftovers("prod", self.other.ports(), self.objects)

    def status(self, plan: Plan | None) -> StatusOutcome:
        cluster = self.cluster
        ports = StatusPorts(
            self.other.store,
            MemoryClock(cluster),
            MemoryMode(cluster),
            MemoryReader(cluster),
            MemoryRbac(cluster),
            MemoryLock(cluster),
            config_maps=MemoryConfigMaps(cluster),
            objects=self.objects,
        )
        return show_status("prod", ports, plan, DIGEST if plan else None)

    def rehearse_again(self) -> int:
        """The folder that began it."""
        ports = replace(self.world.ports(), nodes=MemoryNodes(self.cluster))
        return rehearse(self.plan, DIGEST, ports, self.objects, SHORT).exit_code

    def fire(self) -> None:
        """The Job, from where the operator left it until it is complete."""
        ports = TimerPorts(
            MemoryConfigMaps(self.cluster), self.objects, MemoryClock(self.cluster), MemoryEvents()
        )
        assert hold(ports) == "fired"
        complete = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
        self.objects.patch("Job", NAME, complete)


def killed(k: int) -> Killed | None:
    """A rehearsal that died after its effect ``k``; None where it has fewer."""
    cluster, plan = company()
    cluster.unassumable.clear()
    world = World(cluster)
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    found = Killed(world, plan, MemoryObjects(cluster), dict(cluster.data or {}))
    cluster.crash_at = (len(cluster.effects) + k, "after")
    ports = replace(world.ports(), nodes=MemoryNodes(cluster))
    try:
        rehearse(plan, DIGEST, ports, found.objects, SHORT)
    except Crash:
        cluster.crash_at, cluster.lock = None, None
        return found
    return None


def each_kill() -> Iterator[Killed]:
    for k in range(1, 40):
        found = killed(k)
        if found is None:
            return
        yield found


@pytest.fixture
def blanked() -> Killed:
    return next(each for each in each_kill() if each.blank)


def test_leftovers_of_a_killed_rehearsal_leave_the_timer_while_it_has_not_ended() -> None:
    """Whatever effect it died after."""
    kept = blank = 0
    for each in each_kill():
        before = each.timer_objects()
        outcome = each.remove_leftovers()
        if "RoleBinding" in before and (each.blank or "Job" in before):
            kept += 1
            blank += each.blank
            assert (outcome.exit_code, outcome.removed) == (7, ())
            assert each.timer_objects() == before
            (line,) = [left.describe("prod") for left in outcome.kept]
            assert "a rehearsal that has not ended" in line
            assert "`migrate rehearse PLAN --image IMAGE` in the folder that began it" in line
            assert "--leftovers" not in line
        if each.blank:
            each.fire()
            assert each.cluster.data == each.before
        each.rehearse_again()
        assert each.cluster.data == each.before
        assert each.timer_objects() == set()
    assert kept >= 3
    assert blank >= 1


def test_status_says_when_the_timer_restores_aws_auth(blanked: Killed) -> None:
    for plan in (None, blanked.plan):
        found = blanked.status(plan)
        (line,) = [each.describe("prod") for each in found.leftovers]
        assert "aws-auth is blank; its timer (Job kube-system/migrator-rehearsal) ends it" in line
        assert "after 2026-11-22T" in line
        assert found.exit_code == 1
    # Rows that are blank for a while are no rows that another writer deleted.
    assert found.changed == ()
    assert any("a rehearsal is not finished" in each for each in found.unknown)


def apply_it(found: Killed) -> object:
    return apply_plan(found.plan, DIGEST, found.other.ports())


def cut_it_over(found: Killed) -> object:
    return cut_over(found.plan, DIGEST, found.other.ports())


def rehearse_it(found: Killed) -> object:
    return rehearse(found.plan, DIGEST, found.other.ports(), found.objects, SHORT)


@pytest.mark.parametrize("command", [apply_it, cut_it_over, rehearse_it])
def test_command_of_another_folder_is_refused_by_name_over_the_blank_map(
    blanked: Killed, command: Callable[[Killed], object]
) -> None:
    before = blanked.cluster.describe()
    with pytest.raises(Refused) as caught:
        command(blanked)
    assert caught.value.code == "rehearsal-unfinished"
    assert (
        "`migrate rehearse PLAN --image IMAGE` in the folder that began it" in caught.value.remedy
    )
    assert blanked.cluster.describe() == before
    blanked.fire()
    assert apply_plan(blanked.plan, DIGEST, blanked.other.ports()).error is None


def test_blank_map_without_timer_is_named_with_the_command_that_restores_it(
    blanked: Killed,
) -> None:
    blanked.objects.delete("Job", NAME)
    outcome = blanked.remove_leftovers()
    assert outcome.exit_code == 7
    assert "no timer restores it" in outcome.kept[0].describe("prod")
    assert blanked.timer_objects() == {
        "Lease",
        "ConfigMap",
        "RoleBinding",
        "Role",
        "ServiceAccount",
    }
    assert blanked.rehearse_again() == 7
    assert blanked.cluster.data == blanked.before


def test_objects_of_a_rehearsal_that_ended_are_removed_together(blanked: Killed) -> None:
    blanked.fire()
    outcome = blanked.remove_leftovers()
    assert (outcome.exit_code, len(outcome.removed)) == (0, 1)
    assert "timer kube-system/migrator-rehearsal of a rehearsal" in leftovers_text(outcome)
    assert blanked.timer_objects() == set()
    assert blanked.cluster.data == blanked.before
    assert blanked.rehearse_again() == 7  # the folder that began it learns that it ended


def test_image_is_needed_where_a_timer_would_start_and_not_to_restore(blanked: Killed) -> None:
    refuse_without_image(blanked.plan, DIGEST, blanked.world.store, "")
    refuse_without_image(blanked.plan, DIGEST, blanked.other.store, "image")
    with pytest.raises(WrongUse, match="needs the image"):
        refuse_without_image(blanked.plan, DIGEST, blanked.other.store, "")
