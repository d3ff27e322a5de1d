"""Aggregated ClusterRoles as kube-controller-manager fills them."""

import pytest

from migrator.decide.access.aggregate_roles import effective_rules, selects
from migrator.model.rbac import LabelSelector, RbacState, Role
from tests.support.access import role, rule

READ, WRITE, CRDS, OWN = rule("get"), rule("delete"), rule("get", "widgets", "x.io"), rule("list")


def _aggregated(name: str, *labels: str, own: tuple[str, str] | None = None) -> Role:
    selectors = tuple(LabelSelector(((label, "true"),)) for label in labels)
    return Role(name, None, (), {own[0]: own[1]} if own else {}, selectors)


def test_roles_flow_through_roles_that_aggregate_themselves() -> None:
    state = RbacState(
        (
            role("reader", READ, **{"to-view": "true"}),
            role("writer", WRITE, **{"to-edit": "true"}),
            role("crds", CRDS, **{"to-view": "true"}),
            _aggregated("view", "to-view", own=("to-edit", "true")),
            _aggregated("edit", "to-edit"),
        )
    )
    rules = effective_rules(state)
    assert set(rules[None, "view"]) == {READ, CRDS}
    assert set(rules[None, "edit"]) == {READ, CRDS, WRITE}


def test_stored_rules_of_an_aggregated_role_are_in_force_too() -> None:
    stored = Role("view", None, (OWN,), {}, (LabelSelector((("to-view", "true"),)),))
    state = RbacState((stored, role("reader", READ, **{"to-view": "true"})))
    assert effective_rules(state)[None, "view"] == (OWN, READ)


def test_circles_and_the_role_itself_do_no_harm() -> None:
    a, b = _aggregated("a", "x", own=("x", "true")), _aggregated("b", "x", own=("x", "true"))
    rules = effective_rules(RbacState((a, b, role("c", READ, x="true"))))
    assert rules[None, "a"] == rules[None, "b"] == (READ,)


def test_roles_of_namespaces_are_never_aggregated() -> None:
    state = RbacState(
        (_aggregated("view", "to-view"), role("r", READ, namespace="dev", **{"to-view": "true"}))
    )
    assert effective_rules(state) == {(None, "view"): (), ("dev", "r"): (READ,)}


@pytest.mark.parametrize(
    ("expression", "labels", "selected"),
    [
        (("k", "In", ("a", "b")), {"k": "b"}, True),
        (("k", "In", ("a",)), {}, False),
        (("k", "In", ()), {"k": "a"}, False),
        (("k", "NotIn", ("a",)), {}, True),
        (("k", "NotIn", ("a",)), {"k": "a"}, False),
        (("k", "NotIn", ()), {}, False),
        (("k", "Exists", ()), {"k": ""}, True),
        (("k", "Exists", ()), {}, False),
        (("k", "DoesNotExist", ()), {}, True),
        (("k", "DoesNotExist", ()), {"k": "a"}, False),
        (("k", "Like", ("a",)), {"k": "a"}, False),
    ],
)
def test_expressions_select_by_their_operator(
    expression: tuple[str, str, tuple[str, ...]], labels: dict[str, str], selected: bool
) -> None:
    assert selects(LabelSelector(match_expressions=(expression,)), labels) is selected


def test_all_conditions_of_a_selector_must_hold_and_none_means_everything() -> None:
    selector = LabelSelector((("a", "1"),), (("b", "Exists", ()),))
    assert selects(selector, {"a": "1", "b": "x"})
    assert not selects(selector, {"a": "2", "b": "x"})
    assert not selects(selector, {"a": "1"})
    assert selects(LabelSelector(), {})
