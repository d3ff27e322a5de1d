"""What opens the cluster again for a caller whose own entry was left without its policy."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from migrator.decide.running.actions import Refuse, Undo, Wait
from migrator.decide.running.own_entry import own_entry_action
from migrator.decide.running.progress import StepState
from migrator.decide.running.waiting import REMEMBERED, SPREAD
from migrator.decide.steps.entry_states import render_run
from migrator.model.access_entry import AccessEntry, AssociatedPolicy
from migrator.model.step import BRIDGE_GROUP, MARKER_GROUP, AssociatePolicy, CreateEntry
from tests.support.memory_ports import OPERATOR
from tests.support.memory_runs import ADMIN_POLICY, DEVS, company
from tests.support.run_answers import NOW, RUN, TAGS, done, state_with

_, PLAN = company()
CREATION = next(
    step
    for step in PLAN.steps
    if isinstance(step.effect, CreateEntry) and step.principal_arn == OPERATOR
)
ASSOCIATION = next(
    step
    for step in PLAN.steps
    if isinstance(step.effect, AssociatePolicy) and step.principal_arn == OPERATOR
)
GROUPS = tuple(render_run(group, RUN) for group in (MARKER_GROUP, BRIDGE_GROUP))
MADE = done(CREATION.id)


def entry(
    *policies: AssociatedPolicy,
    groups: tuple[str, ...] = GROUPS,
    tags: Mapping[str, str] = TAGS,
) -> AccessEntry:
    return AccessEntry(
        OPERATOR,
        "STANDARD",
        username="operator",
        kubernetes_groups=groups,
        access_policies=policies,
        tags=tags,
    )


def decided(
    found: AccessEntry | None,
    states: Mapping[str, StepState] = MADE,
    **seen: Any,  # noqa: ANN401 - any observation
) -> Undo | Wait | Refuse | None:
    state = state_with(PLAN, states, entries={OPERATOR: found}, **seen)
    return own_entry_action(state, OPERATOR)


@pytest.mark.parametrize("states", [MADE, {CREATION.id: StepState("intended", "")}, {}])
def test_an_entry_without_its_policy_is_deleted_whatever_the_journal_has(
    states: Mapping[str, StepState],
) -> None:
    action = decided(entry(), states)
    assert isinstance(action, Undo)
    assert action.step == CREATION


@pytest.mark.parametrize("groups", [GROUPS, GROUPS[:1], ()])
def test_an_entry_with_its_policy_is_waited_for(groups: tuple[str, ...]) -> None:
    action = decided(entry(ADMIN_POLICY, groups=groups))
    assert isinstance(action, Wait)
    assert action.until == NOW + SPREAD


@pytest.mark.parametrize("tags", [{}, {"eks-access-migrator/plan": "another"}])
def test_what_no_run_of_this_plan_made_is_not_judged(tags: Mapping[str, str]) -> None:
    assert decided(entry(tags=tags)) is None


def test_an_entry_that_another_writer_changed_is_left_alone() -> None:
    action = decided(entry(groups=("viewers",)))
    assert isinstance(action, Refuse)
    assert action.error.code == "entry-changed"


@pytest.mark.parametrize("status", ["done", "adopted"])
def test_a_policy_that_was_there_and_is_not_was_withdrawn(status: Any) -> None:  # noqa: ANN401
    def after(seconds: int) -> Undo | Wait | Refuse | None:
        at = (NOW - timedelta(seconds=seconds)).isoformat()
        return decided(entry(), MADE | {ASSOCIATION.id: StepState(status, at)})

    withdrawn = after(60)
    assert isinstance(withdrawn, Refuse)
    assert withdrawn.error.code == "entry-changed"
    # EKS may not show it yet.
    assert isinstance(after(59), Wait)


def test_a_policy_whose_answer_was_lost_may_never_have_been_there() -> None:
    states = MADE | {ASSOCIATION.id: StepState("intended", NOW.isoformat())}
    assert isinstance(decided(entry(), states), Undo)


def test_while_the_cluster_is_updated_the_mode_may_become_api() -> None:
    action = decided(entry(), cluster_status="UPDATING")
    assert isinstance(action, Refuse)
    assert action.error.code == "update-in-progress"


def test_an_entry_that_was_finished_and_then_deleted_was_never_half_made() -> None:
    ids = (step.id for step in PLAN.sequences[OPERATOR])
    assert decided(None, done(*ids)) is None


def test_in_api_mode_the_entry_is_all_that_there_is() -> None:
    assert decided(entry(), mode="API") is None


def test_an_entry_that_was_never_there_is_not_the_cause() -> None:
    assert decided(None, {}) is None


@pytest.mark.parametrize("status", ["undone", "pending"])
def test_the_row_decides_once_logins_are_forgotten_after_the_deletion(status: Any) -> None:  # noqa: ANN401
    deleted = NOW - timedelta(seconds=20)
    action = decided(None, {CREATION.id: StepState(status, deleted.isoformat())})
    assert isinstance(action, Wait)
    assert action.until == deleted + SPREAD + REMEMBERED
    long_ago = (NOW - SPREAD - REMEMBERED).isoformat()
    assert decided(None, {CREATION.id: StepState(status, long_ago)}) is None


@pytest.mark.parametrize("status", ["intended", "done", "undoing"])
def test_a_deletion_of_unknown_time_may_have_been_a_moment_ago(status: Any) -> None:  # noqa: ANN401
    long_ago = (NOW - timedelta(days=2)).isoformat()
    action = decided(None, {CREATION.id: StepState(status, long_ago)})
    assert isinstance(action, Wait)
    assert action.until == NOW + SPREAD + REMEMBERED


def test_an_entry_that_gives_by_groups_alone_is_never_half_made() -> None:
    state = state_with(PLAN, {}, entries={DEVS: entry()})
    assert own_entry_action(state, DEVS) is None
