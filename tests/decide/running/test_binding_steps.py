"""Single answers about bindings of a run, for what happens rarely."""

from typing import Any

from migrator.decide.running.actions import Action, Adopt, Do, Finished, ReadFirst, Wait
from migrator.decide.steps.bindings import binding_object
from migrator.model.access_entry import AccessEntry
from migrator.model.plan import Plan
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    CreateBinding,
    CreateBridge,
    RemoveBridge,
)
from tests.support.memory_ports import OPERATOR, Cluster
from tests.support.memory_runs import ADMIN_POLICY, ALICE, DIGEST, PlanBuilder, company
from tests.support.run_answers import EARLIER, LATER, NOW, RUN, TAGS, answer, done

NAME = f"/{BRIDGE_BINDING.replace('{run}', RUN)}"
GROUP = BRIDGE_GROUP.replace("{run}", RUN)
MADE = binding_object(
    CreateBridge(BRIDGE_BINDING.replace("{run}", RUN), GROUP), plan_digest=DIGEST, run=RUN
)


def of_leftover() -> Plan:
    """A plan that removes the bridge, which no entry of it uses."""
    build = PlanBuilder()
    build.add(RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP))
    return build.plan(Cluster())


def removal(**seen: Any) -> Action:  # noqa: ANN401 - any observation
    return answer(of_leftover(), "step s01", {}, bindings={NAME: MADE}, **seen)


def test_bridge_is_removed_only_after_a_look_at_who_carries_its_group() -> None:
    assert removal() == ReadFirst("carriers", GROUP)


def test_bridge_whose_group_no_entry_carries_is_removed() -> None:
    found = removal(carriers={GROUP: frozenset()})
    assert isinstance(found, Do)
    assert found.first == (ReadFirst("carriers", GROUP), ReadFirst("binding", NAME))


def test_bridge_whose_group_an_entry_carries_is_looked_at_again_and_then_left() -> None:
    carried = {GROUP: frozenset({ALICE})}
    soon = removal(carriers=carried)
    assert isinstance(soon, Wait)
    assert soon.look == ReadFirst("carriers", GROUP)
    plan = company()[1]
    steps = done(*(step.id for step in plan.steps[:-1]), at=EARLIER)
    last = f"step {plan.steps[-1].id}"
    later = answer(plan, last, steps, bindings={NAME: MADE}, carriers=carried, now=LATER)
    assert isinstance(later, Finished)
    assert later.left[0][1] == f"{ALICE} still carries the bridge group"


def admins(groups: tuple[str, ...] = ()) -> dict[str, AccessEntry]:
    names = {ALICE: "alice", OPERATOR: "operator"}
    return {
        arn: AccessEntry(arn, "STANDARD", name, groups, (ADMIN_POLICY,), tags=TAGS)
        for arn, name in names.items()
    }


def bridge(**seen: Any) -> Action:  # noqa: ANN401 - any observation
    """The journal is lost: whether the bridge was made and removed is seen in the entries."""
    return answer(company()[1], "step s02", done("s01"), bindings={NAME: None}, **seen)


def test_bridge_is_over_where_every_entry_that_used_it_is_final() -> None:
    found = bridge(entries=admins())
    assert isinstance(found, Adopt)
    assert found.why == "bridge not needed: every entry that used it is final"


def test_bridge_is_built_where_an_entry_is_not_final_or_was_not_read() -> None:
    assert isinstance(bridge(entries=admins(("more",))), Do)
    assert isinstance(bridge(entries={ALICE: admins()[ALICE]}), Do)


def test_parallel_binding_that_is_not_there_is_made() -> None:
    build = PlanBuilder()
    build.add(CreateBinding("migrator-b", None, "ClusterRole", "view", "team"))
    found = answer(build.plan(Cluster()), "step s01", {}, bindings={"/migrator-b": None}, now=NOW)
    assert isinstance(found, Do)
