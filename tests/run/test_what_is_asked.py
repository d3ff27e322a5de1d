"""What apply and rollback show above their question is what they then write."""

from collections.abc import Iterator

import pytest

from migrator.model.proposal import Proposal
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.roll_back import RollBackOptions, roll_back
from tests.support.memory_ports import Crash
from tests.support.memory_runs import ALICE, DEVS, DIGEST, World, company


def words(world: World) -> str:
    """All that was shown, in one text."""
    return "\n".join(_texts(world.approver.shown))


def _texts(shown: list[Proposal]) -> Iterator[str]:
    for proposal in shown:
        yield proposal.title
        for part in proposal.parts:
            yield part.what
            yield from part.names


def test_bridge_is_shown_for_those_who_cross_it_alone() -> None:
    cluster, plan = company()
    world = World(cluster)
    assert apply_plan(plan, DIGEST, world.ports(), ApplyOptions(only=(DEVS,))).error is None
    assert "cluster-admin" not in words(world)
    assert not [effect for effect in cluster.effects if "bind" in effect]


def test_second_apply_to_finished_principals_asks_nothing() -> None:
    cluster, plan = company()
    world = World(cluster)
    only = ApplyOptions(only=(DEVS,))
    apply_plan(plan, DIGEST, world.ports(), only)
    world.approver.asked.clear()
    assert apply_plan(plan, DIGEST, world.ports(), only).error is None
    assert world.approver.asked == []


@pytest.mark.parametrize("killed_at", range(2, 10))
def test_roll_back_of_one_principal_shows_the_bridge_that_it_removes(killed_at: int) -> None:
    cluster, plan = company()
    world = World(cluster)
    cluster.crash_at = (killed_at, "before")
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, world.ports())
    cluster.crash_at = None
    world.approver.shown.clear()
    before = len(cluster.effects)
    roll_back(plan, DIGEST, world.ports(), RollBackOptions(only=(ALICE,)))
    undone = [effect for effect in cluster.effects[before:] if effect.startswith("unbind")]
    # The fifth effect of this plan binds the bridge; before it there is none to remove.
    assert bool(undone) == (killed_at > 5)
    # Killed at that effect, it is intended, and whether it arrived is seen later: it is shown.
    assert ("bridge" in words(world)) == (killed_at >= 5)
