"""Node roles: their type, who makes the entry, and when a person must decide."""

from dataclasses import replace
from typing import Any

import pytest

from migrator.errors import Failed
from migrator.model.access_entry import AuthenticationMode, EntrySpec
from migrator.model.decision import Decisions
from tests.support.worlds import (
    ACCEPTED,
    NODE_GROUPS,
    NODE_USERNAME,
    SESSION_NODE,
    WINDOWS,
    answers,
    bind,
    entry,
    finding,
    findings,
    group,
    iam,
    kinds,
    node,
    node_row,
    nodegroup,
    only,
    planned,
    profile,
    rbac,
    reference,
    role,
    row,
    user,
    world,
)

NODES = role("nodes")
EC2 = [iam(NODES, "ec2")]
FARGATE = [iam(NODES, "eks-fargate-pods")]
FARGATE_ROW = row(NODES, SESSION_NODE, (*NODE_GROUPS, "system:node-proxier"))
SESSION_ROW = row(NODES, SESSION_NODE, NODE_GROUPS)


def test_node_template_makes_ec2_linux() -> None:
    assert only(planned(world([node_row(NODES)], principals=EC2))).entry == EntrySpec("EC2_LINUX")


def test_trust_policy_alone_never_makes_a_node() -> None:
    snapshot = world([row(NODES, "jenkins", ("builders",))], principals=EC2)
    assert only(planned(snapshot)).entry == EntrySpec("STANDARD", "jenkins", ("builders",))


def test_windows_group_makes_ec2_windows() -> None:
    assert only(planned(world([node_row(NODES, WINDOWS)], principals=EC2))).entry == EntrySpec(
        "EC2_WINDOWS"
    )


def test_live_windows_nodes_make_ec2_windows() -> None:
    snapshot = world([node_row(NODES)], principals=EC2, nodes=(node(NODES, "windows"),))
    assert only(planned(snapshot)).entry == EntrySpec("EC2_WINDOWS")
    # Windows nodes get a group that the row does not give: the plan says so
    assert "windows-group-added" in only(planned(snapshot)).findings


def test_linux_and_windows_nodes_on_one_role_block() -> None:
    snapshot = world(
        [node_row(NODES)], principals=EC2, nodes=(node(NODES, "windows"), node(NODES, "linux"))
    )
    assert only(planned(snapshot)).findings == ("node-os-mixed",)


def test_linux_nodes_under_a_row_for_windows_are_said() -> None:
    """The type is immutable, and what runs contradicts the row that it is taken from."""
    rows = [node_row(NODES, WINDOWS)]
    plan = planned(world(rows, principals=EC2, nodes=(node(NODES, "linux"),)))
    assert only(plan).entry == EntrySpec("EC2_WINDOWS")
    assert "node-os-differs" in only(plan).findings
    windows = planned(world(rows, principals=EC2, nodes=(node(NODES, "windows"),)))
    assert "node-os-differs" not in only(windows).findings


def test_several_node_trusts_block() -> None:
    snapshot = world([node_row(NODES)], principals=[iam(NODES, "ec2", "ssm")])
    assert only(planned(snapshot)).findings == ("node-trust-ambiguous",)


@pytest.mark.parametrize("service", ["ssm", "rolesanywhere"])
def test_hybrid_trust_makes_hybrid_linux(service: str) -> None:
    snapshot = world([SESSION_ROW], principals=[iam(NODES, service)])
    assert only(planned(snapshot)).entry == EntrySpec("HYBRID_LINUX")


def test_session_names_on_a_role_for_instances_block_until_decided() -> None:
    snapshot = world([SESSION_ROW], principals=EC2)
    assert only(planned(snapshot)).findings == ("instance-id-node-names",)
    assert only(planned(snapshot)).proposed == EntrySpec("EC2")
    assert only(planned(snapshot, answers(NODES, type="EC2"))).entry == EntrySpec("EC2")


def test_session_names_with_an_unread_trust_policy_block() -> None:
    snapshot = world([SESSION_ROW], principals=[iam(NODES, trust_read=False)])
    assert only(planned(snapshot)).findings == ("node-type-unknown",)


def test_live_hybrid_nodes_tell_the_type_where_the_trust_was_not_read() -> None:
    snapshot = world(
        [SESSION_ROW],
        principals=[iam(NODES, trust_read=False)],
        nodes=(node(NODES, compute="hybrid"),),
    )
    assert only(planned(snapshot)).entry == EntrySpec("HYBRID_LINUX")


def test_node_name_on_a_role_that_no_node_can_assume_blocks() -> None:
    assert only(planned(world([SESSION_ROW], principals=[iam(NODES)]))).findings == (
        "node-template-refuted",
    )


def test_nodes_under_a_role_whose_trust_refutes_them_block() -> None:
    snapshot = world([node_row(NODES)], principals=[iam(NODES, "lambda")], nodes=(node(NODES),))
    assert only(planned(snapshot)).findings == ("node-template-refuted",)


def test_trust_in_instances_and_a_fargate_profile_on_one_role_block() -> None:
    for rows in ([node_row(NODES)], [SESSION_ROW]):
        snapshot = world(rows, principals=EC2, fargate_profiles=(profile(NODES),))
        assert only(planned(snapshot)).findings == ("node-trust-ambiguous",)


def test_fargate_is_awaited_while_a_profile_uses_the_role() -> None:
    snapshot = world(
        [FARGATE_ROW], principals=FARGATE, fargate_profiles=(profile(NODES),), mode="CONFIG_MAP"
    )
    principal = only(planned(snapshot))
    assert principal.action == "await"
    assert principal.entry == EntrySpec("FARGATE_LINUX")
    assert kinds(planned(snapshot), NODES) == ["await-entry", "prove"]


def test_fargate_entry_that_exists_is_kept() -> None:
    snapshot = world(
        [FARGATE_ROW],
        principals=FARGATE,
        fargate_profiles=(profile(NODES),),
        entries=[entry(NODES, SESSION_NODE, ("system:nodes",), type="FARGATE_LINUX")],
    )
    assert only(planned(snapshot)).action == "keep"


def test_fargate_entry_missing_after_the_switch_blocks() -> None:
    snapshot = world([FARGATE_ROW], principals=FARGATE, fargate_profiles=(profile(NODES),))
    assert only(planned(snapshot)).findings == ("fargate-entry-missing",)


def test_fargate_row_that_no_profile_uses_is_skipped_with_a_warning() -> None:
    principal = only(planned(world([FARGATE_ROW], principals=FARGATE)))
    assert principal.action == "skip"
    assert principal.findings == ("fargate-unused",)


def test_deleted_fargate_profile_does_not_count() -> None:
    snapshot = world(
        [FARGATE_ROW], principals=FARGATE, fargate_profiles=(profile(NODES, "DELETING"),)
    )
    assert only(planned(snapshot)).findings == ("fargate-unused",)


def test_fargate_row_with_unread_profiles_blocks() -> None:
    snapshot = world([FARGATE_ROW], principals=FARGATE, fargate_profiles=None)
    assert only(planned(snapshot)).findings == ("fargate-profiles-unread",)


def test_fargate_row_with_further_bound_groups_blocks() -> None:
    fargate_row = row(NODES, SESSION_NODE, (*NODE_GROUPS, "pods"))
    snapshot = world(
        [fargate_row],
        principals=FARGATE,
        fargate_profiles=(profile(NODES),),
        rbac=rbac(bind(group("pods"))),
        mode="CONFIG_MAP",
    )
    assert only(planned(snapshot)).findings == ("node-row-extra-groups",)


def test_fargate_row_of_an_unread_account_that_no_profile_uses_is_skipped() -> None:
    principal = only(planned(world([FARGATE_ROW], principals=(), accounts_read=())))
    assert (principal.action, principal.findings) == ("skip", ("fargate-unused", "role-unverified"))


def test_self_managed_node_row_may_stay_where_the_migration_ends_at_dual_mode() -> None:
    snapshot = world(
        [node_row(NODES, "readers")], principals=EC2, rbac=rbac(bind(group("readers")))
    )
    assert only(planned(snapshot, target="API_AND_CONFIG_MAP")).action == "skip"
    managed = replace(
        snapshot,
        nodegroups=(nodegroup(NODES),),
        access_entries=None,
        cluster=replace(snapshot.cluster, authentication_mode="CONFIG_MAP"),
    )
    assert only(planned(managed, target="API_AND_CONFIG_MAP")).action == "block"


def test_fargate_is_told_by_node_proxier_where_the_trust_was_not_read() -> None:
    snapshot = world([FARGATE_ROW], principals=[iam(NODES, trust_read=False)])
    assert only(planned(snapshot)).findings == ("fargate-unused",)


def test_managed_node_group_is_awaited_in_config_map_mode() -> None:
    snapshot = world(
        [node_row(NODES)], principals=EC2, nodegroups=(nodegroup(NODES),), mode="CONFIG_MAP"
    )
    principal = only(planned(snapshot))
    assert (principal.action, principal.entry) == ("await", EntrySpec("EC2_LINUX"))
    assert kinds(planned(snapshot)) == ["enable-entries", "await-entry", "prove"]


def test_windows_images_make_a_windows_entry() -> None:
    snapshot = world(
        [node_row(NODES, WINDOWS)],
        principals=EC2,
        nodegroups=(nodegroup(NODES, "WINDOWS_CORE_2022_x86_64"),),
        mode="CONFIG_MAP",
    )
    assert only(planned(snapshot)).entry == EntrySpec("EC2_WINDOWS")


@pytest.mark.parametrize("image", ["AL2023_x86_64_STANDARD", "CUSTOM"])
def test_automatic_entry_of_another_type_than_needed_blocks(image: str) -> None:
    snapshot = world(
        [node_row(NODES, WINDOWS)],
        principals=EC2,
        nodegroups=(nodegroup(NODES, image),),
        mode="CONFIG_MAP",
    )
    assert only(planned(snapshot)).findings == ("automatic-entry-differs",)


def test_managed_node_group_without_an_entry_is_created_after_the_switch() -> None:
    snapshot = world([node_row(NODES)], principals=EC2, nodegroups=(nodegroup(NODES),))
    assert only(planned(snapshot)).action == "create"


def test_managed_node_group_with_the_right_entry_is_kept() -> None:
    snapshot = world(
        [node_row(NODES)],
        principals=EC2,
        nodegroups=(nodegroup(NODES),),
        entries=[entry(NODES, NODE_USERNAME, ("system:nodes",), type="EC2_LINUX")],
    )
    assert only(planned(snapshot)).action == "keep"
    assert only(planned(snapshot)).findings == ()


@pytest.mark.parametrize("wrong", ["STANDARD", "HYBRID_LINUX"])
def test_entry_of_the_wrong_type_blocks(wrong: str) -> None:
    snapshot = world(
        [node_row(NODES)],
        principals=EC2,
        nodegroups=(nodegroup(NODES),),
        entries=[entry(NODES, type=wrong)],
    )
    assert only(planned(snapshot)).findings == ("entry-wrong-type",)


def test_windows_nodes_on_a_linux_entry_are_of_the_wrong_type() -> None:
    snapshot = world(
        nodes=(node(NODES, "windows"),), principals=EC2, entries=[entry(NODES, type="EC2_LINUX")]
    )
    assert only(planned(snapshot)).findings == ("entry-wrong-type",)


@pytest.mark.parametrize(
    ("compute", "kind"), [("hybrid", "HYBRID_LINUX"), ("fargate", "FARGATE_LINUX"), ("auto", "EC2")]
)
def test_live_nodes_say_which_entry_is_right(compute: str, kind: str) -> None:
    snapshot = world(
        nodes=(node(NODES, compute=compute),), principals=EC2, entries=[entry(NODES, type=kind)]
    )
    assert only(planned(snapshot)).action == "keep"


@pytest.mark.parametrize("status", ["DELETING", "CREATE_FAILED", "DELETE_FAILED"])
def test_node_group_being_deleted_or_failed_is_as_if_not_managed(status: str) -> None:
    snapshot = world(
        [node_row(NODES)],
        principals=EC2,
        nodegroups=(nodegroup(NODES, status=status),),
        mode="CONFIG_MAP",
    )
    assert only(planned(snapshot)).action == "create"


def test_unread_node_groups_are_as_if_not_managed_and_said_so() -> None:
    snapshot = world(
        [node_row(NODES)],
        principals=EC2,
        nodegroups=None,
        unknown=("nodegroups",),
        mode="CONFIG_MAP",
    )
    plan = planned(snapshot)
    assert only(plan).action == "create"
    assert "nodegroups" in finding(plan, "input-unknown").message


@pytest.mark.parametrize(
    "uses",
    [
        {"nodegroups": (nodegroup(NODES),)},
        {"fargate_profiles": (profile(NODES),)},
        {"nodes": (node(NODES),)},
    ],
)
@pytest.mark.parametrize("mode", ["CONFIG_MAP", "API_AND_CONFIG_MAP"])
def test_role_of_nodes_whose_row_is_no_node_row_blocks(
    uses: dict[str, Any], mode: AuthenticationMode
) -> None:
    snapshot = world([row(NODES, "admin", ("system:masters",))], principals=EC2, mode=mode, **uses)
    assert only(planned(snapshot)).findings == ("node-role-without-node-row",)


@pytest.mark.parametrize("mode", ["CONFIG_MAP", "API_AND_CONFIG_MAP"])
def test_role_of_nodes_without_any_row_blocks(mode: AuthenticationMode) -> None:
    snapshot = world(principals=EC2, nodegroups=(nodegroup(NODES),), mode=mode)
    assert only(planned(snapshot)).findings == ("node-role-without-node-row",)


def test_role_of_nodes_without_an_entry_in_api_mode_is_only_reported() -> None:
    plan = planned(world(principals=EC2, nodegroups=(nodegroup(NODES),), mode="API"))
    assert only(plan).action == "skip"
    assert not plan.blocked


@pytest.mark.parametrize("groups", [("system:masters",), (*NODE_GROUPS, "system:masters")])
def test_node_name_with_masters_blocks(groups: tuple[str, ...]) -> None:
    snapshot = world([row(NODES, NODE_USERNAME, groups)], principals=EC2)
    assert only(planned(snapshot)).findings == ("node-row-with-masters",)


def test_node_row_without_the_nodes_group_blocks() -> None:
    snapshot = world([row(NODES, NODE_USERNAME, "system:nodes")], principals=EC2)
    assert "node-row-without-nodes-group" in only(planned(snapshot)).findings


@pytest.mark.parametrize(
    "name", ["system:node:x-{{EC2PrivateDNSName}}", "system:node:{{SessionName}}.local"]
)
def test_node_name_that_no_node_entry_gives_blocks(name: str) -> None:
    snapshot = world([row(NODES, name, NODE_GROUPS)], principals=EC2)
    assert only(planned(snapshot)).findings == ("node-name-differs",)


def test_node_row_with_further_bound_groups_blocks_and_shows_what_would_be_lost() -> None:
    snapshot = world(
        [node_row(NODES, "readers")], principals=EC2, rbac=rbac(bind(group("readers")))
    )
    principal = only(planned(snapshot))
    assert principal.findings == ("node-row-extra-groups",)
    assert principal.proposed == EntrySpec("EC2_LINUX")
    assert any("pods" in block.resources for block in principal.access.lost)


def test_loss_of_a_node_rows_further_groups_can_be_accepted() -> None:
    snapshot = world(
        [node_row(NODES, "readers")], principals=EC2, rbac=rbac(bind(group("readers")))
    )
    principal = only(planned(snapshot, Decisions(accept_loss={NODES: ACCEPTED})))
    assert (principal.action, principal.entry) == ("create", EntrySpec("EC2_LINUX"))
    assert "loss-accepted" in principal.findings


def test_accepted_loss_of_a_managed_role_is_awaited() -> None:
    snapshot = world(
        [node_row(NODES, "readers")],
        principals=EC2,
        rbac=rbac(bind(group("readers"))),
        nodegroups=(nodegroup(NODES),),
        mode="CONFIG_MAP",
    )
    assert only(planned(snapshot, Decisions(accept_loss={NODES: ACCEPTED}))).action == "await"


def test_node_row_with_a_group_that_only_an_admission_rule_names_blocks() -> None:
    snapshot = world(
        [node_row(NODES, "exempt")],
        principals=EC2,
        group_references=(reference("exempt", "ClusterPolicy"),),
    )
    assert only(planned(snapshot)).findings == ("node-row-extra-groups",)


def test_node_row_with_further_groups_and_unread_rbac_blocks() -> None:
    snapshot = world([node_row(NODES, "readers")], principals=EC2, rbac=None)
    assert only(planned(snapshot)).findings == ("node-row-extra-groups",)


def test_unbound_further_groups_and_bootstrappers_are_dropped_with_a_note() -> None:
    snapshot = world([node_row(NODES, "unbound", "system:node-proxier", "")], principals=EC2)
    plan = planned(snapshot)
    assert only(plan).action == "create"
    message = finding(plan, "node-groups-dropped").message
    assert all(
        name in message for name in ("unbound", "system:node-proxier", "system:bootstrappers")
    )


def test_node_row_with_nothing_to_drop_has_no_note() -> None:
    snapshot = world([row(NODES, NODE_USERNAME, ("system:nodes",))], principals=EC2)
    assert only(planned(snapshot)).findings == ()


def test_node_types_are_refused_for_people_and_foreign_roles() -> None:
    with pytest.raises(Failed):
        planned(world(users=[row(user("ana"))]), answers(user("ana"), type="EC2_LINUX"))


def test_node_type_is_refused_where_nothing_says_that_nodes_run() -> None:
    with pytest.raises(Failed):
        planned(world([row(NODES, "dev")]), answers(NODES, type="EC2_LINUX"))


def test_pass_role_is_asked_for_instance_types() -> None:
    assert (
        NODES
        in finding(planned(world([node_row(NODES)], principals=EC2)), "pass-role-needed").message
    )
    hybrid = planned(world([SESSION_ROW], principals=[iam(NODES, "ssm")]))
    assert findings(hybrid, "pass-role-needed") == ()


def test_node_role_known_from_its_node_group_needs_no_iam() -> None:
    full = role("eks/nodes")
    snapshot = world(
        [node_row(NODES)], principals=(), accounts_read=(), nodegroups=(nodegroup(full),)
    )
    assert only(planned(snapshot)).principal_arn == full
    assert only(planned(snapshot)).action == "create"


def test_unread_node_role_blocks_with_its_best_answer() -> None:
    principal = only(planned(world([node_row(NODES)], principals=(), accounts_read=())))
    assert principal.action == "block"
    assert principal.proposed == EntrySpec("EC2_LINUX")


def test_nobody_can_accept_an_automatic_entry_of_another_type_than_the_nodes_need() -> None:
    """An accepted loss answers for groups; the entry that EKS makes at the one-way switch is
    another matter.
    """
    snapshot = world(
        [node_row(NODES, WINDOWS, "extra")],
        nodegroups=(nodegroup(NODES, "CUSTOM"),),
        rbac=rbac(bind(group("extra"))),
        mode="CONFIG_MAP",
    )
    principal = only(planned(snapshot, Decisions(accept_loss={NODES: ACCEPTED})))
    assert (principal.action, principal.findings) == ("block", ("automatic-entry-differs",))


def test_nobody_can_accept_making_a_fargate_entry_themselves() -> None:
    snapshot = world(
        [row(NODES, SESSION_NODE, (*NODE_GROUPS, "extra"))],
        principals=FARGATE,
        fargate_profiles=(profile(NODES),),
        rbac=rbac(bind(group("extra"))),
    )
    principal = only(planned(snapshot, Decisions(accept_loss={NODES: ACCEPTED})))
    assert (principal.action, principal.findings) == ("block", ("fargate-entry-missing",))


def test_nodes_without_an_entry_in_api_mode_are_warned_of_whatever_the_row_says() -> None:
    for rows in ([], [node_row(NODES)]):
        plan = planned(world(rows, principals=EC2, nodes=(node(NODES),), mode="API"))
        assert only(plan).action == "skip"
        assert finding(plan, "node-role-without-node-row").severity == "warn"


def test_fargate_role_keeps_the_group_that_its_entry_has_and_is_told_of_the_others_alone() -> None:
    """`system:node-proxier` is of Fargate's own entry: it is not dropped, whatever a binding gives
    it.
    """
    bound = rbac(
        bind(group("system:node-proxier"), name="a"), bind(group("system:bootstrappers"), name="b")
    )
    snapshot = world(
        [FARGATE_ROW],
        principals=FARGATE,
        fargate_profiles=(profile(NODES),),
        rbac=bound,
        mode="CONFIG_MAP",
    )
    plan = planned(snapshot)
    assert only(plan).action == "await"
    told = finding(plan, "node-groups-dropped").message
    assert "system:bootstrappers" in told
    assert "system:node-proxier" not in told
    assert only(plan).access.gained == ()


def test_fargate_role_whose_row_lacks_the_group_of_its_entry_is_told_of_what_it_gains() -> None:
    bound = rbac(bind(group("system:node-proxier"), name="a"))
    snapshot = world(
        [SESSION_ROW],
        principals=FARGATE,
        fargate_profiles=(profile(NODES),),
        rbac=bound,
        mode="CONFIG_MAP",
    )
    principal = only(planned(snapshot))
    assert (principal.action, "fargate-group-added" in principal.findings) == ("await", True)
    assert principal.access.gained


@pytest.mark.parametrize(
    ("used", "code"),
    [
        ({"fargate_profiles": (profile(NODES),)}, "fargate-entry-missing"),
        ({"nodes": (node(NODES, compute="fargate"),)}, "fargate-unused"),
        ({}, "node-type-unknown"),
    ],
)
def test_role_whose_trust_policy_was_not_read_is_known_by_the_pods_under_it(
    used: dict[str, Any], code: str
) -> None:
    unread = [iam(NODES, trust_read=False)]
    assert only(planned(world([SESSION_ROW], principals=unread, **used))).findings == (code,)


def test_group_that_an_answer_drops_is_named_where_references_were_not_read() -> None:
    """What names a group outside RBAC is not known: the answer does not hide that."""
    snapshot = replace(world([node_row(NODES, "own")]), group_references=None)
    plan = planned(snapshot, answers(NODES, type="EC2_LINUX"))
    assert finding(plan, "answer-drops-name").severity == "warn"
    assert "`own`, and it was not read" in finding(plan, "answer-drops-name").message
