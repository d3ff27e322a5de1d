"""What runs left in a cluster, as far as the locks of other runs explain it."""

from migrator.decide.running.cluster_leftovers import bridges, find_leftovers, plan_made_elsewhere
from migrator.decide.steps.bindings import PLAN_LABEL, RUN_LABEL, plan_label
from migrator.decide.steps.entry_states import PLAN_TAG, RUN_TAG
from migrator.decide.steps.rehearsal_objects import REHEARSAL_LABEL
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from tests.support.memory_runs import DIGEST
from tests.support.worlds import bind, entry, group, role

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


def test_bridge_of_another_run_is_told_apart_from_the_own() -> None:
    found = find_leftovers([BRIDGE, TIMER], [])
    assert [each.name for each in bridges(found)] == [BRIDGE.name]
    assert bridges(found, but="1") == ()
    assert [each.name for each in bridges(found, but="2")] == [BRIDGE.name]


def test_runs_of_a_plan_are_known_by_tags_and_labels() -> None:
    other = bind(group("x"), name="other", labels={**OURS, PLAN_LABEL: "0"})
    foreign = bind(group("x"), name="foreign", labels={PLAN_LABEL: plan_label(DIGEST)})
    made = [
        entry(role("a"), tags={PLAN_TAG: DIGEST, RUN_TAG: "2"}),
        entry(role("b"), tags={PLAN_TAG: DIGEST}),
        entry(role("c")),
    ]
    assert plan_made_elsewhere(DIGEST, [BRIDGE, other, foreign], made) == ("1", "2", "not known")
