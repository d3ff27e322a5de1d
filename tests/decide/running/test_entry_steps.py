"""Single answers about the steps of one entry, for what happens rarely."""

from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.running.actions import Adopt, Do, Finished, GiveUp, ReadFirst, Refuse, Wait
from migrator.decide.running.entry_steps import entry_changed
from migrator.decide.running.progress import StepState
from migrator.decide.steps.bindings import binding_object
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.plan import Plan
from migrator.model.step import AssociatePolicy, CreateBinding, CreateEntry, Step
from tests.support.memory_ports import Cluster
from tests.support.memory_runs import ADMIN_POLICY, DEVS, DIGEST, NODES, PlanBuilder, delete
from tests.support.run_answers import LATER, NOW, RUN, TAGS, answer, done

BINDING = CreateBinding("migrator-b", "shop", "Role", "reader", "team")
MADE = binding_object(BINDING, plan_digest=DIGEST, run=RUN)


def of_bound_group() -> Plan:
    """An entry with a group that the plan binds."""
    build = PlanBuilder()
    build.add(BINDING)
    build.standard(DEVS, "dev", ("team",))
    return build.plan(Cluster())


def test_entry_waits_for_a_look_at_the_binding_of_its_group() -> None:
    found = answer(of_bound_group(), DEVS, {}, entries={DEVS: None})
    assert found == ReadFirst("binding", "shop/migrator-b")


def test_entry_is_made_once_the_binding_of_its_group_is_seen() -> None:
    seen = {"shop/migrator-b": MADE}
    found = answer(of_bound_group(), DEVS, done("s01"), entries={DEVS: None}, bindings=seen)
    assert isinstance(found, Do)


def test_entry_waits_for_a_binding_that_is_not_made_yet() -> None:
    plan, missing = of_bound_group(), {"shop/migrator-b": None}
    found = answer(plan, DEVS, {}, entries={DEVS: None}, bindings=missing)
    assert found == Finished(((plan.steps[1], "the binding of its group is made first"),))


def test_binding_that_was_deleted_since_ends_the_principals_sequence() -> None:
    missing = {"shop/migrator-b": None}
    found = answer(of_bound_group(), DEVS, done("s01"), entries={DEVS: None}, bindings=missing)
    assert isinstance(found, GiveUp)
    assert found.difference.code == "binding-changed"


def test_policy_that_is_on_the_entry_with_its_scope_is_not_sent_again() -> None:
    build = PlanBuilder()
    build.add(AssociatePolicy(DEVS, ADMIN_POLICY, ADMIN_POLICY))
    plan = build.plan(Cluster())
    there = AccessEntry(DEVS, "STANDARD", "dev", (), (ADMIN_POLICY,))
    assert isinstance(answer(plan, DEVS, {}, entries={DEVS: there}), Adopt)


def test_entry_of_eks_with_another_type_than_planned_ends_the_principals_sequence() -> None:
    build = PlanBuilder()
    spec = EntrySpec("EC2_LINUX")
    build.add(CreateEntry(NODES, spec), undo=delete(NODES, spec))
    plan = build.plan(Cluster(mode="CONFIG_MAP"))
    made = AccessEntry(NODES, "STANDARD", default_username(NODES), (), (ADMIN_POLICY,))
    found = answer(
        plan, NODES, {"s01": StepState("intended", NOW.isoformat())}, entries={NODES: made}
    )
    assert isinstance(found, GiveUp)
    assert found.difference.code == "automatic-entry-of-other-type"
    assert "EKS made an entry of type STANDARD" in found.difference.message


def test_entry_that_the_plan_did_not_make_is_refused() -> None:
    build = PlanBuilder()
    build.standard(DEVS, "dev", ("devs",))
    foreign = AccessEntry(DEVS, "STANDARD", "other", ("more",))
    found = answer(build.plan(Cluster()), DEVS, {}, entries={DEVS: foreign})
    assert isinstance(found, Refuse)
    assert found.error.code == "entry-changed"


THERE = AccessEntry(DEVS, "STANDARD", "dev")
CREATED = Step("s01", CreateEntry(DEVS, EntrySpec()))


@pytest.mark.parametrize(
    ("step", "entry", "why"),
    [
        (CREATED, None, "Another writer deleted it."),
        (CREATED, THERE, "EKS or another writer made it."),
        (
            replace(CREATED, effect=AssociatePolicy(DEVS, ADMIN_POLICY)),
            THERE,
            "Another writer changed it.",
        ),
    ],
)
def test_refusal_says_what_another_writer_did(
    step: Step, entry: AccessEntry | None, why: str
) -> None:
    assert entry_changed(step, entry).why == why


def test_proof_that_needs_time_is_waited_for() -> None:
    build = PlanBuilder()
    build.standard(DEVS, "dev", ("devs",))
    plan = build.plan(Cluster())
    marked = AccessEntry(DEVS, "STANDARD", "dev", ("devs", f"migrator-probe:{RUN}"), tags=TAGS)
    seen: dict[str, Any] = {
        "entries": {DEVS: marked},
        "waits": {"s02": (LATER, "the log is behind")},
    }
    found = answer(plan, DEVS, done("s01"), **seen)
    assert found == Wait(plan.steps[1], "the log is behind", LATER)
