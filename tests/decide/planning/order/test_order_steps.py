"""The order of steps: no gap, no more than before, the first of each kind alone, the operator
last.
"""

from collections.abc import Mapping

from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Decisions
from migrator.model.plan import Plan
from migrator.model.snapshot import Creator, Snapshot
from migrator.model.step import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    CreateBridge,
    CreateEntry,
    ProofClass,
    Prove,
    RemoveBridge,
    Step,
    UpdateEntry,
)
from tests.support.worlds import (
    ACCOUNT,
    LONG_AGO,
    NODE_USERNAME,
    answers,
    bind,
    entry,
    finding,
    findings,
    group,
    group_answers,
    iam,
    kinds,
    login,
    node_row,
    nodegroup,
    on_cluster,
    one,
    planned,
    rbac,
    role,
    row,
    usage,
    user,
    world,
)

DEV, ADMIN, OPERATOR = role("dev"), role("admin"), role("operator")
MASTERS = ("system:masters",)


def steps_of(plan: Plan, arn: str) -> list[Step]:
    return [step for step in plan.steps if step.principal_arn == arn]


def place(plan: Plan, step_id: str) -> int:
    return [step.id for step in plan.steps].index(step_id)


def resting_on(plan: Plan, step: Step) -> set[str]:
    """Everything a step waits for, directly or not."""
    known = {each.id: each for each in plan.steps}
    found: set[str] = set()
    queue = list(step.requires)
    while queue:
        step_id = queue.pop()
        if step_id not in found:
            found.add(step_id)
            queue += known[step_id].requires
    return found


def test_mode_step_comes_first_and_everything_rests_on_it() -> None:
    plan = planned(world([row(DEV, "x")], mode="CONFIG_MAP"))
    assert plan.steps[0].effect.kind == "enable-entries"
    assert all("s01" in resting_on(plan, step) for step in plan.steps[1:])


def test_mode_step_is_only_for_config_map_mode() -> None:
    assert "enable-entries" not in kinds(planned(world([row(DEV, "x")])))


def test_no_steps_where_everything_is_done() -> None:
    assert planned(world([row(DEV, "x")], entries=[entry(DEV, "x")])).steps == ()


def test_steps_rest_on_earlier_steps_only() -> None:
    plan = planned(
        world([row(DEV, "x"), row(ADMIN, "y", MASTERS), node_row(role("n"))], mode="CONFIG_MAP")
    )
    assert all(
        place(plan, need) < place(plan, step.id) for step in plan.steps for need in step.requires
    )


def test_entry_carries_the_marker_while_it_is_proven_and_loses_it_by_a_full_update() -> None:
    create, prove, update = (
        step.effect for step in steps_of(planned(world([row(DEV, "x", ("devs",))])), DEV)
    )
    assert isinstance(create, CreateEntry)
    assert isinstance(prove, Prove)
    assert isinstance(update, UpdateEntry)
    assert create.entry == EntrySpec("STANDARD", "x", ("devs", "migrator-probe:{run}"))
    assert (prove.username, prove.groups, prove.attribution) == (
        "x",
        ("devs", "migrator-probe:{run}"),
        "marker",
    )
    assert update.entry == EntrySpec("STANDARD", "x", ("devs",))
    assert update.before == create.entry


def test_admin_crosses_by_a_bridge() -> None:
    plan = planned(world([row(ADMIN, "y", ("ops", *MASTERS))]))
    assert kinds(plan) == [
        "create-bridge",
        "create-entry",
        "associate-policy",
        "prove",
        "update-entry",
        "prove",
        "remove-bridge",
    ]
    bridge, create, _, _, update, prove, removed = (step.effect for step in plan.steps)
    assert isinstance(bridge, CreateBridge)
    assert isinstance(create, CreateEntry)
    assert create.entry.kubernetes_groups == ("ops", bridge.group, "migrator-probe:{run}")
    assert isinstance(update, UpdateEntry)
    assert update.entry == EntrySpec("STANDARD", "y", ("ops",), (on_cluster(),))
    assert isinstance(prove, Prove)
    assert prove.attribution == "policy"
    assert removed == RemoveBridge(bridge.binding_name, bridge.group)
    assert all(plan.steps[i].id in resting_on(plan, plan.steps[i + 1]) for i in range(6))


def test_one_bridge_serves_all_admins_and_goes_after_the_last() -> None:
    plan = planned(world([row(role(name), name, MASTERS) for name in ("a", "b", "c")]))
    assert kinds(plan).count("create-bridge") == 1
    proofs = {step.id for step in plan.steps if isinstance(step.effect, Prove)}
    assert proofs <= resting_on(plan, plan.steps[-1])


def test_operator_who_may_not_create_bindings_accepts_a_gap_that_is_named() -> None:
    plan = planned(world([row(ADMIN, "y", MASTERS), row(DEV, "x")]), accept_gap=True)
    assert kinds(plan, ADMIN) == [
        "create-entry",
        "associate-policy",
        "prove",
        "update-entry",
        "prove",
    ]
    assert not {"create-bridge", "remove-bridge"} & set(kinds(plan))
    assert ADMIN in finding(plan, "gap-accepted").message
    assert findings(planned(world([row(DEV, "x")]), accept_gap=True), "gap-accepted") == ()


def test_people_without_a_policy_do_not_wait_for_the_bridge() -> None:
    plan = planned(world([row(DEV, "x"), row(ADMIN, "y", MASTERS)]))
    bridge = next(step.id for step in plan.steps if step.effect.kind == "create-bridge")
    assert bridge not in resting_on(plan, steps_of(plan, DEV)[0])


def test_first_of_each_kind_goes_alone() -> None:
    rows = [row(role(f"dev{n}"), f"dev{n}") for n in range(3)]
    rows += [row(role(f"admin{n}"), f"admin{n}", MASTERS) for n in range(2)]
    rows += [node_row(role(f"nodes{n}")) for n in range(2)]
    plan = planned(world(rows))
    for canary, others in (
        ("dev0", ("dev1", "dev2")),
        ("admin0", ("admin1",)),
        ("nodes0", ("nodes1",)),
    ):
        last = steps_of(plan, role(canary))[-1].id
        for other in others:
            assert last in resting_on(plan, steps_of(plan, role(other))[0])
    assert steps_of(plan, role("dev0"))[-1].id in resting_on(
        plan, steps_of(plan, role("admin0"))[0]
    )
    assert steps_of(plan, role("admin0"))[-1].id in resting_on(
        plan, steps_of(plan, role("nodes0"))[0]
    )


def test_others_of_a_kind_go_side_by_side() -> None:
    plan = planned(world([row(role(f"dev{n}"), f"dev{n}") for n in range(3)]))
    one, other = steps_of(plan, role("dev1"))[0], steps_of(plan, role("dev2"))[0]
    assert one.requires == other.requires


def test_operator_goes_last_and_whom_it_arrives_through_just_before() -> None:
    gate = role("gate")
    rows = [
        row(OPERATOR, "me", MASTERS),
        row(gate, "gate"),
        row(ADMIN, "y", MASTERS),
        row(DEV, "x"),
    ]
    plan = planned(world(rows, caller_chain=(gate, OPERATOR)))
    mine, through = steps_of(plan, OPERATOR)[0], steps_of(plan, gate)[0]
    others = {step.id for arn in (ADMIN, DEV) for step in steps_of(plan, arn)}
    assert others <= resting_on(plan, through)
    assert others | {step.id for step in steps_of(plan, gate)} <= resting_on(plan, mine)


def test_user_may_be_the_operator() -> None:
    plan = planned(
        world([row(DEV, "x")], [row(user("me"), "me")], caller_arn=user("me"), caller_chain=None)
    )
    assert steps_of(plan, DEV)[-1].id in resting_on(plan, steps_of(plan, user("me"))[0])


def test_unknown_operator_puts_nobody_last() -> None:
    plan = planned(
        world(
            [row(OPERATOR, "me")], caller_arn=None, caller_chain=None, unknown=("callerIdentity",)
        )
    )
    assert steps_of(plan, OPERATOR)
    assert "callerIdentity" in finding(plan, "input-unknown").message


def test_automatic_entries_come_before_ours() -> None:
    nodes = role("nodes")
    snapshot = world(
        [node_row(nodes), row(DEV, "x")], nodegroups=(nodegroup(nodes),), mode="CONFIG_MAP"
    )
    plan = planned(snapshot)
    assert kinds(plan, nodes) == ["await-entry", "prove"]
    assert steps_of(plan, nodes)[0].id in resting_on(plan, steps_of(plan, DEV)[0])


def test_parallel_bindings_come_before_the_entries_that_need_them() -> None:
    plan = planned(
        world([row(DEV, "x", ("eks:x",))], rbac=rbac(bind(group("eks:x")))),
        group_answers(eks__x="team"),
    )
    binding = next(step.id for step in plan.steps if step.effect.kind == "create-binding")
    assert binding in resting_on(plan, steps_of(plan, DEV)[0])


def test_parallel_binding_that_is_there_is_not_made_again() -> None:
    snapshot = world([row(DEV, "x", ("eks:x",))], rbac=rbac(bind(group("eks:x"))))
    first = planned(snapshot, group_answers(eks__x="team"))
    name = next(s.effect.binding_name for s in first.steps if s.effect.kind == "create-binding")  # type: ignore[union-attr]
    ours = bind(group("team"), name=name, labels={MANAGED_BY_LABEL: MANAGED_BY})
    again = world([row(DEV, "x", ("eks:x",))], rbac=rbac(bind(group("eks:x")), ours))
    assert "create-binding" not in kinds(planned(again, group_answers(eks__x="team")))


def test_nodes_are_proven_by_being_nodes() -> None:
    prove = steps_of(planned(world([node_row(role("nodes"))])), role("nodes"))[-1].effect
    assert isinstance(prove, Prove)
    assert (prove.username, prove.groups, prove.attribution) == (
        NODE_USERNAME,
        ("system:nodes",),
        "node",
    )


def test_dead_entry_is_deleted_just_before_it_is_made_again() -> None:
    plan = planned(
        world([row(DEV, "x")], entries=[entry(DEV, created_at=LONG_AGO.replace(year=2020))])
    )
    delete, create = steps_of(plan, DEV)[:2]
    assert (delete.effect.kind, create.effect.kind) == ("delete-entry", "create-entry")
    assert create.requires == (delete.id,)


def test_every_step_names_the_rows_it_comes_from() -> None:
    plan = planned(world([row(DEV, "a"), row(DEV, "b")]))
    assert all(step.because_of == ("mapRoles[0]", "mapRoles[1]") for step in steps_of(plan, DEV))


def test_leftover_bridge_is_removed_when_nobody_rests_on_it() -> None:
    left = bind(
        group("migrator-bridge:00"),
        role_name="cluster-admin",
        name="left",
        labels={MANAGED_BY_LABEL: MANAGED_BY},
    )
    plan = planned(world([row(DEV, "x")], rbac=rbac(left)))
    assert plan.steps[-1].effect == RemoveBridge("left", "migrator-bridge:00")
    assert steps_of(plan, DEV)[-1].id in plan.steps[-1].requires
    assert finding(plan, "leftover-bridge").severity == "warn"


def test_name_of_a_bridge_that_somebody_uses_blocks() -> None:
    for snapshot in (
        world(rbac=rbac(bind(group("migrator-bridge:mine")))),
        world([row(DEV, "x", ("migrator-bridge:mine",))]),
    ):
        assert finding(planned(snapshot), "bridge-name-used").severity == "block"


def test_blocked_principal_has_no_steps() -> None:
    assert steps_of(planned(world([row(DEV, "x", ("t:{{SessionName}}",))])), DEV) == []


def proof(snapshot: Snapshot, arn: str, proof_policy: Mapping[str, ProofClass] = {}) -> str:
    return one(planned(snapshot, Decisions(proof_policy=proof_policy)), arn).required_proof


def test_without_a_complete_log_window_everybody_counts_as_active() -> None:
    assert proof(world([row(DEV, "x")]), DEV) == "observed"
    assert proof(world([row(DEV, "x")], usage=usage(complete=False)), DEV) == "observed"


def test_whoever_logged_in_must_be_seen_and_the_rest_may_be_simulated() -> None:
    snapshot = world([row(DEV, "x"), row(ADMIN, "y")], usage=usage(login(DEV)))
    assert proof(snapshot, DEV) == "observed"
    assert proof(snapshot, ADMIN) == "simulated"


def test_every_node_role_must_be_seen() -> None:
    nodes = role("nodes")
    assert proof(world([node_row(nodes)], usage=usage()), nodes) == "observed"


def test_proof_policy_asks_for_another_class_by_kind() -> None:
    snapshot = world([row(DEV, "x"), row(ADMIN, "y", MASTERS)], [row(user("ana"), "ana")])
    policy: dict[str, ProofClass] = {"admin": "live", "user": "simulated"}
    assert proof(snapshot, ADMIN, proof_policy=policy) == "live"
    assert proof(snapshot, user("ana"), proof_policy=policy) == "simulated"
    assert proof(snapshot, DEV, proof_policy=policy) == "observed"


def test_single_admin_is_reported() -> None:
    assert finding(planned(world([row(ADMIN, "y", MASTERS)])), "single-admin").severity == "warn"
    assert (
        findings(planned(world([row(ADMIN, "y", MASTERS), row(DEV, "x", MASTERS)])), "single-admin")
        == ()
    )


def test_operator_and_whom_it_arrives_through_are_one_admin() -> None:
    snapshot = world(
        [row(OPERATOR, "me", MASTERS), row(role("gate"), "gate", MASTERS)],
        caller_chain=(role("gate"),),
    )
    assert findings(planned(snapshot), "single-admin")


def test_creator_and_service_linked_roles_are_told_apart_as_admins() -> None:
    linked = role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS")
    kept = entry(linked, access_policies=(on_cluster(),))
    assert findings(planned(world([row(ADMIN, "y", MASTERS)], entries=[kept])), "single-admin")
    made = world(
        [row(ADMIN, "y", MASTERS)],
        creator=Creator(DEV, "tags"),
        mode="CONFIG_MAP",
        principals=[iam(DEV), iam(ADMIN)],
    )
    assert findings(planned(made), "single-admin") == ()


def test_session_of_the_operator_is_its_role() -> None:
    caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/any-session"
    plan = planned(world([row(DEV, "x"), row(OPERATOR, "me")], caller_arn=caller))
    assert steps_of(plan, DEV)[-1].id in resting_on(plan, steps_of(plan, OPERATOR)[0])


def test_whoever_has_nothing_today_needs_no_bridge_to_become_an_admin() -> None:
    plan = planned(
        world([row(role("team/dev"), "x")], principals=[iam(role("team/dev"))]),
        answers(role("team/dev"), username="x", groups=(), policies=(on_cluster(),)),
    )
    assert "create-bridge" not in kinds(plan)
    assert "create-entry" in kinds(plan)
