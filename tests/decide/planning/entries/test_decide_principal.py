"""Entries that exist already: keep, recreate, complete, or leave alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from migrator.decide.planning.entries.entry_identity import entry_digest
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.steps.entry_states import ENTRY_TAG, PLAN_TAG
from migrator.errors import Failed
from migrator.model.access_entry import EntrySpec
from tests.support.worlds import (
    LONG_AGO,
    OTHER,
    answers,
    bind,
    entry,
    finding,
    group,
    iam,
    kinds,
    on_cluster,
    one,
    only,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV = role("dev")
DEAD = LONG_AGO - timedelta(days=1)
FULL = EntrySpec("STANDARD", "x", ("devs",), (on_cluster(),))
MASTERS_ROW = row(DEV, "x", ("devs", "system:masters"))


def test_live_entry_that_equals_the_row_is_kept_without_a_word() -> None:
    plan = planned(world([row(DEV, "x", ("devs",))], entries=[entry(DEV, "x", ("devs",))]))
    assert (only(plan).action, only(plan).findings, plan.steps) == ("keep", (), ())


def test_order_of_groups_makes_no_difference() -> None:
    plan = planned(world([row(DEV, "x", ("b", "a"))], entries=[entry(DEV, "x", ("a", "b"))]))
    assert only(plan).findings == ()


def test_default_username_equals_a_row_without_one() -> None:
    default = "arn:aws:sts::111122223333:assumed-role/dev/{{SessionName}}"
    plan = planned(world([row(DEV, "", ("devs",))], entries=[entry(DEV, default, ("devs",))]))
    assert "row-shadowed-by-entry" not in only(plan).findings


def test_live_entry_already_decides_and_a_differing_row_is_reported() -> None:
    plan = planned(
        world([row(DEV, "x", ("system:masters",))], entries=[entry(DEV, "y", ("viewers",))])
    )
    assert only(plan).action == "keep"
    assert only(plan).before.username == "y"
    assert only(plan).entry == EntrySpec("STANDARD", "y", ("viewers",))
    assert finding(plan, "row-shadowed-by-entry").source == "mapRoles[0]"
    assert plan.steps == ()


def test_entry_over_a_row_that_cannot_become_one_is_kept() -> None:
    plan = planned(
        world([row(DEV, "x", ("t:{{SessionName}}",))], entries=[entry(DEV, "x", ("a",))])
    )
    assert (only(plan).action, only(plan).findings) == ("keep", ("row-shadowed-by-entry",))


def test_entry_older_than_its_principal_is_dead_and_made_again_from_the_row() -> None:
    dead = entry(DEV, "old", ("system-admins",), created_at=DEAD)
    plan = planned(world([row(DEV, "x", ("devs",))], entries=[dead]))
    assert only(plan).action == "recreate"
    assert only(plan).before.username == "x"
    assert only(plan).entry == EntrySpec("STANDARD", "x", ("devs",))
    assert kinds(plan, DEV) == ["delete-entry", "create-entry", "prove", "update-entry"]


def test_dead_entry_without_a_row_is_an_orphan_and_stays() -> None:
    plan = planned(world(entries=[entry(DEV, created_at=DEAD)], principals=[iam(DEV)]))
    assert (only(plan).action, only(plan).findings, plan.steps) == (
        "skip",
        ("orphan-dead-entry",),
        (),
    )


def test_entry_of_a_deleted_principal_is_an_orphan() -> None:
    plan = planned(world([row(DEV)], entries=[entry(DEV)], principals=()))
    assert only(plan).action == "skip"
    assert set(only(plan).findings) == {"principal-absent", "orphan-dead-entry"}


def test_entry_of_a_principal_that_moved_to_another_path_is_dead() -> None:
    snapshot = world(
        [row(DEV, "x")], entries=[entry(role("old/dev"), "y")], principals=[iam(role("new/dev"))]
    )
    plan = planned(snapshot)
    assert one(plan, role("old/dev")).findings == ("orphan-dead-entry",)
    assert one(plan, role("new/dev")).action == "create"


def test_dead_entry_over_a_blocked_row_blocks() -> None:
    snapshot = world([row(DEV, "x", ("t:{{SessionName}}",))], entries=[entry(DEV, created_at=DEAD)])
    assert only(planned(snapshot)).action == "block"


def test_unknown_creation_date_leaves_liveness_unknown() -> None:
    for principals, made in (
        ([iam(DEV, created=None)], entry(DEV)),
        ([iam(DEV)], entry(DEV, created_at=None)),
    ):
        plan = planned(world(entries=[made], principals=principals))
        assert (only(plan).action, only(plan).findings) == ("keep", ("entry-liveness-unknown",))


def test_foreign_entry_gives_an_unread_role_its_full_arn() -> None:
    full = role("team/dev", OTHER)
    plan = planned(world([row(role("dev", OTHER), "x")], entries=[entry(full, "x")]))
    assert (only(plan).principal_arn, only(plan).action) == (full, "keep")
    assert only(plan).findings == ("entry-liveness-unknown",)


def test_dead_row_that_spells_the_entrys_arn_belongs_to_it() -> None:
    full = role("team/dev")
    plan = planned(
        world(
            [row(full, "x", ("system:masters",))],
            entries=[entry(full, "y")],
            principals=[iam(full)],
        )
    )
    assert (only(plan).action, only(plan).sources) == ("keep", ("mapRoles[0]",))
    assert only(plan).findings == ("dead-role-path",)


def test_row_is_inert_in_api_mode() -> None:
    plan = planned(world([row(DEV, "x", ("system:masters",))], mode="API"))
    assert (only(plan).action, only(plan).findings, plan.steps) == ("skip", ("row-inert",), ())
    assert only(plan).before.via == "none"


def test_entry_in_api_mode_is_kept_whatever_the_row_says() -> None:
    plan = planned(world([row(DEV, "x", ("a",))], entries=[entry(DEV, "y", ("b",))], mode="API"))
    assert only(plan).action == "keep"
    assert "row-shadowed-by-entry" not in only(plan).findings


def half_made(**changes: object) -> object:
    made = entry(
        DEV,
        "x",
        ("devs", "migrator-bridge:0011", "migrator-probe:0011"),
        tags={PLAN_TAG: "sha256:1"},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_entry_of_ours_that_still_carries_a_runs_groups_is_completed() -> None:
    plan = planned(world([MASTERS_ROW], entries=[half_made()]))  # type: ignore[list-item]
    assert (only(plan).action, only(plan).entry) == ("update", FULL)
    assert kinds(plan, DEV) == [
        "associate-policy",
        "update-entry",
        "prove",
        "update-entry",
        "prove",
    ]


def test_entry_of_ours_that_lost_what_its_tag_says_is_never_given_it_back() -> None:
    tags = {PLAN_TAG: "sha256:1", ENTRY_TAG: entry_digest(DEV, FULL)}
    for groups, policies in ((("devs",), ()), ((), (on_cluster(),))):
        plan = planned(
            world(
                [MASTERS_ROW],
                entries=[entry(DEV, "x", groups, access_policies=policies, tags=tags)],
            )
        )
        assert (only(plan).action, only(plan).findings) == ("keep", ("row-shadowed-by-entry",))
        assert plan.steps == ()


def test_difference_that_a_person_accepted_stays_when_the_answer_is_gone() -> None:
    bound = rbac(bind(group("devs")), bind(group("more"), role_name="edit"))
    rows, tags = [row(DEV, "x", ("devs", "more"))], {PLAN_TAG: "sha256:1"}
    spec = EntrySpec("STANDARD", "x", ("devs", "more"))
    made = entry(DEV, "x", ("devs", "more"), tags={**tags, ENTRY_TAG: entry_digest(DEV, spec)})
    snapshot = world(rows, entries=[made], rbac=bound)
    narrowed = planned(snapshot, answers(DEV, groups=("devs",), accepted=True))
    assert only(narrowed).action == "update"
    again = planned(simulate(snapshot, narrowed.steps))
    assert (only(again).action, only(again).before.groups, again.steps) == ("keep", ("devs",), ())


def test_entry_of_ours_that_somebody_changed_on_purpose_is_kept() -> None:
    tags = {PLAN_TAG: "sha256:1", ENTRY_TAG: "0" * 32}
    plan = planned(world([MASTERS_ROW], entries=[entry(DEV, "x", ("devs", "more"), tags=tags)]))
    assert (only(plan).action, only(plan).findings) == ("keep", ("row-shadowed-by-entry",))


def test_untagged_entry_is_never_half_made() -> None:
    plan = planned(world([MASTERS_ROW], entries=[half_made(tags={})]))  # type: ignore[list-item]
    assert only(plan).action == "keep"


def test_half_made_entry_without_a_row_blocks() -> None:
    plan = planned(world(entries=[half_made()], principals=[iam(DEV)]))  # type: ignore[list-item]
    assert (only(plan).action, only(plan).findings) == ("block", ("half-made-without-row",))
    answered = planned(
        world(entries=[half_made()], principals=[iam(DEV)]),  # type: ignore[list-item]
        answers(DEV, username="x", groups=("devs",)),
    )
    assert (only(answered).action, only(answered).entry) == (
        "update",
        EntrySpec("STANDARD", "x", ("devs",)),
    )


def test_complete_entry_of_ours_is_kept() -> None:
    tags = {PLAN_TAG: "sha256:1", ENTRY_TAG: entry_digest(DEV, FULL)}
    made = entry(DEV, "x", ("devs",), access_policies=(on_cluster(),), tags=tags)
    assert planned(world([MASTERS_ROW], entries=[made])).steps == ()


def test_difference_that_a_person_accepted_updates_the_entry() -> None:
    snapshot = world(
        [row(DEV, "x", ("devs",))],
        entries=[entry(DEV, "x", ("devs", "more"), access_policies=(on_cluster(),))],
        rbac=rbac(bind(group("devs"))),
    )
    plan = planned(snapshot, answers(DEV, groups=("devs",), policies=(), accepted=True))
    assert (only(plan).action, only(plan).entry) == (
        "update",
        EntrySpec("STANDARD", "x", ("devs",)),
    )
    assert kinds(plan, DEV) == ["update-entry", "prove", "update-entry", "disassociate-policy"]


def test_skipping_somebody_whose_entry_decides_is_refused() -> None:
    blocked = world(entries=[half_made()], principals=[iam(DEV)])  # type: ignore[list-item]
    with pytest.raises(Failed) as error:
        planned(blocked, answers(DEV, "skip", accepted=True))
    assert error.value.code == "decision-invalid"


def test_no_finding_says_delete_where_the_entry_may_be_dead() -> None:
    """Until API mode the row answers for a dead entry: it may be all that its principal has."""
    for groups in ((), ("devs",), ("system:masters",)):
        for principals, made in (
            ([iam(DEV, created=None)], entry(DEV, "y")),
            ([iam(DEV)], entry(DEV, "y", created_at=None)),
        ):
            plan = planned(world([row(DEV, "x", groups)], entries=[made], principals=principals))
            assert "entry-liveness-unknown" in only(plan).findings
            assert "not known" in finding(plan, "row-shadowed-by-entry").message
            for each in plan.findings:
                assert "delete" not in each.remedy.lower()
