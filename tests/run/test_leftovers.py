"""What a run left in a cluster is found whatever folder is looked from, named, and removed once no
entry needs it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from migrator.errors import Refused
from migrator.model.access_entry import AccessEntry
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.model.leftover import LeftoversOutcome
from migrator.model.outcome import StatusOutcome
from migrator.model.plan import Plan
from migrator.ports import Raw
from migrator.render.leftovers import leftovers_document, leftovers_text
from migrator.render.outcome import outcome_document
from migrator.render.status import status_document, status_text
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.read_leftovers import remove_leftovers
from migrator.run.roll_back import roll_back
from migrator.run.show_status import StatusPorts, show_status
from tests.support.memory_ports import (
    Cluster,
    Crash,
    MemoryApprover,
    MemoryClock,
    MemoryEntries,
    MemoryLock,
    MemoryMode,
    MemoryObjects,
    MemoryRbac,
    MemoryReader,
)
from tests.support.memory_runs import ALICE, CREATOR, DEVS, DIGEST, NODES, World, company

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


def remove(world: World, objects: MemoryObjects | None = None) -> LeftoversOutcome:
    return remove_leftovers("prod", world.ports(), objects or MemoryObjects(world.cluster))


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
    assert outcome.exit_code == 7, outcome  # the others were not asked for
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
        remove(world)
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
        remove(world)
    assert cluster.describe() == before
    world.approver.yes = True
    outcome = remove(world)
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
    outcome = remove(world)
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
    assert remove(other).exit_code == 0
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
    # Nothing of this plan is in the cluster: every step is left, and nothing is unknown.
    elsewhere = status(World(Cluster()), plan)
    assert (elsewhere.exit_code, elsewhere.unknown) == (7, ())


def test_binding_of_ours_with_subjects_of_others_is_named_and_stays() -> None:
    cluster, _ = company()
    bind(cluster, "migrator-view-1", "view", "developers-2")
    cluster.bindings[None, "migrator-view-1"]["subjects"].append({"kind": "User", "name": "maria"})
    outcome = remove(World(cluster))
    assert (outcome.removed, outcome.exit_code) == ((), 7)
    assert (None, "migrator-view-1") in cluster.bindings
    assert "another writer added subjects" in outcome.kept[0].describe("prod")


def killed_apply(k: int) -> tuple[World, Plan] | None:
    """An apply that died directly after its effect ``k``; None where it has fewer."""
    cluster, plan = company()
    world = World(cluster)
    cluster.crash_at = (k, "after")
    try:
        apply_plan(plan, DIGEST, world.ports())
    except Crash:
        cluster.crash_at, cluster.lock = None, None
        return world, plan
    return None


@pytest.mark.parametrize("command", ["apply", "rollback"])
def test_killed_run_goes_on_after_leftovers_were_removed_from_another_folder(command: str) -> None:
    """Whatever effect it died after."""
    complete, plan = company()
    assert apply_plan(plan, DIGEST, World(complete).ports()).exit_code == 7  # nodes: not proven
    kept = 0
    for k in range(1, 40):
        killed = killed_apply(k)
        if killed is None:
            break
        world, plan = killed
        kept += bool(remove(World(world.cluster, host="there")).kept)
        if command == "apply":
            outcome = apply_plan(plan, DIGEST, world.ports())
            assert (outcome.exit_code, outcome.error) == (7, None), k
            assert world.cluster.describe() == complete.describe(), k
        else:
            outcome = roll_back(plan, DIGEST, world.ports())
            assert (outcome.exit_code, outcome.error) == (0, None), k
            assert set(world.cluster.entries) <= {CREATOR}, k
    assert kept >= 4


def test_marker_of_run_that_keeps_a_bridge_stays_and_the_command_is_named() -> None:
    cluster, _ = company()
    cluster.mode = "API_AND_CONFIG_MAP"
    bind(cluster, f"migrator-bridge-{RUN}", "cluster-admin", f"migrator-bridge:{RUN}")
    groups = (f"migrator-probe:{RUN}", f"migrator-bridge:{RUN}")
    cluster.entries[ALICE] = AccessEntry(ALICE, "STANDARD", "alice", groups)
    cluster.entries[DEVS] = AccessEntry(DEVS, "STANDARD", "dev", ("devs", f"migrator-probe:{RUN}"))
    before = cluster.describe()
    outcome = remove(World(cluster))
    assert (outcome.exit_code, outcome.removed) == (7, ())
    assert cluster.describe() == before
    markers = [each for each in outcome.kept if each.group.startswith("migrator-probe:")]
    assert [each.name for each in markers] == [ALICE, DEVS]
    assert all("finish it with `migrate apply PLAN`" in each.describe("prod") for each in markers)


@dataclass
class Meanwhile(MemoryApprover):
    """Answers yes, after another writer has done something."""

    act: Callable[[], None] = lambda: None

    def confirm(self, question: str) -> None:
        self.act()
        super().confirm(question)


def leftovers_on(cluster: Cluster) -> None:
    """A bridge and a binding that no entry needs, and a marker on the entry of the developers."""
    cluster.mode = "API_AND_CONFIG_MAP"
    bind(cluster, "bridge", "cluster-admin", "migrator-bridge:1")
    bind(cluster, "twin", "edit", "no-entry-has-it")
    groups = ("devs", f"migrator-probe:{RUN}")
    cluster.entries[DEVS] = AccessEntry(DEVS, "STANDARD", "dev", groups)


def change_groups(cluster: Cluster, groups: tuple[str, ...]) -> None:
    cluster.entries[DEVS] = replace(cluster.entries[DEVS], kubernetes_groups=groups)


def add_subject(cluster: Cluster) -> None:
    binding = copy.deepcopy(cluster.bindings[None, "bridge"])
    binding["subjects"].append({"kind": "User", "name": "maria"})
    cluster.bindings[None, "bridge"] = binding


def give_bridge_group(cluster: Cluster) -> None:
    cluster.entries[ALICE] = AccessEntry(ALICE, "STANDARD", "alice", ("migrator-bridge:1",))


# What another writer does while the question is open; what is named, the exit code, and how many
# of three leftovers are removed.
CHANGES: dict[str, tuple[Callable[[Cluster], object], str, int, int]] = {
    "groups taken": (lambda c: change_groups(c, ()), f"{DEVS} ", 5, 2),
    "group added": (
        lambda c: change_groups(c, ("devs", "new", f"migrator-probe:{RUN}")),
        f"{DEVS} ",
        5,
        2,
    ),
    "entry deleted": (lambda c: c.entries.clear(), "another writer deleted the entry", 5, 2),
    "subject added": (add_subject, "binding bridge ", 5, 2),
    "binding deleted": (lambda c: c.bindings.pop((None, "twin")), "binding twin ", 5, 2),
    # The marker is of the run that keeps this bridge.
    "bridge needed": (give_bridge_group, f"needed by {ALICE}", 7, 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_while_the_question_was_open_stays_as_it_is(change: str) -> None:
    act, named, exit_code, removed = CHANGES[change]
    cluster, _ = company()
    leftovers_on(cluster)
    changed: list[tuple[dict[str, AccessEntry], dict[tuple[str | None, str], Raw]]] = []

    def meanwhile() -> None:
        act(cluster)
        changed.append((dict(cluster.entries), copy.deepcopy(cluster.bindings)))

    outcome = remove(World(cluster, approver=Meanwhile(act=meanwhile)))
    assert (outcome.exit_code, len(outcome.removed)) == (exit_code, removed)
    lines = [each.describe("prod") for each in outcome.kept]
    assert any(named in line for line in lines), lines
    ((entries, bindings),) = changed
    gone = {each.name for each in outcome.removed}
    assert {k: e for k, e in entries.items() if k not in gone} == {
        k: e for k, e in cluster.entries.items() if k not in gone
    }
    assert {k: b for k, b in bindings.items() if k[1] not in gone} == cluster.bindings


def test_entry_that_changes_after_the_second_read_stays_as_it_is() -> None:
    cluster, _ = company()
    leftovers_on(cluster)

    class Late(MemoryEntries):
        def describe(self, principal_arn: str) -> AccessEntry | None:
            change_groups(self.cluster, ())
            return super().describe(principal_arn)

    ports = replace(World(cluster).ports(), entries=Late(cluster))
    outcome = remove_leftovers("prod", ports, MemoryObjects(cluster))
    assert (outcome.exit_code, cluster.entries[DEVS].kubernetes_groups) == (5, ())


def test_binding_that_changes_after_the_second_read_stays_as_it_is() -> None:
    cluster, _ = company()
    leftovers_on(cluster)

    class Late(MemoryRbac):
        def delete_binding(
            self, name: str, namespace: str | None, *, seen: Raw | None = None
        ) -> None:
            if name == "bridge":
                add_subject(self.cluster)
            super().delete_binding(name, namespace, seen=seen)

    ports = replace(World(cluster).ports(), rbac=Late(cluster))
    outcome = remove_leftovers("prod", ports, MemoryObjects(cluster))
    assert outcome.exit_code == 5
    assert [name for _, name in cluster.bindings] == ["bridge"]
