"""The opt-in strategy `policies`."""

from dataclasses import replace
from typing import Any

from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Decisions
from migrator.model.plan import PlannedPrincipal
from migrator.model.rbac import LabelSelector, PolicyRule, RbacState, Role
from tests.support.worlds import (
    ACCEPTED,
    ADMIN_POLICY,
    VIEW_POLICY,
    VIEW_RULES,
    bind,
    group,
    in_namespaces,
    on_cluster,
    only,
    planned,
    rbac,
    reference,
    role,
    row,
    world,
)

DEV = role("dev")
EDIT_POLICY = VIEW_POLICY.replace("View", "Edit")


def with_policies(
    *groups: str,
    decisions: Decisions | None = None,
    **changes: Any,  # noqa: ANN401 - any field
) -> PlannedPrincipal:
    return only(planned(world([row(DEV, "x", groups)], **changes), decisions, strategy="policies"))


def test_preserve_never_swaps_groups_for_policies() -> None:
    plan = planned(world([row(DEV, "x", ("viewers",))], rbac=rbac(bind(group("viewers")))))
    assert only(plan).entry == EntrySpec("STANDARD", "x", ("viewers",))


def test_group_goes_where_policies_give_exactly_the_same() -> None:
    found = with_policies("viewers", rbac=rbac(bind(group("viewers"))))
    assert found.entry == EntrySpec("STANDARD", "x", (), (on_cluster(VIEW_POLICY),))
    assert (found.access.gained, found.access.lost) == ((), ())
    assert "group-replaced-by-policy" in found.findings


def test_group_of_many_is_judged_once_and_replaced_for_all() -> None:
    snapshot = world([row(role(n), n, ("v",)) for n in ("a", "b")], rbac=rbac(bind(group("v"))))
    plan = planned(snapshot, strategy="policies")
    assert [p.entry for p in plan.principals] == [
        EntrySpec("STANDARD", n, (), (on_cluster(VIEW_POLICY),)) for n in "ab"
    ]


def test_namespaces_of_several_bindings_come_together() -> None:
    state = rbac(
        bind(group("v"), namespace="b"),
        bind(group("v"), namespace="a"),
        bind(group("w"), namespace="c"),
    )
    expected = (in_namespaces(VIEW_POLICY, "a", "b", "c"),)
    assert with_policies("v", "w", rbac=state).entry == EntrySpec("STANDARD", "x", (), expected)


def test_whole_cluster_beats_namespaces() -> None:
    state = rbac(bind(group("v"), namespace="b"), bind(group("v"), name="all"))
    assert with_policies("v", rbac=state).entry == EntrySpec(
        "STANDARD", "x", (), (on_cluster(VIEW_POLICY),)
    )


def test_masters_and_a_replaced_group_stand_side_by_side() -> None:
    found = with_policies("v", "system:masters", rbac=rbac(bind(group("v"))))
    assert found.entry == EntrySpec(
        "STANDARD", "x", (), (on_cluster(ADMIN_POLICY), on_cluster(VIEW_POLICY))
    )


def test_cluster_admin_has_its_policy() -> None:
    found = with_policies("boss", rbac=rbac(bind(group("boss"), role_name="cluster-admin")))
    assert found.entry == EntrySpec("STANDARD", "x", (), (on_cluster(ADMIN_POLICY),))


CRDS = PolicyRule(("get",), ("example.io",), ("widgets",))


def wider_view() -> RbacState:
    """``view`` with a custom resource aggregated into it, which no access policy has."""
    state = rbac(bind(group("v")))
    roles = (Role("view", None, (*VIEW_RULES, CRDS), {}), *state.roles[2:])
    return RbacState(roles, state.bindings)


def test_loss_blocks_and_is_shown() -> None:
    found = with_policies("v", rbac=wider_view())
    assert found.action == "block"
    assert "policy-loses-rules" in found.findings
    assert any("widgets" in block.resources for block in found.access.lost)


def test_accepted_loss_goes_on_and_is_named() -> None:
    found = with_policies("v", rbac=wider_view(), decisions=Decisions(accept_loss={DEV: ACCEPTED}))
    assert found.action == "create"
    assert found.entry == EntrySpec("STANDARD", "x", (), (on_cluster(VIEW_POLICY),))
    assert "loss-accepted" in found.findings


def test_nothing_is_gained_silently() -> None:
    state = rbac(bind(group("v")))
    narrower = RbacState((Role("view", None, VIEW_RULES[1:], {}), *state.roles[2:]), state.bindings)
    found = with_policies("v", rbac=narrower)
    assert found.entry == EntrySpec("STANDARD", "x", ("v",))
    assert "group-kept" in found.findings


def test_group_is_kept_where_a_binding_has_no_policy() -> None:
    own = Role("own", None, (CRDS,), {}, (LabelSelector(),))
    state = rbac(bind(group("v")), bind(group("v"), role_name="own"), roles=[own])
    assert with_policies("v", rbac=state).entry == EntrySpec("STANDARD", "x", ("v",))


def test_group_is_kept_where_something_else_names_it() -> None:
    found = with_policies("v", rbac=rbac(bind(group("v"))), group_references=(reference("v"),))
    assert found.entry == EntrySpec("STANDARD", "x", ("v",))


def test_group_is_kept_where_the_policy_is_not_offered() -> None:
    found = with_policies("v", rbac=rbac(bind(group("v"))), access_policies=(EDIT_POLICY,))
    assert found.entry == EntrySpec("STANDARD", "x", ("v",))


def test_group_is_kept_where_references_were_not_read() -> None:
    assert with_policies("v", rbac=None).entry == EntrySpec("STANDARD", "x", ("v",))


def test_unbound_group_is_kept_without_a_word() -> None:
    found = with_policies("v")
    assert found.entry == EntrySpec("STANDARD", "x", ("v",))
    assert "group-kept" not in found.findings


def test_role_that_is_named_like_a_built_in_cluster_role_has_no_policy() -> None:
    own = Role("view", "shop", VIEW_RULES, {})
    bound = replace(bind(group("v"), namespace="shop"), role_kind="Role")
    found = with_policies("v", rbac=rbac(bound, roles=[own]))
    assert found.entry == EntrySpec("STANDARD", "x", ("v",))
    assert "group-kept" in found.findings
