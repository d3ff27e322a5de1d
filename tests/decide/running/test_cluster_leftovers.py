"""What runs left in a cluster, as far as the locks of other runs explain it."""

from migrator.decide.running.cluster_leftovers import find_leftovers
from migrator.decide.steps.bindings import PLAN_LABEL, RUN_LABEL, plan_label
from migrator.decide.steps.rehearsal_objects import REHEARSAL_LABEL
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from tests.support.memory_runs import DIGEST
from tests.support.worlds import bind, group

OURS = {MANAGED_BY_LABEL: MANAGED_BY}
BRIDGE = bind(
    group("migrator-bridge:1"),
    role_name="cluster-admin",
    name="migrator-bridge-1",
    labels={**OURS, RUN_LABEL: "1", PLAN_LABEL: plan_label(DIGEST)},
)
TIMER = bind(group("x"), name="timer", labels={**OURS, REHEARSAL_LABEL: "1"})


def lock(**changes: str) -> LockSeen:
    holder = LockHolder("ana@laptop/7", **changes)
    return LockSeen(LockRecord(holder, "2026-11-22T12:00:00Z", 30), "1", "Lease x")


def test_bridge_belongs_to_the_run_whose_lock_has_its_plan() -> None:
    (found,) = find_leftovers([BRIDGE], [], [lock(plan_digest=DIGEST, command="apply")])
    assert found.locked_by == "ana@laptop/7"


def test_bridge_belongs_to_no_run_where_no_lock_has_its_plan() -> None:
    locks = [LockSeen(None, "1", "Lease x"), lock(), lock(plan_digest="sha256:" + "0" * 64)]
    (found,) = find_leftovers([BRIDGE], [], locks)
    assert found.locked_by == ""


def test_timer_belongs_to_the_rehearsal_that_holds_a_lock() -> None:
    (found,) = find_leftovers([TIMER], [], [lock(command="rehearse")])
    assert found.locked_by == "ana@laptop/7"
    (alone,) = find_leftovers([TIMER], [], [lock(command="apply")])
    assert alone.locked_by == ""
