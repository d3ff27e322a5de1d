"""Entries of EKS's own that shadow a row: what a roll-back names, and why."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.planning.entries.entry_identity import spec_of
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.running.entries_that_stay import (
    begins_from_entry_of_eks,
    rows_shadowed_by_eks,
    why_thin_entry_stays,
)
from migrator.decide.running.progress import Progress
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.plan import Plan
from migrator.model.snapshot import Creator, Snapshot
from migrator.model.step import Sequence
from tests.support.memory_runs import DIGEST
from tests.support.worlds import (
    LONG_AGO,
    answers,
    entry,
    iam,
    node_row,
    on_cluster,
    one,
    planned,
    role,
    row,
    world,
)

DEV, MAKER, NODES = role("dev"), role("maker"), role("nodes")
DEV_ROW = row(DEV, "x", ("devs",))
MAKER_ROW = row(MAKER, "boss", ("system:masters", "unbound"))


def cluster(*rows: Any, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field
    return world(rows or [DEV_ROW], **{"mode": "CONFIG_MAP", **changes})


def of_creator() -> tuple[Plan, Snapshot]:
    creator = Creator(MAKER, "CloudTrail")
    snapshot = cluster(MAKER_ROW, creator=creator, principals=[iam(MAKER)])
    return planned(snapshot), snapshot


def by_eks(arn: str = DEV, **changes: Any) -> AccessEntry:  # noqa: ANN401 - any field
    return replace(entry(arn, default_username(arn), access_policies=(on_cluster(),)), **changes)


def shadowed(
    plan: Plan,
    *entries: AccessEntry,
    data: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> list[tuple[str, str]]:
    """Who, and which of the two reasons."""
    live = cluster().aws_auth_data if data is None else data
    found = rows_shadowed_by_eks(plan, progress or Progress(), entries, live, DIGEST)
    return [(arn, "stays" if "It stays as it is" in why else "thin") for _, arn, why in found]


def steps_of(plan: Plan, arn: str) -> Sequence:
    return tuple(step for step in plan.steps if step.principal_arn == arn)


def test_entry_of_eks_that_no_run_completed_shadows_its_row() -> None:
    assert shadowed(planned(cluster()), by_eks()) == [(DEV, "thin")]


def test_entry_that_another_folders_run_completed_stays() -> None:
    completed = by_eks(username="x", kubernetes_groups=("devs",))
    assert shadowed(planned(cluster()), completed) == [(DEV, "stays")]


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {"team": "a"}},
        {"access_policies": ()},
        {"username": "y"},
        {"kubernetes_groups": ("more",)},
    ],
)
def test_entry_that_another_writer_made_is_none_of_eks_own(changes: dict[str, Any]) -> None:
    made = by_eks(username="x", kubernetes_groups=("devs",))
    assert shadowed(planned(cluster()), replace(made, **changes)) == []


def test_plan_of_a_later_mode_meets_no_entry_of_the_mode_step() -> None:
    later = planned(cluster(mode="API_AND_CONFIG_MAP"))
    completed = by_eks(username="x", kubernetes_groups=("devs",))
    assert shadowed(later, by_eks()) == []
    assert shadowed(later, completed) == []


def test_row_that_is_not_there_is_not_shadowed() -> None:
    assert shadowed(planned(cluster()), by_eks(), data={"mapRoles": "[]"}) == []


def test_entry_of_a_principal_that_the_plan_does_not_know_is_passed_over() -> None:
    assert shadowed(planned(cluster()), by_eks(role("other"))) == []


def test_principal_whose_access_came_from_elsewhere_has_no_row_to_shadow() -> None:
    snapshot = cluster(mode="API_AND_CONFIG_MAP", entries=[entry(DEV, "x", ("devs",))])
    assert shadowed(planned(snapshot), entry(DEV, "x", ("devs",))) == []


def test_entry_of_eks_for_a_principal_that_the_plan_leaves_out_shadows_its_row() -> None:
    plan = planned(cluster(), answers(DEV, "skip", accepted=True))
    assert shadowed(plan, by_eks()) == [(DEV, "thin")]
    assert shadowed(plan, by_eks(kubernetes_groups=("a",))) == []


def test_entry_for_a_principal_that_a_plan_of_a_later_mode_leaves_out_is_no_eks_entry() -> None:
    later = cluster(DEV_ROW, row(role("b"), "b"), mode="API_AND_CONFIG_MAP")
    plan = planned(later, answers(DEV, "skip", accepted=True))
    assert shadowed(plan, by_eks()) == []
    with_mode_step = replace(plan, steps=planned(cluster()).steps[:1])
    assert shadowed(with_mode_step, by_eks()) == []


def test_dead_entry_that_is_made_again_shadows_no_row() -> None:
    dead = entry(DEV, "old", created_at=LONG_AGO.replace(year=2020))
    plan = planned(cluster(mode="API_AND_CONFIG_MAP", entries=[dead]))
    assert one(plan, DEV).action == "recreate"
    assert shadowed(plan, dead) == []


def test_entry_for_a_blocked_principal_is_not_named() -> None:
    blocked = row(DEV, "x", ("t:{{SessionName}}",))
    plan = planned(cluster(blocked, row(role("b"), "b")))
    assert one(plan, DEV).action == "block"
    assert shadowed(plan, by_eks(), data=cluster(blocked).aws_auth_data) == []


def test_entry_of_nodes_gives_what_the_row_gave() -> None:
    snapshot = cluster(node_row(NODES))
    made = entry(NODES, "", type="EC2_LINUX")
    assert shadowed(planned(snapshot), made, data=snapshot.aws_auth_data) == []


def test_awaited_entry_shadows_its_row_until_it_is_completed() -> None:
    plan, snapshot = of_creator()
    data = snapshot.aws_auth_data
    assert shadowed(plan, by_eks(MAKER), data=data) == [(MAKER, "thin")]
    end = simulate(snapshot, plan.steps)
    assert shadowed(plan, *(end.access_entries or ()), data=data) == []


def test_awaited_entry_that_is_all_that_the_plan_wants_shadows_no_row() -> None:
    creator = Creator(MAKER, "CloudTrail")
    same = row(MAKER, default_username(MAKER), ("system:masters",))
    snapshot = cluster(same, creator=creator, principals=[iam(MAKER)])
    plan = planned(snapshot)
    assert one(plan, MAKER).action == "await"
    assert shadowed(plan, by_eks(MAKER), data=snapshot.aws_auth_data) == []


def test_entry_that_a_run_took_over_shadows_its_row_until_it_is_completed() -> None:
    plan = planned(cluster())
    took_over = Progress(run="1", automatic={DEV: spec_of(by_eks())})
    assert shadowed(plan, by_eks(), progress=took_over) == [(DEV, "thin")]


def test_sequence_that_changes_an_entry_which_is_there_begins_from_it() -> None:
    plan, _ = of_creator()
    assert begins_from_entry_of_eks(plan, steps_of(plan, MAKER))
    assert not begins_from_entry_of_eks(planned(cluster()), steps_of(planned(cluster()), DEV))


def test_step_about_the_cluster_begins_from_no_entry() -> None:
    plan = planned(cluster())
    assert not begins_from_entry_of_eks(plan, plan.steps[:1])


def test_principal_without_a_row_has_nothing_that_is_shadowed() -> None:
    creator = Creator(MAKER, "CloudTrail")
    plan = planned(world(mode="CONFIG_MAP", creator=creator, principals=[iam(MAKER)]))
    assert not begins_from_entry_of_eks(plan, steps_of(plan, MAKER))


def test_way_out_names_apply_only_where_the_plan_completes_the_entry() -> None:
    plan = planned(cluster())
    standard = one(plan, DEV)
    assert f"Complete it: `migrate apply PLAN --only {DEV}`" in why_thin_entry_stays(plan, standard)
    for other in (None, EntrySpec("EC2_LINUX")):
        said = why_thin_entry_stays(plan, replace(standard, entry=other))
        assert "Delete it, so that the row answers again" in said
