"""Rolling back once more after a kill between two lines of the journal: older logins are still
waited for.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from migrator.decide.running.waiting import REMEMBERED
from migrator.errors import Changed
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


def over_the_bridge(world: World, seen: list[tuple[str, datetime]], arn: str) -> bool:
    """Whether an administrator whose entry was deleted had its groups back, over a bridge that was
    there, for as long as older logins are remembered.
    """
    names = [effect for effect, _ in seen]
    if f"delete {arn}" not in names:
        return True
    deleted = names.index(f"delete {arn}")
    before = dict(seen[:deleted])
    if f"update {arn}" not in before:
        return False
    return seen[deleted][1] - before[f"update {arn}"] >= REMEMBERED


@pytest.mark.parametrize("kept", range(1, LINES - 1))
def test_roll_back_looks_again_where_another_folder_applied_meanwhile(kept: int) -> None:
    """What this journal has as undone, the other run has done again."""
    cluster, plan = company()
    first, second = World(cluster), World(cluster, host="there")
    oracle(cluster)
    apply_plan(plan, DIGEST, first.ports())
    lines = 0

    def watch(_line: bytes) -> None:
        nonlocal lines
        if lines == kept:
            raise Crash
        lines += 1

    first.store.watch = watch
    with pytest.raises(Crash):
        roll_back(plan, DIGEST, first.ports())
    first.store.watch = None
    cluster.lock = None  # it has run out
    # Where nothing of the plan is left in the cluster, its mode has changed since: plan again.
    with suppress(Changed):
        apply_plan(plan, DIGEST, second.ports(), ApplyOptions(abandon_rollback=True))
    cluster.now += REMEMBERED  # the logins of the first roll-back are forgotten
    seen: list[tuple[str, datetime]] = []
    bridged: list[str] = []

    def judge(effect: str) -> None:
        seen.append((effect, cluster.now))
        if effect.startswith("delete ") and cluster.bindings:
            bridged.append(effect.removeprefix("delete "))

    cluster.watch = judge
    roll_back(plan, DIGEST, first.ports())
    for arn in ADMINS:
        assert over_the_bridge(first, seen, arn), seen
        assert f"delete {arn}" not in dict(seen) or arn in bridged


@pytest.mark.parametrize("arn", ADMINS)
def test_bridge_that_an_administrator_deletes_during_the_wait_is_built_again(arn: str) -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    left = [arn]
    without: list[str] = []

    class Waiting(MemoryClock):
        """An administrator deletes the bridge once the principal has its groups back."""

        def sleep(self, duration: timedelta) -> None:
            super().sleep(duration)
            if left and f"update {arn}" in cluster.effects[-4:]:
                left.clear()
                cluster.bindings.clear()

    def judge(effect: str) -> None:
        if effect in {f"delete {each}" for each in ADMINS} and not cluster.bindings:
            without.append(effect)

    cluster.watch = judge
    outcome = roll_back(plan, DIGEST, replace(world.ports(), clock=Waiting(cluster)))
    assert (outcome.exit_code, left, without) == (0, [], [])
    assert cluster.bindings == {}
