"""What a run left in a cluster is found whatever folder is looked from, named, and removed once no
entry needs it.
"""

from dataclasses import replace

import pytest

from migrator.errors import Refused
from migrator.model.access_entry import AccessEntry
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.model.outcome import StatusOutcome
from migrator.model.plan import Plan
from migrator.render.leftovers import leftovers_document, leftovers_text
from migrator.render.outcome import outcome_document
from migrator.render.status import status_document, status_text
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.read_leftovers import remove_leftovers
from migrator.run.show_status import StatusPorts, show_status
from tests.support.memory_ports import (
    Cluster,
    Crash,
    MemoryClock,
    MemoryLock,
    MemoryMode,
    MemoryRbac,
    MemoryReader,
)
from tests.support.memory_runs import ALICE, DEVS, DIGEST, NODES, World, company

RUN, PLAN_LABEL = "00000000000000ff", "cd" * 8
OTHER_DIGEST = "sha256:" + "cd" * 32


def status(world: World, plan: Plan) -> StatusOutcome:
    cluster = world.cluster
    ports = StatusPorts(
        world.store,
        MemoryClock(cluster),
        MemoryMode(cluster),
        MemoryReader(cluster),
        MemoryRbac(cluster),
        MemoryLock(cluster),
    )
    return show_status("prod", ports, plan, DIGEST)


def bind(cluster: Cluster, name: str, role: str, group: str, *, run: str = RUN) -> None:
    """A ClusterRoleBinding as a run of another plan, from another folder, makes it."""
    labels = {
        "app.kubernetes.io/managed-by": "eks-access-migrator",
        "eks-access-migrator/plan": PLAN_LABEL,
        "eks-access-migrator/run": run,
    }
    cluster.bindings[(None, name)] = {
        "metadata": {"name": name, "labels": labels},
        "roleRef": {"kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "Group", "name": group}],
    }


def applied() -> tuple[World, Plan]:
    """A cluster on which everything is done, nodes included."""
    cluster, plan = company()
    world = World(cluster)
    steps = tuple(
        step for step in plan.steps if step.effect.kind != "prove" or step.principal_arn != NODES
    )
    gone = {step.id for step in plan.steps} - {step.id for step in steps}
    steps = tuple(
        replace(step, requires=tuple(r for r in step.requires if r not in gone)) for step in steps
    )
    plan = replace(plan, steps=steps)
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    return world, plan


def test_cluster_admin_binding_of_another_run_keeps_apply_and_status_from_0() -> None:
    world, plan = applied()
    assert status(world, plan).exit_code == 0
    bind(world.cluster, f"migrator-bridge-{RUN}", "cluster-admin", f"migrator-bridge:{RUN}")
    outcome = apply_plan(plan, DIGEST, world.ports())
    assert outcome.exit_code == 7
    (line,) = outcome_document(outcome)["leftovers"]
    assert f"migrator-bridge-{RUN}" in line
    assert "migrate rollback prod --leftovers" in line
    found = status(world, plan)
    assert found.exit_code == 7
    (shown,) = status_document(found)["leftovers"]
    assert (shown["kind"], shown["run"], shown["plan"], shown["neededBy"]) == (
        "bridge",
        RUN,
        PLAN_LABEL,
        [],
    )
    assert "Leftover" in status_text(found)


def test_bridge_that_the_own_last_run_left_keeps_status_from_0() -> None:
    cluster, plan = company()
    cluster.unassumable |= {ALICE}  # who is not proven keeps the bridge
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    found = status(world, plan)
    assert [each.kind for each in found.leftovers if each.kind == "bridge"] == ["bridge"]
    assert found.exit_code == 7


def test_apply_of_one_administrator_takes_its_bridge_away_again() -> None:
    """Those who were not asked for get a bridge of their own later; meanwhile no binding to
    cluster-admin stands.
    """
    cluster, plan = company()
    world = World(cluster)
    outcome = apply_plan(plan, DIGEST, world.ports(), ApplyOptions(only=(ALICE,)))
    assert outcome.exit_code == 0, outcome
    assert world.cluster.bindings == {}
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 7  # the nodes are not proven yet
    assert world.cluster.bindings == {}


def test_bridge_of_a_run_that_was_killed_keeps_status_from_0() -> None:
    seen = 0
    for k in range(1, 8):
        cluster, plan = company()
        world = World(cluster)
        cluster.crash_at = (k, "after")
        with pytest.raises(Crash):
            apply_plan(plan, DIGEST, world.ports(), ApplyOptions(only=(ALICE,)))
        if world.cluster.bindings:
            seen += 1
            assert status(world, plan).exit_code != 0
    assert seen >= 3


def test_bridge_of_a_run_under_way_elsewhere_is_named_with_its_holder() -> None:
    world, plan = applied()
    bind(world.cluster, f"migrator-bridge-{RUN}", "cluster-admin", f"migrator-bridge:{RUN}")
    holder = LockHolder("arn:ci@pipeline/7", token="t", command="apply", plan_digest=OTHER_DIGEST)
    world.cluster.lock = LockSeen(LockRecord(holder, "2026-11-22T00:00:00Z", 30), "t", "memory")
    found = status(world, plan)
    assert found.exit_code == 0
    assert "in use by the run of arn:ci@pipeline/7" in " ".join(status_text(found).split())
    assert status_document(found)["locks"][0]["holder"] == "arn:ci@pipeline/7"
    assert status_document(found)["locks"][0]["expires"] == "2026-11-22T00:00:30Z"
    with pytest.raises(Refused) as caught:
        remove_leftovers("prod", world.ports())
    assert caught.value.code == "locked"


def test_leftovers_that_no_entry_needs_are_shown_asked_for_and_removed() -> None:
    world, _ = applied()
    cluster = world.cluster
    bind(cluster, f"migrator-bridge-{RUN}", "cluster-admin", f"migrator-bridge:{RUN}")
    bind(cluster, "twin", "edit", "no-entry-has-it")
    bind(cluster, "wanted", "edit", "devs")
    entry = cluster.entries[DEVS]
    cluster.entries[DEVS] = replace(
        entry, kubernetes_groups=(*entry.kubernetes_groups, f"migrator-probe:{RUN}")
    )
    world.approver.yes = False
    before = cluster.describe()
    with pytest.raises(Refused):
        remove_leftovers("prod", world.ports())
    assert cluster.describe() == before
    world.approver.yes = True
    outcome = remove_leftovers("prod", world.ports())
    assert world.approver.asked[-1] == "Remove 3 of 3 leftovers from cluster prod?"
    assert (outcome.exit_code, len(outcome.removed), outcome.kept) == (0, 3, ())
    assert [name for _, name in cluster.bindings] == ["wanted"]
    assert cluster.entries[DEVS].kubernetes_groups == entry.kubernetes_groups
    assert cluster.entries[DEVS].username == entry.username
    assert "3 leftovers removed" in leftovers_text(outcome)
    assert leftovers_document(outcome)["exitCode"] == 0


def test_bridge_that_an_entry_needs_stays_and_the_entry_is_named() -> None:
    world, _ = applied()
    cluster = world.cluster
    bind(cluster, f"migrator-bridge-{RUN}", "cluster-admin", f"migrator-bridge:{RUN}")
    cluster.entries[ALICE] = AccessEntry(ALICE, "STANDARD", "alice", (f"migrator-bridge:{RUN}",))
    outcome = remove_leftovers("prod", world.ports())
    assert (outcome.exit_code, outcome.removed) == (7, ())
    assert {each.kind for each in outcome.kept} == {"bridge", "group"}
    assert all(ALICE in each.needed_by for each in outcome.kept)
    assert cluster.admin(ALICE)[0]
    assert f"needed by {ALICE}" in leftovers_text(outcome).replace("\n", " ").replace("  ", " ")


def test_bridge_of_a_killed_run_is_removed_from_another_folder_once_rolled_back_there() -> None:
    cluster, plan = company()
    cluster.crash_at = (2, "after")  # the bridge is there, no entry is
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, World(cluster).ports())
    cluster.crash_at, cluster.lock = None, None
    other = World(cluster, host="there")
    assert remove_leftovers("prod", other.ports()).exit_code == 0
    assert cluster.bindings == {}


def test_status_from_another_folder_says_that_another_folder_has_the_run() -> None:
    cluster, plan = company()
    cluster.crash_at = (6, "after")
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, World(cluster).ports())
    found = status(World(cluster, host="there"), plan)
    assert found.exit_code == 1
    assert found.done == 0
    (why,) = [line for line in found.unknown if "another state folder has this run" in line]
    assert "it is under way: arn:" in why
    assert "@here/1 (apply" in why
    assert "--state-dir" in found.next
    assert status(World(Cluster()), plan).exit_code == 0  # nothing of this plan is in the cluster


def test_binding_of_ours_with_subjects_of_others_is_named_and_stays() -> None:
    cluster, _ = company()
    bind(cluster, "migrator-view-1", "view", "developers-2")
    cluster.bindings[None, "migrator-view-1"]["subjects"].append({"kind": "User", "name": "maria"})
    outcome = remove_leftovers("prod", World(cluster).ports())
    assert (outcome.removed, outcome.exit_code) == ((), 7)
    assert (None, "migrator-view-1") in cluster.bindings
    assert "another writer added subjects" in outcome.kept[0].describe("prod")
