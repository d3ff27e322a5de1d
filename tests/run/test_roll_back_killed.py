"""Rolling back once more after a kill between two lines of the journal: older logins are still
waited for.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest

from migrator.decide.running.waiting import REMEMBERED
from migrator.errors import Changed
from migrator.model.access_entry import AccessEntry, AccessScope, AssociatedPolicy
from migrator.model.plan import Plan
from migrator.model.step import BRIDGE_PREFIX, AssociatePolicy
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.roll_back import roll_back
from tests.run.test_apply_plan import oracle
from tests.support.memory_ports import OPERATOR, Crash, MemoryClock
from tests.support.memory_runs import ALICE, DIGEST, World, company

ADMINS = (ALICE, OPERATOR)


def die_after(world: World, kept: int) -> Callable[[], bool]:
    """From now on a process dies before it writes another line than the first ``kept``. Returns
    what says whether all of these are written.
    """
    lines = 0

    def watch(_line: bytes) -> None:
        nonlocal lines
        if lines == kept:
            raise Crash
        lines += 1

    world.store.watch = watch
    return lambda: lines == kept


def kill_after(world: World, kept: int, run: Callable[[], object]) -> None:
    """The process dies before it writes another line than the first ``kept``."""
    die_after(world, kept)
    try:
        run()
    finally:
        world.store.watch = None


def times_after_kill(world: World, kept: int) -> dict[str, datetime]:
    """When each effect of a roll-back is had that is killed once ``kept`` of its lines are in the
    journal, and of the one that goes on after it.
    """
    _, plan = company()
    seen: dict[str, datetime] = {}
    world.cluster.watch = lambda effect: seen.update({effect: world.cluster.now})
    are_written = die_after(world, kept)

    class KilledClock(MemoryClock):
        """The process dies where it would wait once the last line is there, or before the next
        line.
        """

        def sleep(self, duration: timedelta) -> None:
            if are_written():
                raise Crash
            super().sleep(duration)

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


def lines_of_apply() -> int:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    return len(world.store.journal())


LINES = lines_of_roll_back()
LINES_OF_APPLY = lines_of_apply()


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
    with pytest.raises(Crash):
        kill_after(first, kept, lambda: roll_back(plan, DIGEST, first.ports()))
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


def associated_at(kept: int, plan: Plan, arn: str) -> bool:
    """Whether the policy is associated where a run dies after these lines."""
    cluster, _ = company()
    world = World(cluster)
    oracle(cluster)
    with suppress(Crash):
        kill_after(world, kept, lambda: apply_plan(plan, DIGEST, world.ports()))
    return has_associated(world, plan, arn)


def has_associated(world: World, plan: Plan, arn: str) -> bool:
    """Whether the journal has the principal's policy as associated."""
    (associated,) = (
        step.id
        for step in plan.steps
        if step.principal_arn == arn and isinstance(step.effect, AssociatePolicy)
    )
    return any(
        record.event == "done" and record.step == associated for record in world.store.journal()
    )


@pytest.mark.parametrize("arn", ADMINS)
@pytest.mark.parametrize("kept", range(1, LINES_OF_APPLY))
def test_roll_back_does_not_give_again_what_another_administrator_withdrew(
    kept: int, arn: str
) -> None:
    """The run dies after each line of its journal, and then the policy is withdrawn by hand."""
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    with suppress(Crash):
        kill_after(world, kept, lambda: apply_plan(plan, DIGEST, world.ports()))
    if not has_associated(world, plan, arn):
        return
    # From here on the administrator has less than its row gives.
    cluster.watch = None
    policies = cluster.entries[arn].access_policies
    cluster.now += timedelta(minutes=5)
    cluster.entries[arn] = replace(cluster.entries[arn], access_policies=())
    outcome = roll_back(plan, DIGEST, world.ports())
    assert (outcome.exit_code, getattr(outcome.error, "code", None)) == (5, "policy-withdrawn")
    assert arn in cluster.entries
    # No binding to cluster-admin stands for an entry that has not its group.
    assert bool(cluster.bindings) == any(
        group.startswith(BRIDGE_PREFIX) for group in cluster.entries[arn].kubernetes_groups
    )
    # It was not on purpose: the remedy is carried out.
    cluster.entries[arn] = replace(cluster.entries[arn], access_policies=policies)
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    assert arn not in cluster.entries


@cache
def first_associated() -> int:
    """How many lines the journal of an apply has when a policy is associated."""
    _, plan = company()
    return next(kept for kept in range(1, LINES_OF_APPLY) if associated_at(kept, plan, ALICE))


@pytest.mark.parametrize("k", range(1, 11))
@pytest.mark.parametrize("more", [0, 3, 6])
def test_nor_where_the_first_roll_back_was_killed_before_any_effect(k: int, more: int) -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    kept = first_associated() + more
    with suppress(Crash):
        kill_after(world, kept, lambda: apply_plan(plan, DIGEST, world.ports()))
    cluster.crash_at = (len(cluster.effects) + k, "before")
    with suppress(Crash):
        roll_back(plan, DIGEST, world.ports())
    cluster.crash_at = None
    if ALICE not in cluster.entries:
        return
    cluster.watch = None
    cluster.now += timedelta(minutes=5)
    cluster.entries[ALICE] = replace(cluster.entries[ALICE], access_policies=())
    roll_back(plan, DIGEST, world.ports())
    assert ALICE in cluster.entries


def changed_by_hand() -> Mapping[str, Callable[[AccessEntry], AccessEntry]]:
    view = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    viewing = (AssociatedPolicy(view, AccessScope("cluster")),)
    return {
        "made anew": lambda entry: AccessEntry(ALICE, "STANDARD", "alice", ("viewers",)),
        "other groups": lambda e: replace(e, kubernetes_groups=("viewers",), access_policies=()),
        "no tags": lambda entry: replace(entry, tags={}, access_policies=()),
        "another policy": lambda entry: replace(entry, access_policies=viewing),
    }


@pytest.mark.parametrize("change", changed_by_hand())
@pytest.mark.parametrize("folder", ["its own", "another"])
def test_what_else_was_changed_is_not_called_withdrawn(change: str, folder: str) -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.watch = None
    cluster.now += timedelta(minutes=5)
    cluster.entries[ALICE] = found = changed_by_hand()[change](cluster.entries[ALICE])
    # Without the journal, what has not the tag is another owner's.
    is_ours = folder == "its own" or bool(found.tags)
    ports = world.ports() if folder == "its own" else World(cluster, host="there").ports()
    outcome = roll_back(plan, DIGEST, ports)
    if is_ours:
        assert (outcome.exit_code, getattr(outcome.error, "code", None)) == (5, "entry-changed")
    assert cluster.entries[ALICE] == found
    assert cluster.bindings == {}


def test_roll_back_waits_for_a_read_that_is_older_than_the_association() -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    with suppress(Crash):
        kill_after(world, first_associated(), lambda: apply_plan(plan, DIGEST, world.ports()))
    now = cluster.entries[ALICE]
    stale_until = cluster.now + timedelta(seconds=30)
    cluster.entries[ALICE] = replace(now, access_policies=())

    class Clock(MemoryClock):
        """The read shows the policy after half a minute."""

        def sleep(self, duration: timedelta) -> None:
            super().sleep(duration)
            if cluster.now >= stale_until and ALICE in cluster.entries:
                cluster.entries[ALICE] = now

    ports = replace(world.ports(), clock=Clock(cluster))
    assert roll_back(plan, DIGEST, ports).exit_code == 0
    assert ALICE not in cluster.entries
