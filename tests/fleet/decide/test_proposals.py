"""What a fleet's question shows is what is left of each plan, at every moment of its runs."""

from migrator.fleet.decide.proposals import PlannedCluster, to_apply, to_roll_back
from migrator.model.plan import Plan
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.begin_run import progress_in
from migrator.run.roll_back import RollBackOptions, roll_back
from tests.support.memory_runs import DEVS, DIGEST, World, company


def _left(world: World, plan: Plan) -> tuple[PlannedCluster, PlannedCluster]:
    progress = progress_in(world.store.journal(), plan, DIGEST)
    return to_apply("arn", plan, progress), to_roll_back("arn", plan, progress, {})


def _number(planned: PlannedCluster) -> int:
    return sum((planned.counts or {}).values())


def test_what_is_shown_is_what_is_left() -> None:
    cluster, plan = company()
    cluster.unassumable.clear()
    world = World(cluster)
    forward, back = _left(world, plan)
    assert (forward.switches, _number(back)) == (True, 0)
    everything = _number(forward)

    apply_plan(plan, DIGEST, world.ports(), ApplyOptions(only=(DEVS,)))
    forward, back = _left(world, plan)
    assert (forward.switches, _number(forward), _number(back)) == (False, everything - 1, 1)

    apply_plan(plan, DIGEST, world.ports())
    forward, back = _left(world, plan)
    whole = _number(back)
    # The entry that EKS made stays.
    assert (_number(forward), whole) == (0, everything - 1)

    roll_back(plan, DIGEST, world.ports(), RollBackOptions(only=(DEVS,)))
    assert _number(_left(world, plan)[1]) == whole - 1
