"""Rules that meet: what each of them says holds, whatever else is true of the same principal."""

from typing import Any

import pytest

from migrator.errors import Failed
from migrator.model.decision import Decisions
from migrator.model.snapshot import Node
from tests.support.worlds import (
    NODE_USERNAME,
    OTHER,
    SESSION_NODE,
    answers,
    bind,
    finding,
    findings,
    group,
    iam,
    login,
    node,
    node_row,
    nodegroup,
    on_cluster,
    one,
    only,
    planned,
    profile,
    rbac,
    role,
    row,
    usage,
    user,
    world,
)

DEV, NODES = role("dev"), role("nodes")


def test_shadowed_and_stripped_rows_are_findings_of_their_principal_by_its_full_arn() -> None:
    full = role("teams/dev")
    rows = [row(DEV, "a", ("one",)), row(DEV, "b", "system:masters")]
    plan = planned(world(rows, principals=[iam(full)]))
    assert {"row-shadowed", "row-stripped"} <= set(one(plan, full).findings)
    assert finding(plan, "row-shadowed").principal_arn == full
    assert finding(plan, "row-stripped").principal_arn == full
    assert (finding(plan, "row-shadowed").source, finding(plan, "row-stripped").source) == (
        "mapRoles[0]",
        "mapRoles[1]",
    )


def test_in_api_mode_no_row_is_said_to_win_or_to_be_read() -> None:
    plan = planned(world([row(DEV, "a"), row(DEV, "b", "system:masters")], mode="API"))
    assert only(plan).findings == ("row-inert",)
    assert findings(plan, "row-shadowed") + findings(plan, "row-stripped") == ()


def test_lost_section_cannot_be_waived_while_the_role_of_a_live_node_is_not_known() -> None:
    accepted = Decisions(accept_lost_sections=("mapRoles",))
    lost = {"mapRoles": "- rolearn: x\n\tusername: y\n"}
    hybrid = Node("n", {"eks.amazonaws.com/compute-type": "hybrid"}, "eks-hybrid:///eu-west-1/prod/mi-0")
    fargate = Node("f", {"eks.amazonaws.com/compute-type": "fargate"}, "aws:///eu-west-1a/0/fargate-ip")
    plan = planned(world(data=lost, nodes=(hybrid,)), accepted)
    assert "nodes.roleArn" in finding(plan, "lost-section-nodes-unknown").message
    assert not planned(world(data=lost, nodes=(fargate,)), accepted).blocked  # its role is in a profile, if anywhere


@pytest.mark.parametrize(("username", "trust"), [(NODE_USERNAME, "ec2"), (SESSION_NODE, "ssm")])
def test_template_in_a_group_of_a_node_row_blocks_like_everywhere(username: str, trust: str) -> None:
    rows = [node_row(NODES, "{{SessionName}}", username=username)]
    plan = planned(world(rows, principals=[iam(NODES, trust)], rbac=rbac(bind(group("alice")))))
    assert (only(plan).action, only(plan).findings) == ("block", ("group-template",))


def test_foreign_node_row_with_masters_can_only_be_skipped() -> None:
    foreign = role("nodes", OTHER)
    snapshot = world([node_row(foreign, "system:masters")], principals=[])
    assert only(planned(snapshot)).findings == ("foreign-node-row",)
    with pytest.raises(Failed, match="does not fit"):
        planned(snapshot, answers(foreign, username="x", groups=(), policies=(on_cluster(),)))


@pytest.mark.parametrize("username", ["system:node:ip-10-0-0-1", "system:node:{{sessionname}}"])
def test_name_of_one_node_with_masters_blocks_although_it_logged_in(username: str) -> None:
    plan = planned(world([row(DEV, username, ("system:masters",))], usage=usage(login(DEV, username))))
    assert (only(plan).action, only(plan).findings) == ("block", ("node-row-with-masters",))


@pytest.mark.parametrize("arn", [DEV, user("pi")])
def test_name_of_one_node_with_the_nodes_group_blocks_although_it_logged_in(arn: str) -> None:
    """The node authorizer knows this pair, which nothing in RBAC names."""
    rows = [row(arn, "system:node:pi", ("system:nodes",))]
    plan = planned(world(rows, principals=[iam(arn)], usage=usage(login(arn, "system:node:pi"))))
    assert (only(plan).action, only(plan).findings) == ("block", ("node-name-differs",))


@pytest.mark.parametrize(
    ("trust", "changes"),
    [
        ("eks-fargate-pods", {"nodegroups": (nodegroup(NODES),), "fargate_profiles": (profile(NODES),)}),
        ("eks-fargate-pods", {"nodes": (node(NODES),), "fargate_profiles": (profile(NODES),)}),
        ("ssm", {"nodegroups": (nodegroup(NODES),)}),
        ("ssm", {"nodes": (node(NODES),)}),
        ("ssm", {"nodes": (node(NODES, compute="fargate"),)}),
        ("ssm", {"fargate_profiles": (profile(NODES),)}),
        ("ec2", {"fargate_profiles": (profile(NODES),)}),
    ],
)
def test_two_kinds_of_nodes_under_one_role_block_whatever_its_trust_policy(trust: str, changes: dict[str, Any]) -> None:
    rows = [node_row(NODES, "system:node-proxier", username=SESSION_NODE)]
    plan = planned(world(rows, principals=[iam(NODES, trust)], mode="CONFIG_MAP", **changes))
    assert (only(plan).action, only(plan).findings) == ("block", ("node-trust-ambiguous",))


def test_role_that_is_absent_although_nodes_run_under_it_blocks() -> None:
    plan = planned(world([node_row(NODES)], principals=[], nodes=(node(NODES),)))
    assert (only(plan).action, only(plan).findings) == ("block", ("absent-but-logged-in",))
