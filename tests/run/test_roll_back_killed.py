"""Rolling back once more after a kill between two lines of the journal: older logins are still
waited for.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from migrator.decide.running.waiting import REMEMBERED
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.roll_back import roll_back
from tests.run.test_apply_plan import oracle
from tests.support.memory_ports import OPERATOR, Crash, MemoryClock
from tests.support.memory_runs import ALICE, DIGEST, World, company

ADMINS = (ALICE, OPERATOR)


def times_after_kill(world: World, kept: int) -> dict[str, datetime]:
    """When each effect of a roll-back is had that is killed once ``kept`` of its lines are in the
    journal, and of the one that goes on after it.
    """
    _, plan = company()
    seen: dict[str, datetime] = {}
    world.cluster.watch = lambda effect: seen.update({effect: world.cluster.now})
    lines = 0

    def watch(_line: bytes) -> None:
        nonlocal lines
        if lines == kept:
            raise Crash
        lines += 1

    class KilledClock(MemoryClock):
        """The process dies where it would wait once the last line is there, or before the next
        line.
        """

        def sleep(self, duration: timedelta) -> None:
            if lines == kept:
                raise Crash
            super().sleep(duration)

    world.store.watch = watch
    with pytest.raises(Crash):
        roll_back(plan, DIGEST, replace(world.ports(), clock=KilledClock(world.cluster)))
    world.store.watch = None
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    return seen


def lines_of_roll_back() -> int:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    before = len(world.store.journal())
    roll_back(plan, DIGEST, world.ports())
    return len(world.store.journal()) - before


LINES = lines_of_roll_back()


@pytest.mark.parametrize("kept", range(1, LINES - 1))
def test_bridge_outlives_older_logins_wherever_the_first_roll_back_was_killed(kept: int) -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    seen = times_after_kill(world, kept)
    for arn in ADMINS:
        assert seen[f"delete {arn}"] - seen[f"update {arn}"] >= REMEMBERED
        assert seen["unbind migrator-bridge"] - seen[f"delete {arn}"] >= REMEMBERED


@pytest.mark.parametrize("kept", range(1, LINES - 1))
def test_entry_goes_over_the_bridge_wherever_a_roll_back_from_another_folder_was_killed(
    kept: int,
) -> None:
    cluster, plan = company()
    oracle(cluster)
    apply_plan(plan, DIGEST, World(cluster).ports())
    seen = times_after_kill(World(cluster), kept)
    for arn in ADMINS:
        assert seen["bind migrator-bridge"] <= seen[f"update {arn}"]
        assert seen[f"delete {arn}"] - seen[f"update {arn}"] >= REMEMBERED
        assert seen["unbind migrator-bridge"] - seen[f"delete {arn}"] >= REMEMBERED


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, 11))
def test_apply_after_a_roll_back_that_was_killed_at_any_effect_ends_as_an_apply_alone(
    k: int, when: str
) -> None:
    """An entry that is made again needs every later write and proof again."""
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    alone = apply_plan(plan, DIGEST, world.ports())
    end = cluster.describe()
    cluster.crash_at = (len(cluster.effects) + k, when)
    with pytest.raises(Crash):
        roll_back(plan, DIGEST, world.ports())
    cluster.crash_at = None
    outcome = apply_plan(plan, DIGEST, world.ports(), ApplyOptions(abandon_rollback=True))
    assert (outcome.exit_code, outcome.error) == (alone.exit_code, None)
    assert cluster.describe() == end
