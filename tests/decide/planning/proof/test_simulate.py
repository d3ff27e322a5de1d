"""Steps on paper, and how each is taken back."""

from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.planning.make_plan import make_plan
from migrator.decide.planning.proof.basis import basis_of
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.steps.undo import undo_of
from migrator.errors import Failed
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.decision import Decisions
from migrator.model.step import (
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    Effect,
    EnableEntries,
    Prove,
    RemoveBridge,
    Step,
    UpdateEntry,
)
from tests.support.worlds import (
    NOW,
    VIEW_POLICY,
    bind,
    entry,
    group,
    group_answers,
    iam,
    in_namespaces,
    node_row,
    on_cluster,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV = role("dev")
SPEC = EntrySpec("STANDARD", "x", ("devs",))
OTHER_SPEC = EntrySpec("STANDARD", "y")
BINDING = CreateBinding("made", "shop", "ClusterRole", "view", "team")


def after(*effects: Effect, **changes: Any) -> AccessEntry | None:  # noqa: ANN401 - any field
    snapshot = simulate(
        world(**changes), [Step(str(n), effect) for n, effect in enumerate(effects)]
    )
    return next(iter(snapshot.access_entries or ()), None)


def test_plan_again_after_all_steps_has_nothing_to_do() -> None:
    rows = [
        row(DEV, "x", ("eks:x",)),
        row(role("admin"), "y", ("system:masters",)),
        node_row(role("nodes")),
    ]
    snapshot = world(rows, mode="CONFIG_MAP", rbac=rbac(bind(group("eks:x"))))
    decisions = group_answers(eks__x="team")
    plan = make_plan(snapshot, decisions, now=NOW)
    again = make_plan(simulate(snapshot, plan.steps), decisions, now=NOW)
    assert plan.steps
    assert again.steps == ()
    assert [p.action for p in again.principals] == ["keep", "keep", "keep"]


def test_mode_step_makes_entries_listable() -> None:
    snapshot = simulate(world(mode="CONFIG_MAP"), [Step("s", EnableEntries())])
    assert snapshot.cluster.authentication_mode == "API_AND_CONFIG_MAP"
    assert snapshot.access_entries == ()


def test_unlisted_entries_stay_unlisted_in_config_map_mode() -> None:
    assert simulate(world(mode="CONFIG_MAP"), []).access_entries is None


def test_created_entry_is_younger_than_its_principal() -> None:
    born_later = iam(DEV, created=NOW.replace(year=2030))
    made = after(CreateEntry(DEV, SPEC), principals=[born_later])
    assert made is not None
    assert made.created_at == born_later.create_date


@pytest.mark.parametrize("taken_at", ["no time", "2026-11-22T00:00:00"])
def test_snapshot_without_a_proper_time_still_simulates(taken_at: str) -> None:
    made = after(CreateEntry(DEV, SPEC), taken_at=taken_at)
    assert made is not None
    assert made.created_at is None


def test_policies_replace_each_other_by_arn() -> None:
    narrow, wide = in_namespaces(VIEW_POLICY, "shop"), on_cluster(VIEW_POLICY)
    made = after(
        CreateEntry(DEV, SPEC), AssociatePolicy(DEV, narrow), AssociatePolicy(DEV, wide, narrow)
    )
    assert made is not None
    assert made.access_policies == (wide,)
    gone = after(CreateEntry(DEV, SPEC), AssociatePolicy(DEV, wide), DisassociatePolicy(DEV, wide))
    assert gone is not None
    assert gone.access_policies == ()


def test_automatic_entries_come_with_their_policies() -> None:
    made = after(AwaitEntry(DEV, EntrySpec("STANDARD", None, (), (on_cluster(),))))
    assert made is not None
    assert made.access_policies == (on_cluster(),)
    assert made.username.endswith("assumed-role/dev/{{SessionName}}")


def test_deleted_entry_is_gone() -> None:
    assert after(DeleteEntry(DEV, entry(DEV)), entries=[entry(DEV)]) is None


def test_rbac_is_the_same_object_where_nothing_stays_changed() -> None:
    snapshot = world()
    bridge = CreateBridge("b", "g")
    assert (
        simulate(snapshot, [Step("1", bridge), Step("2", RemoveBridge("b", "g"))]).rbac is not None
    )
    assert simulate(snapshot, []).rbac is snapshot.rbac
    assert simulate(replace(snapshot, rbac=None), [Step("1", bridge)]).rbac is None


def test_bindings_of_ours_are_added_and_removed() -> None:
    bound = simulate(world(), [Step("1", BINDING)]).rbac
    assert bound is not None
    assert [(b.namespace, b.name, b.role_name) for b in bound.bindings] == [
        ("shop", "made", "view")
    ]
    unbound = simulate(world(rbac=bound), [Step("1", RemoveBridge("made", "team", "shop"))]).rbac
    assert unbound is not None
    assert unbound.bindings == ()


def test_prove_changes_nothing() -> None:
    snapshot = world(entries=[entry(DEV)])
    assert basis_of(
        simulate(snapshot, [Step("1", Prove(DEV, "x", (), "live", "marker"))])
    ) == basis_of(snapshot)


@pytest.mark.parametrize(
    "effect",
    [
        EnableEntries(),
        AwaitEntry(DEV, SPEC),
        DeleteEntry(DEV, entry(DEV)),
        Prove(DEV, "x", (), "live", "marker"),
        RemoveBridge("b", "g"),
    ],
)
def test_what_cannot_or_need_not_be_taken_back_has_no_undo(effect: Effect) -> None:
    assert undo_of(effect) is None


@pytest.mark.parametrize(
    ("effect", "undo"),
    [
        (CreateBridge("b", "g"), RemoveBridge("b", "g")),
        (BINDING, RemoveBridge("made", "team", "shop")),
        (UpdateEntry(DEV, SPEC, OTHER_SPEC), UpdateEntry(DEV, OTHER_SPEC, SPEC)),
        (AssociatePolicy(DEV, on_cluster()), DisassociatePolicy(DEV, on_cluster())),
        (
            AssociatePolicy(DEV, on_cluster(), in_namespaces(on_cluster().policy_arn, "a")),
            AssociatePolicy(DEV, in_namespaces(on_cluster().policy_arn, "a"), on_cluster()),
        ),
        (DisassociatePolicy(DEV, on_cluster()), AssociatePolicy(DEV, on_cluster())),
    ],
)
def test_step_is_taken_back_by_its_opposite(effect: Effect, undo: Effect) -> None:
    assert undo_of(effect) == undo


@pytest.mark.parametrize("spec", [SPEC, EntrySpec("STANDARD"), EntrySpec("EC2_LINUX")])
def test_created_entry_is_taken_back_by_deleting_what_was_made(spec: EntrySpec) -> None:
    undo = undo_of(CreateEntry(DEV, spec))
    assert isinstance(undo, DeleteEntry)
    assert undo.before.type == spec.type
    assert undo.before.kubernetes_groups == spec.kubernetes_groups


def test_every_step_of_a_plan_carries_its_undo() -> None:
    plan = planned(world([row(DEV, "x", ("system:masters",))], mode="CONFIG_MAP"))
    assert all(step.undo == undo_of(step.effect) for step in plan.steps)


def test_undoing_every_step_backwards_leaves_what_was_there() -> None:
    snapshot = world([row(DEV, "x", ("a", "system:masters"))], entries=[entry(role("kept"), "k")])
    snapshot = replace(snapshot, iam_principals=(*snapshot.iam_principals, iam(role("kept"))))
    plan = planned(snapshot)
    back = [Step(step.id, step.undo) for step in reversed(plan.steps) if step.undo is not None]
    assert basis_of(simulate(snapshot, [*plan.steps, *back])) == basis_of(snapshot)


def test_unprovable_plan_is_an_error() -> None:
    from migrator.decide.planning.entries.decide_principal import decide_principal
    from migrator.decide.planning.make_plan import _prove_access, _prove_end
    from migrator.decide.planning.principals.candidate_principals import candidates_of
    from migrator.decide.planning.principals.plan_facts import gather
    from migrator.decide.reading.read_aws_auth import read_aws_auth
    from migrator.model.access_entry import NOBODY
    from migrator.model.plan import AccessChange
    from migrator.model.rbac import PermissionRow

    snapshot = world([row(DEV, "x", ("devs",))], rbac=rbac(bind(group("devs"))))
    facts = gather(
        snapshot,
        Decisions(),
        read_aws_auth(snapshot.aws_auth_data),
        strategy="preserve",
        target="API",
    )
    decided = [decide_principal(candidate, facts) for candidate in candidates_of(facts)]
    with pytest.raises(Failed) as error:  # steps that do not lead to the plan's end
        _prove_end(facts, decided, (Step("s01", EnableEntries()),))
    assert error.value.code == "plan-unproven"
    more, less = (
        AccessChange(gained=(PermissionRow("cluster"),)),
        AccessChange(lost=(PermissionRow("cluster"),)),
    )
    for changed in (
        replace(decided[0], access=more, before=NOBODY),
        replace(decided[0], access=less, after=NOBODY),
    ):
        with pytest.raises(Failed) as error:
            _prove_access([changed], facts)
        assert error.value.code == "plan-unproven"
