"""Entries that EKS made at the mode step where the plan creates one: recognized, taken over, and
compared with the row.
"""

from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.planning.entries.entry_identity import spec_of
from migrator.decide.running.automatic_entries import (
    automatic_in,
    base_of,
    entry_record,
    made_by_eks,
    may_be_wider,
    plan_over,
    sequence_over,
    wider_entries,
    without_wider,
)
from migrator.decide.steps.entry_states import default_username
from migrator.decide.steps.undo import undo_of
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.decision import CreatorAnswer
from migrator.model.journal import next_record
from migrator.model.plan import Plan
from migrator.model.step import (
    BRIDGE_GROUP,
    AssociatePolicy,
    AwaitEntry,
    CreateEntry,
    DisassociatePolicy,
    Prove,
    Sequence,
    Step,
    UpdateEntry,
)
from tests.support.worlds import (
    LONG_AGO,
    VIEW_POLICY,
    answers,
    bind,
    entry,
    group,
    group_answers,
    iam,
    in_namespaces,
    node_row,
    on_cluster,
    one,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV, ADMIN, NODES = role("dev"), role("admin"), role("nodes")
MASTERS = ("system:masters",)


def of_all(mode: str = "CONFIG_MAP") -> Plan:
    """A developer with a renamed group, an administrator, and nodes without a node group."""
    rows = [row(DEV, "x", ("eks:x",)), row(ADMIN, "y", ("ops", *MASTERS)), node_row(NODES)]
    snapshot = world(rows, mode=mode, rbac=rbac(bind(group("eks:x"))))  # type: ignore[arg-type]
    return planned(snapshot, group_answers(eks__x="team"))


def by_eks(arn: str = ADMIN, **changes: Any) -> AccessEntry:  # noqa: ANN401 - any field
    """What EKS makes for the creator of a cluster."""
    made = entry(arn, default_username(arn), access_policies=(on_cluster(),))
    return replace(made, **changes)


NODE_ENTRY = entry(NODES, "", type="EC2_LINUX")


def steps_of(plan: Plan, arn: str) -> Sequence:
    return tuple(step for step in plan.steps if step.principal_arn == arn)


def is_own(found: AccessEntry, plan: Plan, automatic: dict[str, EntrySpec] | None = None) -> bool:
    return made_by_eks(found, steps_of(plan, found.principal_arn)[0], plan, automatic or {})


def test_entry_of_the_creators_shape_is_eks_own_in_a_plan_with_the_mode_step() -> None:
    assert is_own(by_eks(), of_all())
    assert not is_own(by_eks(), of_all("API_AND_CONFIG_MAP"))
    assert not is_own(by_eks(kubernetes_groups=("ops",)), of_all())


def test_one_cluster_has_one_creator() -> None:
    other = {DEV: spec_of(by_eks(DEV))}
    assert not is_own(by_eks(), of_all(), other)
    assert is_own(by_eks(), of_all(), {ADMIN: spec_of(by_eks()), NODES: spec_of(NODE_ENTRY)})


def test_entry_of_nodes_without_tags_is_eks_own() -> None:
    assert is_own(NODE_ENTRY, of_all())
    assert not is_own(replace(NODE_ENTRY, tags={"team": "a"}), of_all())
    assert not is_own(replace(NODE_ENTRY, type="EC2_WINDOWS"), of_all())


def test_entry_is_not_eks_own_where_the_plan_creates_none() -> None:
    step = Step("s09", Prove(ADMIN, "y", (), "live", "policy"))
    assert not made_by_eks(by_eks(), step, of_all(), {})


def test_sequence_begins_from_the_entry_that_eks_made() -> None:
    plan, automatic = of_all(), spec_of(by_eks())
    before = steps_of(plan, ADMIN)
    after = sequence_over(before, automatic, base_of(plan))
    first, second = after[0].effect, after[1].effect
    assert isinstance(first, UpdateEntry)
    assert (first.before, first.entry.access_policies) == (automatic, (on_cluster(),))
    assert isinstance(second, AssociatePolicy)
    assert (second.policy, second.before) == (on_cluster(), on_cluster())
    assert after[0].requires == base_of(plan)
    assert [each.requires for each in after[1:]] == [each.requires for each in before[1:]]
    assert all(each.undo == undo_of(each.effect) for each in after)


def test_sequence_from_the_entry_of_eks_uses_no_bridge() -> None:
    plan = of_all()
    after = sequence_over(steps_of(plan, ADMIN), spec_of(by_eks()), ())
    for effect in (each.effect for each in after):
        if isinstance(effect, UpdateEntry):
            assert BRIDGE_GROUP not in effect.entry.kubernetes_groups
        if isinstance(effect, Prove):
            assert BRIDGE_GROUP not in effect.groups


def test_scope_that_eks_gave_a_policy_stays() -> None:
    held = in_namespaces(on_cluster().policy_arn, "shop")
    automatic = EntrySpec("STANDARD", "z", (), (held,))
    after = sequence_over(steps_of(of_all(), ADMIN), automatic, ())
    effect = after[1].effect
    assert isinstance(effect, AssociatePolicy)
    assert (effect.policy, effect.before) == (held, held)


def test_policy_that_eks_did_not_give_is_associated_as_planned() -> None:
    automatic = EntrySpec("STANDARD", "z", (), (on_cluster(VIEW_POLICY),))
    after = sequence_over(steps_of(of_all(), ADMIN), automatic, ())
    effect, last = after[1].effect, after[-2].effect
    assert isinstance(effect, AssociatePolicy)
    assert (effect.policy, effect.before) == (on_cluster(), None)
    assert isinstance(last, UpdateEntry)
    assert set(last.entry.access_policies) == {on_cluster(), on_cluster(VIEW_POLICY)}


def test_entry_of_nodes_that_eks_made_is_awaited_and_proven() -> None:
    before = steps_of(of_all(), NODES)
    after = sequence_over(before, spec_of(NODE_ENTRY), ("s01",))
    assert after[0].effect == AwaitEntry(NODES, spec_of(NODE_ENTRY))
    assert (after[0].undo, after[0].requires) == (None, ("s01",))
    assert after[1:] == before[1:]


def test_sequence_that_creates_nothing_stays_as_it_is() -> None:
    sequence = (Step("s01", Prove(ADMIN, "y", (), "live", "policy")),)
    assert sequence_over(sequence, spec_of(by_eks()), ()) == sequence


def test_step_of_another_kind_stays_as_it_is() -> None:
    removed = Step("s99", DisassociatePolicy(DEV, on_cluster(VIEW_POLICY)))
    sequence = (*steps_of(of_all(), DEV), replace(removed, undo=undo_of(removed.effect)))
    assert sequence_over(sequence, spec_of(by_eks(DEV)), ())[-1] == sequence[-1]


def test_plan_has_the_steps_that_are_carried_out() -> None:
    plan = of_all()
    assert plan_over(plan, {}) == plan
    changed = plan_over(plan, {ADMIN: spec_of(by_eks())})
    assert not any(isinstance(each.effect, CreateEntry) for each in steps_of(changed, ADMIN))
    assert steps_of(changed, DEV) == steps_of(plan, DEV)
    assert changed.principals == plan.principals


def test_plan_without_steps_for_the_principal_stays_as_it_is() -> None:
    plan = of_all()
    assert plan_over(plan, {role("unknown"): spec_of(by_eks(role("unknown")))}) == plan


def test_changed_sequence_waits_for_the_mode_step_and_the_bindings() -> None:
    plan = of_all()
    kinds = {each.id: each.effect.kind for each in plan.steps}
    assert {kinds[each] for each in base_of(plan)} == {"enable-entries", "create-binding"}


# What EKS gives beyond the row.

NARROW = world([row(DEV, "x", ("devs",))], mode="CONFIG_MAP", rbac=rbac(bind(group("devs"))))
INDEX = RbacIndex(NARROW.rbac) if NARROW.rbac is not None else None


def wider(plan: Plan, found: AccessEntry | None, **changes: Any) -> dict[str, str]:  # noqa: ANN401
    entries = {} if found is None else {found.principal_arn: found}
    automatic = changes.pop("automatic", {DEV: spec_of(by_eks(DEV))})
    return wider_entries(plan, automatic, entries, INDEX, changes.pop("answer", None))


def test_policy_that_the_row_did_not_give_asks_a_person() -> None:
    found = wider(planned(NARROW), by_eks(DEV))
    assert "gives AmazonEKSClusterAdminPolicy, and the row did not" in found[DEV]
    assert "aws eks disassociate-access-policy --cluster-name prod" in found[DEV]
    assert may_be_wider(planned(NARROW), {DEV: spec_of(by_eks(DEV))}, {DEV: by_eks(DEV)})


@pytest.mark.parametrize(
    ("found", "changes"),
    [
        (None, {}),
        (by_eks(DEV, access_policies=()), {}),
        (by_eks(DEV), {"automatic": {}}),
        (by_eks(DEV), {"answer": CreatorAnswer(DEV, "Ana", "it stays an administrator")}),
    ],
    ids=["no entry", "policy removed", "not EKS's own", "answered"],
)
def test_nothing_is_asked_where_eks_gives_nothing_beyond_the_row(
    found: AccessEntry | None, changes: dict[str, Any]
) -> None:
    assert wider(planned(NARROW), found, **changes) == {}


def test_policy_that_the_plan_has_for_the_principal_is_not_asked_about() -> None:
    plan = of_all()
    assert not may_be_wider(plan, {ADMIN: spec_of(by_eks())}, {ADMIN: by_eks()})


def test_policy_that_gives_no_more_than_a_group_of_the_row_is_not_asked_about() -> None:
    bound = rbac(bind(group("ops"), role_name="cluster-admin"))
    plan = planned(world([row(DEV, "x", ("ops",))], mode="CONFIG_MAP", rbac=bound))
    automatic, entries = {DEV: spec_of(by_eks(DEV))}, {DEV: by_eks(DEV)}
    assert may_be_wider(plan, automatic, entries)
    assert wider_entries(plan, automatic, entries, RbacIndex(bound), None) == {}


def test_answer_about_another_principal_settles_nothing() -> None:
    other = CreatorAnswer(ADMIN, "Ana", "x")
    assert DEV in wider(planned(NARROW), by_eks(DEV), answer=other)


def test_principal_that_had_no_row_keeps_what_it_had() -> None:
    dead = world([row(role("team/dev"), "x")], principals=[iam(role("team/dev"))])
    assert not may_be_wider(planned(dead), {}, {role("team/dev"): by_eks(role("team/dev"))})


def test_principal_that_the_plan_leaves_out_keeps_what_eks_gives_and_is_asked_about() -> None:
    plan = planned(NARROW, answers(DEV, "skip", accepted=True))
    assert DEV in wider(plan, by_eks(DEV), automatic={})
    assert wider(plan, by_eks(DEV, kubernetes_groups=("a",)), automatic={}) == {}


def test_entry_is_compared_without_what_a_question_is_open_about() -> None:
    principal, automatic = one(planned(NARROW), DEV), spec_of(by_eks(DEV))
    assert without_wider(principal, by_eks(DEV), automatic, INDEX).access_policies == ()
    assert without_wider(principal, by_eks(DEV), None, INDEX) == by_eks(DEV)


def test_entry_that_a_run_took_over_is_read_from_its_journal() -> None:
    scoped = in_namespaces(VIEW_POLICY, "shop")
    entries = [by_eks(DEV, access_policies=(scoped,)), by_eks(created_at=LONG_AGO)]
    records = [
        next_record((), at="", step=None, event="backed-up", effect=entry_record(each))
        for each in entries
    ]
    records.append(next_record((), at="", step="s01", event="done", effect=entry_record(by_eks())))
    assert automatic_in(records) == {each.principal_arn: spec_of(each) for each in entries}


def test_record_about_another_backup_names_no_entry() -> None:
    record = next_record((), at="", step=None, event="backed-up", effect={"file": "aws-auth"})
    assert automatic_in([record]) == {}
