"""The states that an entry passes through: an interrupted run is settled by which of them the entry
looks like.
"""

from dataclasses import replace

from migrator.decide.planning.entries.classify_node import automatic_type
from migrator.decide.planning.principals.plan_facts import NodeUse
from migrator.decide.steps.bindings import binding_object
from migrator.decide.steps.entry_states import (
    EntryState,
    after,
    final_spec,
    final_specs,
    matches,
    missing_policies,
    sequence_states,
    state_of,
)
from migrator.model.access_entry import AccessEntry, AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.snapshot import FargateProfile
from migrator.model.step import (
    AssociatePolicy,
    CreateBinding,
    DeleteEntry,
    DisassociatePolicy,
    Prove,
    Sequence,
    Step,
    UpdateEntry,
)
from tests.support.worlds import (
    ADMIN_POLICY,
    VIEW_POLICY,
    answers,
    bind,
    entry,
    group,
    in_namespaces,
    on_cluster,
    only,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV = role("dev")
SPEC = EntrySpec("STANDARD", "x", ("devs",))


def sequence(*effects: AssociatePolicy | DisassociatePolicy | UpdateEntry | Prove) -> Sequence:
    return tuple(Step(f"s{number:02d}", effect) for number, effect in enumerate(effects))


def test_policies_before_a_sequence_are_told_back_from_its_update() -> None:
    wide, narrow = on_cluster(VIEW_POLICY), in_namespaces(VIEW_POLICY, "shop")
    held = replace(SPEC, access_policies=(wide, on_cluster()))
    changed = UpdateEntry(DEV, held, held)
    states = sequence_states(
        sequence(
            AssociatePolicy(DEV, wide, narrow),
            DisassociatePolicy(DEV, in_namespaces("other", "a")),
            Prove(DEV, "x", ("devs",), "live", "marker"),
            AssociatePolicy(DEV, on_cluster(), None),
            UpdateEntry(DEV, held, held),
        ),
        "",
    )
    first = states[0]
    assert first is not None
    assert first.policies == frozenset({narrow, in_namespaces("other", "a")})
    assert sequence_states(sequence(changed), "")[0] == state_of(held)


def test_update_that_stands_behind_other_updates_of_policies_keeps_them() -> None:
    held = (on_cluster(), in_namespaces(VIEW_POLICY, "a"))
    narrower = planned(
        world(
            [row(DEV, "x", ("devs",))],
            entries=[entry(DEV, "x", ("devs", "more"), access_policies=held)],
            rbac=rbac(bind(group("devs"))),
        ),
        answers(DEV, groups=("devs",), policies=(in_namespaces(VIEW_POLICY, "b"),), accepted=True),
    )
    steps = tuple(step for step in narrower.steps if step.principal_arn == DEV)
    first = sequence_states(steps, "")[0]
    assert first is not None
    assert first.policies == frozenset(held)
    assert final_spec(narrower, DEV) == EntrySpec(
        "STANDARD", "x", ("devs",), (in_namespaces(VIEW_POLICY, "b"),)
    )


def test_nothing_is_known_of_an_entry_whose_sequence_only_changes_policies() -> None:
    policies_only = sequence(
        AssociatePolicy(DEV, on_cluster(), None), DisassociatePolicy(DEV, on_cluster(VIEW_POLICY))
    )
    assert sequence_states(policies_only, "") == (EntryState(), EntryState(), EntryState())


def test_an_entry_looks_like_a_state_by_type_name_groups_and_policies() -> None:
    shown = AccessEntry(DEV, "STANDARD", "x", ("devs",), (on_cluster(),))
    state = state_of(replace(SPEC, access_policies=(on_cluster(ADMIN_POLICY),)))
    assert matches(state, shown, "")
    assert not matches(state, replace(shown, type="EC2_LINUX"), "")
    assert not matches(state, replace(shown, username="y"), "")
    assert not matches(state, replace(shown, kubernetes_groups=()), "")
    assert not matches(state, replace(shown, access_policies=()), "")
    assert not matches(replace(state, made_by_us=True), shown, "sha256:1")
    assert not matches(None, shown, "")


def test_node_types_are_compared_by_type_and_only_policies_that_a_state_names() -> None:
    shown = AccessEntry(DEV, "EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", ("system:nodes",))
    assert matches(state_of(EntrySpec("EC2_LINUX")), shown, "")
    assert not matches(
        replace(state_of(EntrySpec("EC2_LINUX")), policies=frozenset({on_cluster()})), shown, ""
    )


def test_binding_of_a_namespace_is_made_there() -> None:
    made = binding_object(
        CreateBinding("b", "shop", "Role", "reader", "devs"), plan_digest="sha256:0", run="1"
    )
    assert (made["kind"], made["metadata"]["namespace"]) == ("RoleBinding", "shop")  # type: ignore[index]


def test_eks_makes_a_fargate_entry_where_nothing_but_profiles_uses_the_role() -> None:
    assert (
        automatic_type(NodeUse(DEV, profiles=(FargateProfile("p", DEV, "ACTIVE"),)))
        == "FARGATE_LINUX"
    )
    assert automatic_type(NodeUse(DEV)) is None


def test_state_of_which_nothing_is_known_fits_every_entry() -> None:
    assert matches(EntryState(), entry(DEV, "x", ("devs",)), "digest")
    assert matches(EntryState(), entry(role("nodes"), "", type="EC2_LINUX"), "digest")
    assert not matches(None, entry(DEV), "digest")


def test_update_of_an_entry_that_is_not_there_leaves_its_policies_unknown() -> None:
    state = after(None, UpdateEntry(DEV, SPEC, SPEC), "run")
    assert state == EntryState("STANDARD", "x", frozenset({"devs"}), None)


def test_principal_that_the_plan_does_not_have_ends_with_no_entry() -> None:
    assert final_spec(planned(world([row(DEV, "x")])), role("other")) is None


def test_policies_that_no_step_knows_are_those_of_the_plan() -> None:
    arn, spec = role("dev"), EntrySpec("STANDARD", "x", (), (on_cluster(),))
    steps = (
        Step("s01", DeleteEntry(arn, entry(arn))),
        Step("s02", UpdateEntry(arn, replace(spec, access_policies=()), spec)),
    )
    plan = replace(planned(world([row(arn, "x")])), steps=steps)
    with_policy = replace(only(plan), entry=spec)
    assert final_spec(replace(plan, principals=(with_policy,)), arn) == spec
    assert final_spec(replace(plan, principals=()), arn) == replace(spec, access_policies=())


def test_entries_of_a_whole_plan_are_those_of_each_principal() -> None:
    plan = planned(world([row(DEV, "x"), row(role("ops"), "y", "system:masters")]))
    each = {one.principal_arn: final_spec(plan, one.principal_arn) for one in plan.principals}
    assert len(each) == 2
    assert final_specs(plan) == each


def test_policy_of_an_entry_that_is_not_there_makes_none() -> None:
    arn = role("dev")
    steps = (
        Step("s01", DeleteEntry(arn, entry(arn))),
        Step("s02", AssociatePolicy(arn, on_cluster())),
    )
    assert sequence_states(steps, "")[-1] is None


def test_policies_that_an_entry_lacks_are_compared_as_eks_compares_scopes() -> None:
    there = AssociatedPolicy("P", AccessScope("namespace", ("a", "b")))
    state = EntryState(
        policies=frozenset(
            {
                AssociatedPolicy("P", AccessScope("namespace", ("b", "a", "b"))),
                AssociatedPolicy("Q"),
            }
        )
    )
    shown = replace(entry(DEV), access_policies=(there,))
    assert missing_policies(state, shown) == (AssociatedPolicy("Q"),)
    assert missing_policies(EntryState(), shown) == ()
