"""Bindings of a plan that was read: each rule, broken by one change of a plan that was made."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from migrator.decide.planning.entries.parallel_bindings import admin_binding_of
from migrator.model.decision import Decisions, GroupAnswer
from migrator.model.plan import Plan
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    CreateBinding,
    CreateBridge,
    RemoveBridge,
)
from tests.support.edited_plans import (
    place_of,
    said,
    with_effect,
    with_finding,
    with_more,
    with_step,
    without_finding,
    without_step,
)
from tests.support.worlds import (
    bind,
    finding,
    group,
    group_answers,
    kinds,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV, ADMIN = role("dev"), role("admin")
MASTERS = ("system:masters",)


def of_admin() -> Plan:
    return planned(world([row(ADMIN, "y", ("ops", *MASTERS))]))


def of_developer() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))]))


def of_renamed(namespace: str | None = None) -> Plan:
    """A reserved group that is bound gets a name that an entry can carry."""
    bound = rbac(bind(group("eks:x"), namespace=namespace), bind(group("others"), name="o"))
    return planned(world([row(DEV, "x", ("eks:x",))], rbac=bound), group_answers(eks__x="team"))


def of_also() -> Plan:
    """A group that administrators get beside their policy."""
    answer = Decisions(groups={"system:masters": GroupAnswer(also="admins")})
    return planned(world([row(ADMIN, "y", MASTERS)]), answer)


def of_leftover(namespace: str | None = None) -> Plan:
    left = bind(
        group("migrator-bridge:00"),
        role_name="cluster-admin",
        name="left",
        namespace=namespace,
        labels={MANAGED_BY_LABEL: MANAGED_BY},
    )
    return planned(world([row(DEV, "x")], rbac=rbac(left)))


MADE: dict[str, tuple[Callable[[], Plan], str]] = {
    "a bridge": (of_admin, "create-bridge"),
    "a binding beside a ClusterRoleBinding": (of_renamed, "create-binding"),
    "a binding beside a RoleBinding": (lambda: of_renamed("shop"), "create-binding"),
    "a binding of a group of administrators": (of_also, "create-binding"),
    "a bridge that an earlier run left": (of_leftover, "remove-bridge"),
    "a bridge of an earlier run in a namespace": (lambda: of_leftover("shop"), "remove-bridge"),
}


@pytest.mark.parametrize("made", MADE)
def test_bindings_as_they_were_made_are_consistent(made: str) -> None:
    plan, kind = MADE[made][0](), MADE[made][1]
    assert kind in kinds(plan)
    assert said(plan) == []


def waiting_for_nothing(plan: Plan, kind: str) -> Plan:
    return with_step(plan, place_of(plan, kind), requires=())


def of_binding(plan: Plan, **changes: str) -> Plan:
    return with_effect(plan, place_of(plan, "create-binding"), **changes)


# The rule, a plan that breaks it, and what is said.
BROKEN: dict[str, tuple[Callable[[], Plan], str]] = {
    "no bridge without a principal that needs it": (
        lambda: with_more(of_developer(), CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP)),
        "step s99 (create-bridge): The bridge is made once and removed once, where a principal "
        "needs it.",
    ),
    "a bridge where a principal needs it": (
        lambda: without_step(without_step(of_admin(), -1), 0),
        "its steps: The bridge is made once and removed once, where a principal needs it.",
    ),
    "a bridge is removed once": (
        lambda: with_more(of_admin(), RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP)),
        "step s99 (remove-bridge): The bridge is made once and removed once, where a principal "
        "needs it.",
    ),
    "the bridge that is made is the run's": (
        lambda: with_effect(of_admin(), 0, group="ops"),
        "step s01 (create-bridge): It is not the bridge of the run.",
    ),
    "the bridge that is removed is the run's": (
        lambda: with_effect(of_admin(), -1, group="ops"),
        "step s07 (remove-bridge): It is not the bridge of the run.",
    ),
    "an entry with the bridge waits for it": (
        lambda: waiting_for_nothing(of_admin(), "create-entry"),
        f"step s02 of {ADMIN}: It names the bridge group and does not wait for the bridge.",
    ),
    "the bridge waits for the last proof": (
        lambda: waiting_for_nothing(of_admin(), "remove-bridge"),
        f"step s07 (remove-bridge): It does not wait for {ADMIN}, who needs the bridge.",
    ),
    "a binding has a finding": (
        lambda: without_finding(of_renamed(), "reserved-group-renamed"),
        "step s01 (create-binding): No finding of a principal announces the group `team`.",
    ),
    "a binding has the group that the finding names": (
        lambda: with_finding(of_renamed(), "reserved-group-renamed", message="It is `other`."),
        "step s01 (create-binding): No finding of a principal announces the group `team`.",
    ),
    "a binding comes from rows of the principal with the finding": (
        lambda: with_step(of_renamed(), 0, because_of=()),
        "step s01 (create-binding): No finding of a principal announces the group `team`.",
    ),
    "a group of administrators is bound to cluster-admin for the whole cluster": (
        lambda: of_binding(of_also(), namespace="shop"),
        "step s01 (create-binding): No finding of a principal announces the group `admins`.",
    ),
    "a binding copies one of the basis": (
        lambda: of_binding(of_renamed(), binding_name="migrator-other"),
        "step s01 (create-binding): The basis has no binding that it copies.",
    ),
    "a binding is in the namespace of the one that it copies": (
        lambda: of_binding(of_renamed("shop"), namespace="default"),
        "step s01 (create-binding): The basis has no binding that it copies.",
    ),
    "a bridge that an earlier run left has a finding": (
        lambda: without_finding(of_leftover(), "leftover-bridge"),
        "step s04 (remove-bridge): No finding says that left is a bridge that an earlier run left.",
    ),
    "a bridge of an earlier run has its namespace": (
        lambda: with_effect(of_leftover(), -1, namespace="shop"),
        "step s04 (remove-bridge): No finding says that shop/left is a bridge that an earlier "
        "run left.",
    ),
    "a bridge that an earlier run left has a name of bridges": (
        lambda: with_finding(
            with_effect(of_leftover(), -1, group="view"),
            "leftover-bridge",
            message=finding(of_leftover(), "leftover-bridge").message + " view",
        ),
        "step s04 (remove-bridge): No finding says that left is a bridge that an earlier run left.",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_binding_that_breaks_the_rule_is_refused(rule: str) -> None:
    broken, why = BROKEN[rule]
    assert why in said(broken())


def test_group_of_administrators_is_bound_by_its_own_binding_alone() -> None:
    (bound,) = (each.effect for each in of_also().steps if isinstance(each.effect, CreateBinding))
    assert bound == admin_binding_of("admins")


def test_basis_without_bindings_that_were_read_has_none_to_copy() -> None:
    plan = of_renamed()
    unread = replace(plan, basis={**plan.basis, "rbac": None})
    assert [text for text in said(unread) if "The basis has no binding that it copies." in text]
