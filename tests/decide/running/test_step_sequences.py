"""Single answers of the brain about one sequence, for what happens rarely: each is a state that a
cluster can be in.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from migrator.decide.running.actions import (
    Action,
    Adopt,
    Do,
    Finished,
    Observed,
    ReadFirst,
    Refuse,
    RunRequest,
    Undo,
    Wait,
    run_state,
)
from migrator.decide.running.changes import as_before, basis_changes, surprising_entries
from migrator.decide.running.obstacles import obstacle
from migrator.decide.running.progress import Progress, StepState, progress_of
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.journal import next_record
from migrator.model.plan import Plan
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    RemoveBridge,
    UpdateEntry,
)
from tests.support.memory_ports import OPERATOR, Cluster, snapshot_of
from tests.support.memory_runs import (
    ADMIN_POLICY,
    ALICE,
    CREATOR,
    DEVS,
    DIGEST,
    PlanBuilder,
    company,
    delete,
)
from tests.support.run_answers import LATER, NOW, RUN, TAGS, answer, done

MODE = "step s01"


def sent(status: str, *errors: str, now: datetime = NOW) -> Action:
    states = {"s01": StepState("sent", NOW.isoformat(), {"updateId": "u"})}
    return answer(
        company()[1], MODE, states, now=now, mode="CONFIG_MAP", updates={"u": (status, errors)}
    )


def test_a_failed_update_of_the_mode_is_refused_with_what_eks_said() -> None:
    for status, errors, why in (
        ("Failed", ("a", "b"), "a; b"),
        ("Cancelled", (), "EKS gave no reason"),
    ):
        found = sent(status, *errors)
        assert isinstance(found, Refuse)
        assert (found.error.code, found.error.why) == ("update-failed", why)


def test_an_update_on_its_way_or_not_shown_yet_is_waited_for() -> None:
    waiting = sent("InProgress")
    assert isinstance(waiting, Wait)
    assert waiting.look == ReadFirst("update", "u")
    unseen = sent("Successful")
    assert isinstance(unseen, Wait)
    assert unseen.look == ReadFirst("cluster")
    assert isinstance(sent("Successful", now=LATER), Refuse)


def bridge_plan() -> Plan:
    return company()[1]


def test_a_binding_of_somebody_else_with_the_bridges_name_is_refused() -> None:
    plan = bridge_plan()
    name = f"/{BRIDGE_BINDING.replace('{run}', RUN)}"
    found = answer(plan, "step s02", done("s01"), bindings={name: {"metadata": {"labels": {}}}})
    assert isinstance(found, Refuse)
    assert found.error.code == "binding-exists"


def test_a_bridge_that_nobody_crosses_is_built_and_never_taken_for_over() -> None:
    build = PlanBuilder()
    build.add(CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP))
    plan = build.plan(Cluster())
    name = f"/{BRIDGE_BINDING.replace('{run}', RUN)}"
    assert isinstance(answer(plan, MODE, {}, bindings={name: None}), Do)


def test_a_binding_of_our_own_that_is_not_there_is_made_whoever_is_done() -> None:
    build = PlanBuilder()
    build.add(CreateBinding("migrator-b", "shop", "Role", "reader", "devs"))
    assert isinstance(
        answer(build.plan(Cluster()), MODE, {}, bindings={"shop/migrator-b": None}), Do
    )


def devs_plan() -> Plan:
    build = PlanBuilder()
    build.standard(DEVS, "dev", ("devs",))
    return build.plan(Cluster())


def marked(*groups: str) -> AccessEntry:
    return AccessEntry(DEVS, "STANDARD", "dev", ("devs", *groups), tags=TAGS)


def test_an_entry_shown_as_before_the_last_change_is_looked_at_again_for_a_while() -> None:
    plan = devs_plan()
    states = done("s01", "s02") | {"s03": StepState("intended", NOW.isoformat())}
    found = answer(plan, DEVS, states, entries={DEVS: None})
    assert isinstance(found, Wait)
    assert found.look == ReadFirst("entry", DEVS)
    gone = answer(plan, DEVS, states, entries={DEVS: None}, now=LATER)
    assert isinstance(gone, Refuse)
    assert gone.error.why == "Another writer deleted it."


def test_an_entry_past_a_step_is_adopted_and_one_that_fits_nothing_is_refused() -> None:
    plan = devs_plan()
    assert isinstance(
        answer(plan, DEVS, {"s01": StepState("intended")}, entries={DEVS: marked()}), Adopt
    )
    foreign = answer(plan, DEVS, done("s01", "s02"), entries={DEVS: marked("more")})
    assert isinstance(foreign, Refuse)
    assert foreign.error.why == "Another writer changed it."


def test_a_requirement_that_the_plan_does_not_have_keeps_a_step_back() -> None:
    plan = devs_plan()
    steps = tuple(
        replace(step, requires=("s99",)) if step.id == "s01" else step for step in plan.steps
    )
    at = run_state(
        replace(plan, steps=steps), Progress(run=RUN), Observed(now=NOW), RunRequest(DIGEST)
    )
    assert (
        obstacle(at, at.sequences[DEVS], steps[0])
        == "it requires s99, which the plan does not have"
    )
    ordered = run_state(plan, Progress(run=RUN), Observed(now=NOW), RunRequest(DIGEST))
    assert obstacle(ordered, ordered.sequences[DEVS], plan.steps[2]) == "s02 is not done"


def test_a_bridge_stays_while_a_sequence_that_came_to_its_end_is_told_of_but_not_settled() -> None:
    plan = company()[1]
    last = plan.steps[-1]
    assert isinstance(last.effect, RemoveBridge)
    alice = [step.id for step in plan.steps if step.principal_arn == ALICE]
    at = run_state(
        plan, Progress(run=RUN, states=done(*alice)), Observed(now=NOW), RunRequest(DIGEST)
    )
    missing = replace(last, requires=(last.requires[1],))
    assert obstacle(at, (missing,), missing) == f"{OPERATOR} may still need the bridge"


def back_on_the_bridge(**seen: Any) -> Action:  # noqa: ANN401 - fields of Observed
    """Roll-back of Alice, whose bridge was taken off already."""
    plan = company()[1]
    mine = [step.id for step in plan.steps if step.principal_arn == ALICE]
    states = done("s01", "s02", *mine, at=NOW - timedelta(hours=2))
    entry = AccessEntry(ALICE, "STANDARD", "alice", (), (ADMIN_POLICY,), tags=TAGS)
    run_request = RunRequest(DIGEST, only=frozenset({ALICE}), back=True)
    return answer(
        plan,
        ALICE,
        states,
        run_request,
        entries={ALICE: entry},
        rows={ALICE: True},
        now=LATER,
        **seen,
    )


def test_an_admin_goes_back_over_the_bridge_only_where_it_stands() -> None:
    name = f"/{BRIDGE_BINDING.replace('{run}', RUN)}"
    assert back_on_the_bridge() == ReadFirst("binding", name)
    assert isinstance(back_on_the_bridge(bindings={name: None}), Finished)


@pytest.mark.parametrize("carrier", ["readers", BRIDGE_GROUP])
def test_groups_that_carried_somebody_are_put_back_where_the_plan_builds_no_bridge(
    carrier: str,
) -> None:
    """With ``--accept-gap`` there is no bridge; a group that a policy replaced is simply put
    back.
    """
    build = PlanBuilder()
    carried, final = EntrySpec("STANDARD", "x", (carrier,)), EntrySpec("STANDARD", "x", ())
    made = build.add(CreateEntry(DEVS, carried), undo=delete(DEVS, carried))
    build.add(UpdateEntry(DEVS, final, carried), made, undo=UpdateEntry(DEVS, carried, final))
    plan = build.plan(Cluster())
    entry = AccessEntry(DEVS, "STANDARD", "x", (), tags=TAGS)
    states = done("s01", "s02", at=NOW - timedelta(hours=2))
    found = answer(
        plan,
        DEVS,
        states,
        RunRequest(DIGEST, back=True),
        entries={DEVS: entry},
        rows={DEVS: True},
        now=LATER,
    )
    assert found == Undo(plan.steps[1], first=(ReadFirst("entry", DEVS),))


def test_a_bridge_that_was_taken_down_is_built_again_for_whoever_is_tried_again() -> None:
    plan = company()[1]
    records: tuple[Any, ...] = ()
    started = {"run": RUN, "planDigest": DIGEST, "command": "apply"}
    steps = [("run-started", None), *(("done", step.id) for step in plan.steps if step.id != "s99")]
    refused = next(step.id for step in plan.steps if step.principal_arn == ALICE)
    for event, step in (*steps, ("undone", refused), ("run-started", None)):
        effect = started if step is None else {}
        records += (
            next_record(records, at=NOW.isoformat(), step=step, event=event, effect=effect),  # type: ignore[arg-type]
        )
    progress = progress_of(plan, records)
    bridge = next(step.id for step in plan.steps if isinstance(step.effect, CreateBridge))
    assert (progress.of(bridge).status, progress.of(bridge).attempts) == ("pending", 1)


FOUNDER = "arn:aws:iam::111122223333:role/founder"


@pytest.mark.parametrize(
    ("changes", "surprises"),
    [
        ({}, 0),
        ({"username": "x"}, 1),
        ({"kubernetes_groups": ("a",)}, 1),
        ({"tags": {"a": "b"}}, 1),
        ({"access_policies": ()}, 1),
    ],
)
def test_one_entry_of_eks_own_shape_for_an_unknown_creator_is_no_surprise(
    changes: dict[str, Any], surprises: int
) -> None:
    made = replace(
        AccessEntry(FOUNDER, "STANDARD", default_username(FOUNDER), (), (ADMIN_POLICY,)), **changes
    )
    plan = company()[1]
    unknown = replace(
        plan, steps=tuple(step for step in plan.steps if step.principal_arn != CREATOR)
    )
    assert len(surprising_entries(unknown, [made], DIGEST)) == surprises
    assert len(surprising_entries(company()[1], [made], DIGEST)) == 1


def test_rbac_that_was_not_read_stays_unread_when_our_own_changes_are_taken_out() -> None:
    cluster, plan = company()
    snapshot = replace(snapshot_of(cluster), rbac=None)
    before, surprises = as_before(snapshot, plan, Progress(), DIGEST)
    assert (before.rbac, surprises) == (None, ())


def test_how_completely_iam_was_read_is_no_change_where_the_same_principals_were_found() -> None:
    found = {
        "iamPrincipals": {ALICE: {"id": "AROA1"}},
        "accountsRead": {"111122223333": [False, False]},
    }
    listed = {**found, "accountsRead": {"111122223333": [True, True]}}
    assert basis_changes(found, listed) == basis_changes(listed, found) == ()
    gone = {**listed, "iamPrincipals": {}}
    assert len(basis_changes(found, gone)) == 2
