"""What other ways of migrating get wrong, one named case each, and what happens here instead.

The cases are behaviours of `eksctl utils migrate-to-access-entry` as its source shows them.
"""

import pytest

from migrator.decide.planning.make_plan import make_plan
from migrator.decide.planning.proof.simulate import simulate
from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Decisions
from tests.support.worlds import (
    ACCOUNT,
    ADMIN_POLICY,
    NODE_GROUPS,
    NODE_USERNAME,
    NOW,
    OTHER,
    SESSION_NODE,
    WINDOWS,
    answers,
    entry,
    finding,
    iam,
    kinds,
    node_row,
    one,
    only,
    planned,
    profile,
    role,
    row,
    user,
    world,
)

MASTERS = ("system:masters",)


def test_e1_role_of_another_account_is_not_replaced_by_a_local_namesake() -> None:
    """Looked up by its last path segment in the caller's account, the wrong principal becomes an
    admin.
    """
    plan = planned(
        world([row(role("Admin", OTHER), "admin", MASTERS)], principals=[iam(role("Admin"))])
    )
    assert [p.principal_arn for p in plan.principals] == [role("Admin", OTHER)]
    assert only(plan).action == "block"
    assert all(step.principal_arn != role("Admin") for step in plan.steps)


def test_e2_role_of_an_unread_account_blocks_alone_and_the_others_go_on() -> None:
    """One foreign role without a local namesake aborts the whole run."""
    plan = planned(world([row(role("Partner", OTHER), "p"), row(role("dev"), "d")]))
    assert one(plan, role("Partner", OTHER)).action == "block"
    assert one(plan, role("dev")).action == "create"


def test_e3_deleted_principal_is_skipped_and_the_others_go_on() -> None:
    """One deleted role or user aborts the whole run."""
    plan = planned(
        world([row(role("gone"), "g"), row(role("dev"), "d")], principals=[iam(role("dev"))])
    )
    assert one(plan, role("gone")).action == "skip"
    assert one(plan, role("dev")).action == "create"
    assert not plan.blocked


def test_e4_last_duplicate_wins_as_in_the_live_cluster() -> None:
    """The first duplicate is taken: an escalation here, because the live mapping is the last
    one.
    """
    plan = planned(world([row(role("dev"), "x", MASTERS), row(role("dev"), "x", ("devs",))]))
    assert only(plan).entry == EntrySpec("STANDARD", "x", ("devs",))


def test_e5_role_path_in_the_config_map_stays_dead() -> None:
    """A row that never matched is looked up by name and becomes an admin."""
    plan = planned(
        world([row(role("team/boss"), "x", MASTERS)], principals=[iam(role("team/boss"))])
    )
    assert (only(plan).action, only(plan).entry) == ("skip", None)
    assert kinds(plan) == []


def test_e6_other_groups_stay_beside_masters() -> None:
    """Masters becomes a policy and the row's other groups are dropped."""
    entry_made = only(planned(world([row(role("ops"), "x", ("devops", *MASTERS))]))).entry
    assert entry_made is not None
    assert entry_made.kubernetes_groups == ("devops",)
    assert [policy.policy_arn for policy in entry_made.access_policies] == [ADMIN_POLICY]


@pytest.mark.parametrize(
    ("username", "groups", "code"),
    [
        ("system:admin", (), "username-reserved"),
        ("{{SessionName}}", (), "username-default"),
        ("x{{SessionNameRaw}}", (), "username-default"),
        ("x", ("team:{{SessionName}}",), "group-template"),
    ],
)
def test_e7_names_that_eks_refuses_are_decided_before_anything_is_changed(
    username: str, groups: tuple[str, ...], code: str
) -> None:
    """Reserved and templated names are passed on, and refused after the mode step, which cannot be
    taken back.
    """
    plan = planned(world([row(role("dev"), username, groups)], mode="CONFIG_MAP"))
    assert code in only(plan).findings
    made = only(plan).entry
    assert made is None or made.username is None


def test_e8_existing_entry_is_compared_with_the_row() -> None:
    """An existing entry is skipped by its ARN, whatever it holds."""
    plan = planned(
        world([row(role("dev"), "x", MASTERS)], entries=[entry(role("dev"), "x", ("viewers",))])
    )
    assert "masters" in finding(plan, "row-shadowed-by-entry").message
    assert "viewers" in finding(plan, "row-shadowed-by-entry").message


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_e9_policies_are_of_the_clusters_partition(partition: str) -> None:
    """The policy's ARN always says `arn:aws:`."""
    arn = role("ops", partition=partition)
    made = only(
        planned(world([row(arn, "x", MASTERS)], partition=partition, principals=[iam(arn)]))
    ).entry
    assert made is not None
    assert made.access_policies[0].policy_arn.startswith(f"arn:{partition}:eks::aws:")


@pytest.mark.parametrize(
    "text",
    [
        "- sso: {permissionSetName: Admin, accountID: '111122223333'}\n  username: x\n",
        "- rolearn: ''\n",
    ],
)
def test_e10_row_without_an_arn_is_a_finding_and_no_crash(text: str) -> None:
    """An empty ARN ends the run with a stack trace."""
    plan = planned(world(data={"mapRoles": text}))
    assert [f.source for f in plan.findings if f.source] == ["mapRoles[0]"]


def test_e11_fargate_does_not_keep_a_cluster_from_api_mode() -> None:
    """A Fargate row is skipped, and the cluster silently stays in dual mode."""
    pods = role("pods")
    snapshot = world(
        [row(pods, SESSION_NODE, (*NODE_GROUPS, "system:node-proxier"))],
        principals=[iam(pods, "eks-fargate-pods")],
        fargate_profiles=(profile(pods),),
        mode="CONFIG_MAP",
    )
    plan = planned(snapshot)
    assert (only(plan).action, plan.blocked) == ("await", False)
    later = make_plan(simulate(snapshot, plan.steps), Decisions(), now=NOW)
    assert (only(later).action, later.steps) == ("keep", ())


@pytest.mark.parametrize(
    ("username", "groups", "services", "kind"),
    [
        (NODE_USERNAME, NODE_GROUPS, ("ec2",), "EC2_LINUX"),
        (NODE_USERNAME, (*NODE_GROUPS, WINDOWS), ("ec2",), "EC2_WINDOWS"),
        (SESSION_NODE, NODE_GROUPS, ("ssm",), "HYBRID_LINUX"),
        (SESSION_NODE, NODE_GROUPS, ("ec2",), "EC2"),
        ("system:node:{{SessionNameRaw}}", NODE_GROUPS, ("rolesanywhere",), "HYBRID_LINUX"),
    ],
)
def test_e23_every_kind_of_node_is_told_apart(
    username: str, groups: tuple[str, ...], services: tuple[str, ...], kind: str
) -> None:
    """Nodes are known by one exact username, and only one type of entry is ever made."""
    nodes = role("nodes")
    snapshot = world([row(nodes, username, groups)], principals=[iam(nodes, *services)])
    decisions = answers(nodes, type="EC2") if kind == "EC2" else None
    assert only(planned(snapshot, decisions)).entry == EntrySpec(kind)  # type: ignore[arg-type]


def test_e23_type_for_nodes_never_lands_on_a_user() -> None:
    plan = planned(world(users=[row(user("ana"), NODE_USERNAME, NODE_GROUPS)], nodegroups=()))
    assert only(plan).action == "skip"
    assert ACCOUNT in only(plan).principal_arn


def test_e23_managed_nodes_are_told_by_their_row_and_not_only_by_eks() -> None:
    assert only(planned(world([node_row(role("nodes"))], nodegroups=None))).entry == EntrySpec(
        "EC2_LINUX"
    )
