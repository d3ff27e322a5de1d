"""A plan made in dual mode, held against an entry that EKS made by itself and the row that it
shadows.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from migrator.decide.planning.stubs import stubs_for
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.decision import CreatorAnswer, Decisions
from migrator.model.snapshot import BeforeModeStep, Creator, Snapshot
from tests.support.worlds import (
    ACCEPTED,
    LONG_AGO,
    NOW,
    answers,
    bind,
    config_map,
    entry,
    finding,
    findings,
    group,
    kinds,
    named,
    node_row,
    on_cluster,
    one,
    only,
    planned,
    rbac,
    role,
    row,
    world,
)

MAKER = role("maker")
SERVICE = role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS")
ROW = row(MAKER, "terraform", ("system:masters", "ci"))
FULL = EntrySpec("STANDARD", "terraform", ("ci",), (on_cluster(),))
BOUND = rbac(bind(group("ci")), bind(named("terraform"), name="by-name"))


def automatic(**changes: Any) -> AccessEntry:  # noqa: ANN401 - any field
    """What EKS makes for the creator."""
    return entry(MAKER, default_username(MAKER), access_policies=(on_cluster(),), **changes)


def dual(*rows: Any, made: AccessEntry | None = None, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field
    """After a mode step, the creator's row shadowed by EKS's entry."""
    return world(rows or [ROW], entries=[made or automatic()], **{"rbac": BOUND, **changes})


def history(*rows: Any, automatic: frozenset[str] = frozenset()) -> BeforeModeStep:  # noqa: ANN401 - any row
    """The state of a run that switched the mode a moment before EKS made its entries."""
    data = config_map(rows or [ROW])["data"]
    return BeforeModeStep("ab" * 8, NOW - timedelta(minutes=1), data, automatic)


def test_entry_of_eks_that_gives_less_than_its_row_blocks() -> None:
    plan = planned(dual())
    assert (only(plan).action, finding(plan, "automatic-entry-thinner").severity) == (
        "block",
        "block",
    )
    assert [(stub.section, stub.key) for stub in stubs_for(plan)] == [
        ("principals", MAKER),
        ("accept_loss", MAKER),
    ]


def test_answer_gives_the_entry_what_the_row_gives() -> None:
    plan = planned(dual(), answers(MAKER))
    assert (only(plan).action, only(plan).entry) == ("update", FULL)
    assert kinds(plan) == ["update-entry", "prove", "update-entry", "prove"]


def test_accepted_loss_keeps_the_entry_of_eks() -> None:
    plan = planned(dual(), Decisions(accept_loss={MAKER: ACCEPTED}))
    assert (only(plan).action, plan.steps) == ("keep", ())
    assert {"loss-accepted", "row-shadowed-by-entry"} <= {*only(plan).findings}


def test_row_that_was_in_force_before_our_mode_step_is_put_on_the_entry() -> None:
    plan = planned(dual(before_mode_step=history()))
    assert (only(plan).action, only(plan).entry) == ("update", FULL)
    assert only(plan).before == Identity("terraform", ("system:masters", "ci"), "config-map")
    assert finding(plan, "automatic-entry-completed").severity == "warn"


def test_row_that_was_changed_since_our_mode_step_asks_a_person() -> None:
    plan = planned(dual(before_mode_step=history(row(MAKER, "terraform", ("system:masters",)))))
    assert only(plan).action == "block"


def test_policy_that_the_row_did_not_give_asks_even_where_the_entry_has_the_rest() -> None:
    rows = [row(MAKER, "terraform", ("ci",))]
    done = entry(MAKER, "terraform", ("ci",), access_policies=(on_cluster(),))
    snapshot = dual(*rows, made=done, before_mode_step=history(*rows, automatic=frozenset({MAKER})))
    assert only(planned(snapshot)).findings == ("creator-entry-wider",)
    stays = planned(snapshot, Decisions(creator=CreatorAnswer(MAKER, "Ana", "it made the cluster")))
    assert (only(stays).action, stays.blocked) == ("keep", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"made": automatic(tags={"team": "x"})},
        {"made": entry(MAKER, "other", access_policies=(on_cluster(),))},
        {"made": entry(MAKER, default_username(MAKER), ("x",), access_policies=(on_cluster(),))},
        {"creator": Creator(role("founder"), "CloudTrail")},
        {"cluster_raw": {"createdAt": NOW.isoformat(), "accessConfig": {}}},
    ],
)
def test_entry_that_a_person_made_is_kept_and_the_shadowed_row_is_named(
    changes: dict[str, Any],
) -> None:
    plan = planned(dual(**changes))
    assert (one(plan, MAKER).action, plan.blocked) == ("keep", False)
    assert findings(plan, "row-shadowed-by-entry")


def test_time_of_the_other_entries_of_eks_tells_a_persons_entry() -> None:
    service = entry(SERVICE, "eks:managed", created_at=LONG_AGO)
    plan = planned(replace(dual(), access_entries=(automatic(), service)))
    assert one(plan, MAKER).action == "keep"
    together = replace(
        dual(), access_entries=(automatic(created_at=NOW), replace(service, created_at=NOW))
    )
    assert one(planned(together), MAKER).action == "block"


def test_row_that_nothing_names_is_no_more_than_the_entry_of_eks() -> None:
    plan = planned(dual(rbac=rbac()))
    assert (only(plan).action, plan.blocked) == ("keep", False)


def test_node_row_under_an_entry_of_eks_for_the_creator_says_what_to_delete() -> None:
    plan = planned(dual(node_row(MAKER)))
    assert "Delete that entry" in finding(plan, "automatic-entry-thinner").remedy


def test_row_that_is_newer_than_our_mode_step_asks_a_person() -> None:
    other = row(role("other"), "other", ("ci",))
    assert only(planned(dual(before_mode_step=history(other)))).action == "block"


def test_group_asks_a_person_while_it_is_not_read_what_names_it() -> None:
    rows = [row(MAKER, default_username(MAKER), ("system:masters", "ci"))]
    plan = planned(dual(*rows, rbac=rbac(), group_references=None))
    assert "was not read what names them" in finding(plan, "automatic-entry-thinner").message


def test_row_of_an_admin_without_groups_is_no_more_than_the_entry_where_rbac_is_unread() -> None:
    rows = [row(MAKER, default_username(MAKER), ("system:masters",))]
    assert only(planned(dual(*rows, rbac=None))).action == "keep"


def test_entry_of_eks_that_lost_its_policy_since_gives_less_than_the_row_of_an_admin() -> None:
    rows = [row(MAKER, default_username(MAKER), ("system:masters",))]
    since = history(row(role("other")), automatic=frozenset({MAKER}))
    bare = entry(MAKER, default_username(MAKER))
    plan = planned(dual(*rows, made=bare, before_mode_step=since))
    assert "It lacks permissions" in finding(plan, "automatic-entry-thinner").message


def test_row_in_force_before_our_mode_step_that_no_entry_can_carry_blocks() -> None:
    rows = [row(MAKER, "terraform", ("system:masters", "eks:ci"))]
    snapshot = dual(*rows, rbac=rbac(bind(group("eks:ci"))), before_mode_step=history(*rows))
    found = only(planned(snapshot))
    assert found.action == "block"
    assert {"automatic-entry-completed", "reserved-group-bound"} <= {*found.findings}


def test_entry_of_eks_stays_where_its_row_can_become_no_entry() -> None:
    plan = planned(dual(node_row(MAKER, "system:masters")))
    assert (only(plan).action, findings(plan, "automatic-entry-thinner")) == ("keep", ())


def test_no_answer_changes_the_type_of_an_entry_of_eks() -> None:
    assert stubs_for(planned(dual(node_row(MAKER)))) == ()


def test_entry_of_the_creators_shape_without_a_time_asks_a_person() -> None:
    plan = planned(dual(made=automatic(created_at=None), before_mode_step=None))
    assert "automatic-entry-thinner" in only(plan).findings


def test_entry_that_is_as_old_as_the_cluster_shadows_no_row() -> None:
    raw = {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}, "createdAt": NOW}
    plan = planned(dual(cluster_raw=raw))
    assert "automatic-entry-thinner" not in only(plan).findings
