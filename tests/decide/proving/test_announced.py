"""What entries give beyond the identity before and the differences that a plan announces."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.planning.entries.parallel_bindings import admin_binding_of
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.proving.announced import (
    announced_access,
    unannounced_changes,
    unannounced_end,
)
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.decision import Decisions, GroupAnswer
from migrator.model.plan import AccessChange, Plan
from migrator.model.rbac import PermissionRow
from migrator.model.snapshot import Creator, Snapshot
from tests.support.edited_plans import place_of, with_effect, with_principal
from tests.support.worlds import (
    answers,
    bind,
    entry,
    group,
    group_answers,
    iam,
    node_row,
    on_cluster,
    one,
    planned,
    rbac,
    role,
    row,
    user,
    world,
)

DEV, NODES, MAKER = role("dev"), role("nodes"), role("maker")
DIGEST = "sha256:1"
BOUND = rbac(bind(group("devs")), bind(group("more"), role_name="edit"))


def of_developer() -> tuple[Plan, Snapshot]:
    snapshot = world([row(DEV, "x", ("devs",))], rbac=BOUND)
    plan = planned(snapshot)
    return plan, simulate(snapshot, plan.steps)


def with_entry(snapshot: Snapshot, arn: str, **changes: Any) -> Snapshot:  # noqa: ANN401
    entries = tuple(
        replace(each, **changes) if each.principal_arn == arn else each
        for each in snapshot.access_entries or ()
    )
    assert entries != snapshot.access_entries
    return replace(snapshot, access_entries=entries)


def test_entry_that_gives_what_the_row_gave_is_announced() -> None:
    plan, end = of_developer()
    assert unannounced_changes(plan, end, DIGEST) == ()


def test_group_that_nothing_announces_is_a_gain() -> None:
    plan, end = of_developer()
    more = with_entry(end, DEV, kubernetes_groups=("devs", "more"))
    (first, *_) = unannounced_changes(plan, more, DIGEST)
    assert first.startswith(f"the entry of {DEV}: it gains what the plan does not announce: ")


def test_group_that_the_entry_lacks_is_a_loss() -> None:
    plan, end = of_developer()
    less = with_entry(end, DEV, kubernetes_groups=())
    (first, *_) = unannounced_changes(plan, less, DIGEST)
    assert first.startswith(f"the entry of {DEV}: it loses what the plan does not announce: ")


def test_entry_that_is_not_there_loses_all_that_the_row_gave() -> None:
    plan, end = of_developer()
    announced = announced_access(plan, end)
    assert announced is not None
    (first, *_) = announced.differences(one(plan, DEV), None)
    assert first.startswith("it loses what the plan does not announce: ")


def test_entry_with_a_group_of_the_run_is_not_final_and_loses_nothing() -> None:
    plan, end = of_developer()
    half_made = with_entry(end, DEV, kubernetes_groups=("migrator-probe:1",))
    assert unannounced_changes(plan, half_made, DIGEST) == ()


def test_difference_that_the_plan_announces_is_none() -> None:
    snapshot = world([row(DEV, "x", ("devs", "more"))], rbac=BOUND)
    plan = planned(snapshot, answers(DEV, groups=("devs",), accepted=True))
    assert one(plan, DEV).access.lost != ()
    assert unannounced_changes(plan, simulate(snapshot, plan.steps), DIGEST) == ()


def test_principal_that_a_person_must_decide_is_not_compared() -> None:
    plan, end = of_developer()
    undecided = with_principal(plan, DEV, action="block")
    more = with_entry(end, DEV, kubernetes_groups=("devs", "more"))
    assert unannounced_changes(undecided, more, DIGEST) == ()


def test_principal_with_one_of_two_rows_at_random_has_no_identity_to_compare() -> None:
    plan, end = of_developer()
    at_random = with_principal(plan, DEV, findings=("ambiguous-user",))
    more = with_entry(end, DEV, kubernetes_groups=("devs", "more"))
    assert unannounced_changes(at_random, more, DIGEST) == ()


# RBAC that is no longer what the plan was made on: rows are compared by what they cover.


def of_narrowed(*, announced: tuple[PermissionRow, ...]) -> tuple[str, ...]:
    snapshot = world([row(DEV, "x", ("devs", "more"))], rbac=BOUND)
    plan = planned(snapshot, answers(DEV, groups=("devs",), accepted=True))
    plan = with_principal(plan, DEV, access=AccessChange(lost=announced))
    changed = rbac(*BOUND.bindings, bind(group("others"), name="others"))
    end = replace(simulate(snapshot, plan.steps), rbac=changed)
    return unannounced_changes(plan, end, DIGEST)


ANY = PermissionRow("cluster", ("*",), ("*", "!secrets"), ("*",))
IN_NAMESPACE = replace(ANY, scope="namespace shop")


def test_loss_that_a_wider_announced_row_covers_is_announced() -> None:
    assert of_narrowed(announced=(ANY,)) == ()


def test_loss_that_no_announced_row_covers_is_none() -> None:
    assert "it loses what the plan does not announce" in of_narrowed(announced=(IN_NAMESPACE,))[0]


@pytest.mark.parametrize(
    "unread",
    [
        lambda plan, end: (plan, replace(end, rbac=None)),
        lambda plan, end: (replace(plan, basis={**plan.basis, "rbac": None}), end),
        lambda plan, end: (plan, replace(end, unknown=("rbac.roles",))),
    ],
    ids=["now", "for the plan", "in part"],
)
def test_permissions_are_not_compared_where_rbac_was_not_read(
    unread: Callable[[Plan, Snapshot], tuple[Plan, Snapshot]],
) -> None:
    plan, end = unread(*of_developer())
    assert announced_access(plan, end) is None
    more = with_entry(end, DEV, kubernetes_groups=("devs", "more"))
    assert unannounced_changes(plan, more, DIGEST) == ()
    assert unannounced_end(plan, end) == ()


def test_entry_with_the_plans_tag_for_a_principal_without_one_is_named() -> None:
    plan, end = of_developer()
    made = entry(role("other"), tags={PLAN_TAG: DIGEST})
    foreign = entry(role("third"), tags={PLAN_TAG: "sha256:2"})
    found = unannounced_changes(plan, replace(end, access_entries=(made, foreign)), DIGEST)
    assert found == (
        f"the entry of {role('other')} carries the plan's tag, and the plan has none for it",
    )


def test_dead_entry_that_is_as_the_basis_has_it_gives_nothing() -> None:
    dead = entry(DEV, groups=("more",))
    snapshot = world(entries=[dead], principals=[], rbac=BOUND)
    plan = planned(snapshot)
    assert one(plan, DEV).action == "skip"
    assert unannounced_changes(plan, snapshot, DIGEST) == ()
    changed = with_entry(snapshot, DEV, kubernetes_groups=("more", "devs"))
    assert unannounced_changes(plan, changed, DIGEST) != ()


def test_entry_of_nodes_gives_what_eks_fixes_whatever_it_shows() -> None:
    snapshot = world([node_row(NODES)])
    plan = planned(snapshot)
    end = simulate(snapshot, plan.steps)
    shown = with_entry(end, NODES, username="", kubernetes_groups=("shown",))
    assert unannounced_changes(plan, shown, DIGEST) == ()


def test_group_of_another_run_that_an_entry_had_before_counts() -> None:
    bridged = rbac(bind(group("migrator-bridge:9"), role_name="cluster-admin", name="b"))
    there = entry(DEV, "x", ("migrator-bridge:9",))
    snapshot = world(entries=[there], principals=[iam(DEV)], rbac=bridged)
    plan = planned(snapshot)
    assert one(plan, DEV).action == "keep"
    assert unannounced_changes(plan, snapshot, DIGEST) == ()


# The end of a plan, before anything is sent.


def of_renamed() -> tuple[Plan, Snapshot]:
    snapshot = world([row(DEV, "x", ("eks:x",))], rbac=rbac(bind(group("eks:x"))))
    return planned(snapshot, group_answers(eks__x="team")), snapshot


def test_entry_with_a_group_that_the_plan_binds_gives_what_the_row_gave() -> None:
    plan, snapshot = of_renamed()
    assert unannounced_end(plan, snapshot) == ()


def test_binding_with_another_role_than_the_one_it_copies_is_named() -> None:
    plan, snapshot = of_renamed()
    place = place_of(plan, "create-binding")
    found = unannounced_end(with_effect(plan, place, role_name="edit"), snapshot)
    assert found[-1].endswith("has another role than the binding that it is named after")


def test_binding_of_a_group_of_administrators_copies_none() -> None:
    snapshot = world([row(DEV, "x", ("system:masters",))])
    answer = Decisions(groups={"system:masters": GroupAnswer(also="admins")})
    plan = planned(snapshot, answer)
    assert admin_binding_of("admins") in [step.effect for step in plan.steps]
    assert unannounced_end(plan, snapshot) == ()


def test_end_of_an_awaited_entry_is_what_its_steps_complete_it_to() -> None:
    snapshot = world(
        [row(MAKER, "boss", ("system:masters", "unbound"))],
        mode="CONFIG_MAP",
        creator=Creator(MAKER, "CloudTrail"),
        principals=[iam(MAKER)],
    )
    assert unannounced_end(planned(snapshot), snapshot) == ()


def test_principal_without_an_entry_ends_in_nothing_to_compare() -> None:
    plan, end = of_developer()
    assert unannounced_end(with_principal(plan, DEV, entry=None), end) == ()


def test_binding_that_is_made_already_is_no_binding_of_before() -> None:
    plan, snapshot = of_renamed()
    end = simulate(snapshot, plan.steps)
    assert unannounced_end(plan, end) == ()
    assert unannounced_changes(plan, end, DIGEST) == ()


def test_entry_of_a_user_is_compared_like_that_of_a_role() -> None:
    ana = user("ana")
    snapshot = world(users=[row(ana, "ana", ("devs",))], rbac=BOUND)
    plan = planned(snapshot)
    end = simulate(snapshot, plan.steps)
    given = with_entry(end, ana, access_policies=(on_cluster(),))
    assert unannounced_changes(plan, end, DIGEST) == ()
    assert unannounced_changes(plan, given, DIGEST) != ()


def test_principal_that_is_left_out_gets_no_entry_to_compare() -> None:
    snapshot = world([row(DEV, "x", ("devs",))], rbac=BOUND)
    plan = planned(snapshot, answers(DEV, "skip", accepted=True))
    assert unannounced_end(plan, snapshot) == ()
