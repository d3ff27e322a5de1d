"""Parallel bindings of a renamed group: what is seen of them decides, and what an administrator put
there stays.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from migrator.decide.planning.entries.entry_identity import identity_of_entry
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    MARKER_GROUP,
    CreateBinding,
    CreateEntry,
    Prove,
    RemoveBridge,
    UpdateEntry,
)
from migrator.run.apply_plan import apply_plan
from migrator.run.roll_back import roll_back
from tests.support.memory_ports import OPERATOR, Cluster, Crash, MemoryRbac
from tests.support.memory_runs import (
    ADMIN_POLICY,
    DEVS,
    DIGEST,
    PlanBuilder,
    World,
    company,
    delete,
)

BINDING = CreateBinding("migrator-view-0123456789", None, "ClusterRole", "view", "developers")
KEY = (None, BINDING.binding_name)


def renamed() -> tuple[Cluster, Plan]:
    """One principal, whose reserved group is renamed to a group that a parallel binding of ours
    binds.
    """
    before = Identity("dev", ("system:developers",), "config-map")
    operator = AccessEntry(OPERATOR, "STANDARD", "operator", (), (ADMIN_POLICY,))
    cluster = Cluster(rows={DEVS: before}, mode="API_AND_CONFIG_MAP", entries={OPERATOR: operator})
    build = PlanBuilder()
    keeps = EntrySpec("STANDARD", "operator", (), (ADMIN_POLICY,))
    build.principals.append(
        PlannedPrincipal(OPERATOR, "keep", identity_of_entry(operator), entry=keeps)
    )
    bound = build.add(BINDING, undo=RemoveBridge(BINDING.binding_name, BINDING.group))
    final = EntrySpec("STANDARD", "dev", (BINDING.group,))
    build.principals.append(PlannedPrincipal(DEVS, "create", before, entry=final))
    marked = EntrySpec("STANDARD", "dev", (BINDING.group, MARKER_GROUP))
    made = build.add(CreateEntry(DEVS, marked), bound, undo=delete(DEVS, marked))
    shown = build.add(Prove(DEVS, "dev", marked.kubernetes_groups, "live", "marker"), made)
    build.add(UpdateEntry(DEVS, final, marked), shown, undo=UpdateEntry(DEVS, marked, final))
    return cluster, build.plan(cluster)


def theirs(*groups: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A binding that an administrator put under the name of ours."""
    return {
        "metadata": {"name": BINDING.binding_name, "labels": dict(labels or {})},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": group} for group in groups],
    }


def test_entry_is_not_made_on_a_binding_that_went_while_the_run_was_dead() -> None:
    cluster, plan = renamed()
    world = World(cluster)

    cluster.crash_at = (2, "before")  # the binding is made, the entry is not
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, world.ports())
    cluster.crash_at = None
    del cluster.bindings[KEY]  # an administrator, or a roll-back from another folder
    outcome = apply_plan(plan, DIGEST, world.ports())
    assert outcome.exit_code == 5
    assert DEVS not in cluster.entries
    assert outcome.error is not None
    assert BINDING.binding_name in outcome.error.message


@pytest.mark.parametrize("at", ["create", "update"])
def test_entry_goes_when_its_binding_is_deleted_before_its_next_write(at: str) -> None:
    cluster, plan = renamed()
    left = [at]

    def delete_binding(done: str) -> None:
        if left and done.startswith(left[0]):
            left.clear()
            del cluster.bindings[KEY]

    cluster.watch = delete_binding
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.exit_code == 5
    assert (DEVS in cluster.entries) == (at == "update")  # after the last write it is told
    assert outcome.error is not None
    assert BINDING.binding_name in outcome.error.message


def test_apply_that_has_nothing_left_to_do_looks_at_bindings() -> None:
    cluster, plan = renamed()
    world = World(cluster)
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    del cluster.bindings[KEY]
    error = apply_plan(plan, DIGEST, world.ports()).error
    assert error is not None
    assert (error.code, error.exit_code) == ("binding-changed", 5)
    assert "to ClusterRole view" in error.message
    assert "migrate rollback PLAN" in error.remedy


@pytest.mark.parametrize("way", ["by hand", "rolled back"])
def test_what_to_do_about_a_binding_that_is_gone_helps(way: str) -> None:
    cluster, plan = renamed()
    world = World(cluster)
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    del cluster.bindings[KEY]
    if way == "by hand":
        cluster.bindings[KEY] = theirs("developers", "more")
    else:
        assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
        assert DEVS not in cluster.entries
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    assert KEY in cluster.bindings
    assert DEVS in cluster.entries


@pytest.mark.parametrize(
    "binding",
    [
        theirs("platform-admins", labels={MANAGED_BY_LABEL: "Helm"}),
        theirs("developers"),
        theirs("developers", "platform-admins", labels={MANAGED_BY_LABEL: MANAGED_BY}),
    ],
)
def test_roll_back_leaves_an_administrators_binding_under_our_name(binding: dict[str, Any]) -> None:
    cluster, plan = renamed()
    world = World(cluster)
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    cluster.bindings[KEY] = binding
    outcome = roll_back(plan, DIGEST, world.ports())
    assert outcome.exit_code == 0
    assert DEVS not in cluster.entries
    assert cluster.bindings == {KEY: binding}


def test_roll_back_looks_at_a_binding_directly_before_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The wait until older logins are forgotten takes minutes."""
    cluster, plan = renamed()
    world = World(cluster)
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    read = MemoryRbac.read_binding
    seen: list[str] = []

    def read_once(self: MemoryRbac, name: str, namespace: str | None) -> Any:  # noqa: ANN401 - raw
        found = read(self, name, namespace)
        if not seen and DEVS not in cluster.entries:
            seen.append(name)
            cluster.bindings[KEY] = theirs("platform-admins")
        return found

    monkeypatch.setattr(MemoryRbac, "read_binding", read_once)
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    assert seen
    assert cluster.bindings[KEY] == theirs("platform-admins")


def test_bridge_with_subjects_of_an_administrator_stays_and_is_told() -> None:
    cluster, plan = company()

    def share(done: str) -> None:
        more = {"kind": "Group", "name": "platform-admins"}
        if done == f"update {OPERATOR}":
            for key, binding in list(cluster.bindings.items()):
                cluster.bindings[key] = {**binding, "subjects": [*binding["subjects"], more]}

    cluster.watch = share
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.exit_code == 5
    assert outcome.error is not None
    assert outcome.error.code in ("binding-changed", "binding-exists")
    assert cluster.bindings
