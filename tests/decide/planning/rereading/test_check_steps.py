"""Order, undo and reasons of the steps of a plan that was read: each rule, broken by one change."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from migrator.decide.planning.rereading.check_steps import closures
from migrator.model.plan import Plan
from migrator.model.step import EnableEntries
from tests.support.edited_plans import (
    place_of,
    said,
    with_effect,
    with_more,
    with_step,
    without_principal,
    without_step,
)
from tests.support.worlds import (
    bind,
    group,
    group_answers,
    node_row,
    nodegroup,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV, OTHER_DEV, ADMIN, NODES = role("dev"), role("dev2"), role("admin"), role("nodes")


def of_all(mode: str = "CONFIG_MAP") -> Plan:
    """Two developers, an administrator, and nodes whose entry EKS makes."""
    rows = [
        row(DEV, "x", ("eks:x",)),
        row(OTHER_DEV, "y", ("devs",)),
        row(ADMIN, "z", ("system:masters",)),
        node_row(NODES),
    ]
    snapshot = world(
        rows,
        mode=mode,  # type: ignore[arg-type]
        nodegroups=(nodegroup(NODES),) if mode == "CONFIG_MAP" else (),
        rbac=rbac(bind(group("eks:x"))),
    )
    return planned(snapshot, group_answers(eks__x="team"))


def first_of(plan: Plan, arn: str) -> int:
    return next(place for place, step in enumerate(plan.steps) if step.principal_arn == arn)


def waiting_for_first_step_alone(plan: Plan, arn: str) -> Plan:
    return with_step(plan, first_of(plan, arn), requires=(plan.steps[0].id,))


ORDER = "It does not wait for EKS's own entries, the bindings and the first principal of its kind."

# The rule, a plan that breaks it, and what is said.
BROKEN: dict[str, tuple[Callable[[], Plan], str]] = {
    "an id is there once": (
        lambda: with_step(of_all(), 2, id=of_all().steps[1].id),
        "step s02: Two steps have this id.",
    ),
    "a step waits for steps before it": (
        lambda: with_step(of_all(), 1, requires=("s03",)),
        "step s02: It requires s03, which is no step before it.",
    ),
    "an undo takes the step back": (
        lambda: with_step(of_all(), place_of(of_all(), "create-bridge"), undo=None),
        "(create-bridge): Its undo does not take it back.",
    ),
    "a step about the cluster has rows of the plan": (
        lambda: with_step(of_all(), place_of(of_all(), "create-binding"), because_of=("x",)),
        "(create-binding): It is because of a row that no principal has.",
    ),
    "a step has a principal of the plan": (
        lambda: without_principal(of_all(), DEV),
        f"(create-entry): Its principal {DEV} is not in the plan.",
    ),
    "a step has the rows of its principal": (
        lambda: with_step(of_all(), first_of(of_all(), DEV), because_of=()),
        f"(create-entry) of {DEV}: It is because of other rows than its principal's.",
    ),
    "a mode that has entries is not switched": (
        lambda: with_more(of_all("API_AND_CONFIG_MAP"), EnableEntries()),
        "step s99: The cluster has access entries already.",
    ),
    "the mode is switched first": (
        lambda: without_step(of_all(), 0),
        "its first step: It must be the switch to API_AND_CONFIG_MAP, once.",
    ),
    "the mode is switched once": (
        lambda: with_more(of_all(), EnableEntries()),
        "its first step: It must be the switch to API_AND_CONFIG_MAP, once.",
    ),
    "the mode is switched to both ways": (
        lambda: with_effect(of_all(), 0, mode_to="API"),
        "its first step: It must be the switch to API_AND_CONFIG_MAP, once.",
    ),
    "a step waits for the switch": (
        lambda: with_step(of_all(), place_of(of_all(), "create-bridge"), requires=()),
        "It does not wait for the switch to API_AND_CONFIG_MAP.",
    ),
    "an entry waits for EKS's own and for bindings": (
        lambda: waiting_for_first_step_alone(of_all(), DEV),
        ORDER,
    ),
    "an entry waits for the first of its kind": (
        lambda: with_step(
            of_all(),
            first_of(of_all(), OTHER_DEV),
            requires=of_all().steps[first_of(of_all(), DEV)].requires,
        ),
        ORDER,
    ),
    "an entry waits for the first of each kind before": (
        lambda: with_step(
            of_all(),
            first_of(of_all(), ADMIN),
            requires=of_all().steps[first_of(of_all(), DEV)].requires,
        ),
        ORDER,
    ),
}


@pytest.mark.parametrize("mode", ["CONFIG_MAP", "API_AND_CONFIG_MAP"])
def test_steps_as_they_were_made_are_consistent(mode: str) -> None:
    assert said(of_all(mode)) == []


@pytest.mark.parametrize("rule", BROKEN)
def test_steps_that_break_the_rule_are_refused(rule: str) -> None:
    broken, why = BROKEN[rule]
    assert [text for text in said(broken()) if text.endswith(why)], said(broken())


def test_step_rests_on_everything_that_it_requires_and_what_that_requires() -> None:
    one, two, three = of_all().steps[:3]
    found = closures(
        [
            replace(one, id="a", requires=()),
            replace(two, id="b", requires=("a",)),
            replace(three, id="c", requires=("b", "unknown")),
        ]
    )
    assert found == {"a": 0b1, "b": 0b11, "c": 0b111}


def test_awaited_entry_without_steps_is_refused() -> None:
    plan = of_all()
    place = first_of(plan, NODES)
    without = without_step(without_step(plan, place + 1), place)
    assert f"the steps of {NODES}: They do not end in its entry." in said(without)
