"""Single answers about the undo of a step, for what happens rarely."""

from typing import Any

import pytest

from migrator.decide.running.actions import Action, LeaveInPlace, ReadFirst, Refuse, Undo
from migrator.decide.running.progress import StepState
from migrator.decide.running.source_differences import AWS_AUTH_LOST, ROW_CHANGED, Difference
from migrator.decide.running.undo_step import undo_step
from migrator.decide.steps.bindings import binding_object
from migrator.model.access_entry import AccessEntry
from migrator.model.plan import Plan
from migrator.model.step import BRIDGE_BINDING, BRIDGE_GROUP, CreateBinding, CreateBridge
from tests.support.memory_ports import Cluster
from tests.support.memory_runs import DEVS, DIGEST, PlanBuilder, company
from tests.support.run_answers import BACK, EARLIER, LATER, RUN, TAGS, done, state_with


def of_developers() -> Plan:
    build = PlanBuilder()
    build.standard(DEVS, "dev", ("devs",))
    return build.plan(Cluster())


MARKED = AccessEntry(DEVS, "STANDARD", "dev", ("devs", f"migrator-probe:{RUN}"), tags=TAGS)
GIVEN_UP = {
    **done("s01", at=EARLIER),
    "s02": StepState("refused", EARLIER.isoformat(), {"code": ROW_CHANGED}),
}


def undone(states: dict[str, StepState], **seen: Any) -> Action:  # noqa: ANN401 - any observation
    fields = {"entries": {DEVS: MARKED}, "rows": {DEVS: False}, **seen}
    state = state_with(of_developers(), states, BACK, now=LATER, **fields)
    return undo_step(state, state.sequences[DEVS], state.plan.steps[0])


def difference(code: str) -> dict[str, Difference]:
    return {DEVS: Difference(code, DEVS, "changed")}


def test_entry_whose_row_is_not_there_stays() -> None:
    found = undone(done("s01", at=EARLIER))
    assert isinstance(found, LeaveInPlace)
    assert "deleting its entry would lock it out" in found.why


def test_row_that_an_administrator_deleted_meanwhile_is_read_again() -> None:
    assert undone(GIVEN_UP) == ReadFirst("source", DEVS)


def test_entry_of_a_row_that_an_administrator_deleted_meanwhile_is_deleted() -> None:
    assert isinstance(undone(GIVEN_UP, sources=difference(ROW_CHANGED)), Undo)


@pytest.mark.parametrize("sources", [{DEVS: None}, difference(AWS_AUTH_LOST)])
def test_entry_stays_where_aws_auth_says_nothing_certain_about_its_row(
    sources: dict[str, Difference | None],
) -> None:
    assert isinstance(undone(GIVEN_UP, sources=sources), LeaveInPlace)


# Bindings.

TEAM = CreateBinding("migrator-b", "shop", "Role", "reader", "team")
BRIDGE = CreateBridge(BRIDGE_BINDING.replace("{run}", RUN), BRIDGE_GROUP.replace("{run}", RUN))


def binding_undone(effect: CreateBinding | CreateBridge, found: object) -> Action:
    build = PlanBuilder()
    build.add(effect)
    plan = build.plan(Cluster())
    namespace = getattr(effect, "namespace", None) or ""
    bindings = {f"{namespace}/{effect.binding_name}": found}
    state = state_with(plan, done("s01", at=EARLIER), BACK, now=LATER, bindings=bindings)
    return undo_step(state, plan.steps, plan.steps[0])


def shared(effect: CreateBinding | CreateBridge) -> dict[str, Any]:
    made: dict[str, Any] = {**binding_object(effect, plan_digest=DIGEST, run=RUN)}
    more: dict[str, Any] = {"kind": "User", "name": "ana", "apiGroup": "rbac.authorization.k8s.io"}
    return {**made, "subjects": [*made["subjects"], more]}


def test_bridge_that_others_use_by_now_is_not_deleted() -> None:
    found = binding_undone(BRIDGE, shared(BRIDGE))
    assert isinstance(found, Refuse)
    assert found.error.code == "binding-changed"


def test_parallel_binding_that_others_use_by_now_is_left_to_them() -> None:
    found = binding_undone(TEAM, shared(TEAM))
    assert isinstance(found, Undo)
    assert found.gone


def test_binding_of_the_run_is_deleted_after_a_look() -> None:
    found = binding_undone(TEAM, binding_object(TEAM, plan_digest=DIGEST, run=RUN))
    assert isinstance(found, Undo)
    assert (found.gone, found.first) == (False, (ReadFirst("binding", "shop/migrator-b"),))


def test_binding_that_was_not_read_is_read_first() -> None:
    plan = company()[1]
    state = state_with(plan, done("s01", "s02"), BACK, now=LATER)
    found = undo_step(state, plan.steps[1:2], plan.steps[1])
    assert isinstance(found, ReadFirst)
