"""Rules that meet: what each of them says holds, whatever else is true of the same principal."""

from typing import Any

import pytest

from migrator.decide.planning.entries.entry_identity import entry_digest
from migrator.decide.steps.entry_states import ENTRY_TAG, PLAN_TAG
from migrator.errors import Failed
from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Decisions, GroupAnswer
from migrator.model.rbac import PolicyRule, Role
from migrator.model.snapshot import Creator, Node
from tests.support.worlds import (
    ACCEPTED,
    ACCOUNT,
    LONG_AGO,
    NODE_USERNAME,
    OTHER,
    SESSION_NODE,
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
    named,
    node,
    node_row,
    nodegroup,
    on_cluster,
    one,
    only,
    planned,
    profile,
    rbac,
    reference,
    role,
    row,
    usage,
    user,
    world,
)

OLD = LONG_AGO.replace(year=2020)
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
    hybrid = Node(
        "n", {"eks.amazonaws.com/compute-type": "hybrid"}, "eks-hybrid:///eu-west-1/prod/mi-0"
    )
    fargate = Node(
        "f", {"eks.amazonaws.com/compute-type": "fargate"}, "aws:///eu-west-1a/0/fargate-ip"
    )
    plan = planned(world(data=lost, nodes=(hybrid,)), accepted)
    assert "nodes.roleArn" in finding(plan, "lost-section-nodes-unknown").message
    assert not planned(
        world(data=lost, nodes=(fargate,)), accepted
    ).blocked  # its role is in a profile, if anywhere


@pytest.mark.parametrize(("username", "trust"), [(NODE_USERNAME, "ec2"), (SESSION_NODE, "ssm")])
def test_template_in_a_group_of_a_node_row_blocks_like_everywhere(
    username: str, trust: str
) -> None:
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
    plan = planned(
        world([row(DEV, username, ("system:masters",))], usage=usage(login(DEV, username)))
    )
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
        (
            "eks-fargate-pods",
            {"nodegroups": (nodegroup(NODES),), "fargate_profiles": (profile(NODES),)},
        ),
        ("eks-fargate-pods", {"nodes": (node(NODES),), "fargate_profiles": (profile(NODES),)}),
        ("ssm", {"nodegroups": (nodegroup(NODES),)}),
        ("ssm", {"nodes": (node(NODES),)}),
        ("ssm", {"nodes": (node(NODES, compute="fargate"),)}),
        ("ssm", {"fargate_profiles": (profile(NODES),)}),
        ("ec2", {"fargate_profiles": (profile(NODES),)}),
    ],
)
def test_two_kinds_of_nodes_under_one_role_block_whatever_its_trust_policy(
    trust: str, changes: dict[str, Any]
) -> None:
    rows = [node_row(NODES, "system:node-proxier", username=SESSION_NODE)]
    plan = planned(world(rows, principals=[iam(NODES, trust)], mode="CONFIG_MAP", **changes))
    assert (only(plan).action, only(plan).findings) == ("block", ("node-trust-ambiguous",))


def test_role_that_is_absent_although_nodes_run_under_it_blocks() -> None:
    plan = planned(world([node_row(NODES)], principals=[], nodes=(node(NODES),)))
    assert (only(plan).action, only(plan).findings) == ("block", ("absent-but-logged-in",))


def test_accepted_loss_over_a_dead_entry_makes_it_again() -> None:
    """Creating beside the dead entry would be refused by EKS, with 409."""
    dead = entry(NODES, "", type="EC2_LINUX", created_at=OLD)
    snapshot = world([node_row(NODES, "devs")], entries=[dead], rbac=rbac(bind(group("devs"))))
    plan = planned(snapshot, Decisions(accept_loss={NODES: ACCEPTED}))
    assert (only(plan).action, kinds(plan)) == (
        "recreate",
        ["delete-entry", "create-entry", "prove"],
    )
    assert "entry-dead" in only(plan).findings


def test_dead_entry_of_a_dropped_account_is_not_said_to_be_made_again() -> None:
    """The principal logs in through mapAccounts: there is no row, and the plan is blocked."""
    ana = user("ana")
    snapshot = world(
        accounts=[ACCOUNT],
        principals=[iam(ana)],
        entries=[entry(ana, created_at=OLD)],
        rbac=rbac(bind(named(ana))),
    )
    plan = planned(snapshot, Decisions(accounts={ACCOUNT: "it was closed"}))
    dead = finding(plan, "entry-dead")
    assert (one(plan, ana).action, one(plan, ana).entry) == ("block", None)
    assert "the row" not in f"{dead.message} {dead.remedy}"
    assert "leaves it where the plan makes none" in dead.remedy


def test_row_that_stays_in_config_map_stays_beside_a_dead_entry_too() -> None:
    dead = entry(DEV, created_at=OLD)
    snapshot = world(
        [row(DEV, "x", ("{{SessionName}}",))], entries=[dead], rbac=rbac(bind(group("alice")))
    )
    plan = planned(snapshot, target="API_AND_CONFIG_MAP")
    assert only(plan).action == "skip"
    assert {"stays-in-config-map", "orphan-dead-entry"} <= set(only(plan).findings)
    assert only(plan).access.lost == ()


@pytest.mark.parametrize("found", ["EC2_LINUX", "STANDARD"])
def test_answer_cannot_change_the_type_of_an_entry(found: str) -> None:
    snapshot = world(
        [node_row(NODES)], entries=[entry(NODES, "", type=found)], nodes=(node(NODES, "windows"),)
    )
    assert only(planned(snapshot)).findings == ("entry-wrong-type",)
    with pytest.raises(Failed) as error:
        planned(snapshot, answers(NODES, type="EC2_WINDOWS"))
    assert "type of an entry cannot be changed" in error.value.why


def test_entry_that_is_what_was_answered_is_kept_although_its_tag_says_otherwise() -> None:
    """A difference that a person accepted is planned once, not for ever."""
    made_as = EntrySpec("STANDARD", "x", ("g", "h"))
    tags = {PLAN_TAG: "sha256:1", ENTRY_TAG: entry_digest(DEV, made_as)}
    snapshot = world([row(DEV, "x", ("g", "h"))], entries=[entry(DEV, "x", ("g",), tags=tags)])
    plan = planned(snapshot, answers(DEV, groups=("g",)))
    assert (only(plan).action, plan.steps) == ("keep", ())
    assert "entry-half-made" not in only(plan).findings


def test_half_made_entry_whose_row_is_undecided_says_what_is_to_decide() -> None:
    left = entry(DEV, "x", ("migrator-probe:0123456789abcdef",), tags={PLAN_TAG: "sha256:1"})
    snapshot = world(
        [row(DEV, "x", ("eks:devs",))], entries=[left], rbac=rbac(bind(group("eks:devs")))
    )
    assert only(planned(snapshot)).findings == ("reserved-group-bound", "entry-half-made")
    renamed = planned(snapshot, group_answers(eks__devs="devs"))
    assert only(renamed).action == "update"
    assert only(renamed).entry == EntrySpec("STANDARD", "x", ("devs",))


def test_entry_that_may_be_dead_needs_a_proof_that_is_tied_to_it_even_if_nobody_logged_in() -> None:
    snapshot = world(
        [row(DEV, "x", ("g",))],
        principals=[iam(DEV, created=None)],
        entries=[entry(DEV, "x", ("g",))],
        usage=usage(),
    )
    assert only(planned(snapshot)).required_proof == "observed"
    assert (
        only(planned(snapshot, Decisions(proof_policy={"role": "simulated"}))).required_proof
        == "observed"
    )


def test_entry_that_eks_owns_shadows_a_row_and_says_so() -> None:
    plan = planned(
        world(
            [row(DEV, "x", ("g",))],
            entries=[entry(DEV, "controller")],
            capabilities=({"roleArn": DEV},),
        )
    )
    assert (only(plan).action, only(plan).findings) == ("keep", ("row-shadowed-by-entry",))


def test_bridge_name_in_an_entry_that_is_not_ours_blocks() -> None:
    snapshot = world(
        [row(DEV, "x")], entries=[entry(DEV, "x", ("migrator-bridge:0123456789abcdef",))]
    )
    assert finding(planned(snapshot), "bridge-name-used").principal_arn == DEV


AT_RANDOM = world(
    users=[row(user("ana"), "ana", ("system:masters",)), row(user("ANA"), "ana", ("readers",))],
    principals=[iam(user("ana"))],
    rbac=rbac(bind(group("readers"))),
)


def test_answer_for_two_spellings_loses_what_either_gives_and_gains_what_neither_gives() -> None:
    less = answers(user("ana"), username="ana", groups=("readers",), policies=())
    assert "loss-not-accepted" in only(planned(AT_RANDOM, less)).findings
    more = answers(user("ana"), username="ana", groups=("readers",), policies=(on_cluster(),))
    assert only(planned(AT_RANDOM, more)).action == "create"


def test_references_to_the_hidden_creators_name_are_listed_although_nobody_knows_the_creator() -> (
    None
):
    snapshot = world(
        [row(DEV, "x")], mode="CONFIG_MAP", group_references=(reference("kubernetes-admin"),)
    )
    assert "FlowSchema" in finding(planned(snapshot), "creator-name-referenced").message


def test_root_user_that_created_the_cluster_is_never_absent() -> None:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    plan = planned(world(mode="CONFIG_MAP", creator=Creator(root, "CloudTrail")))
    assert (only(plan).principal_arn, only(plan).action) == (root, "await")


@pytest.mark.parametrize("account", [ACCOUNT, OTHER])
def test_creator_known_by_a_session_of_an_unread_role_is_not_awaited_under_a_guessed_arn(
    account: str,
) -> None:
    session = f"arn:aws:sts::{account}:assumed-role/ops/me"
    nothing_read: dict[str, Any] = {"mode": "CONFIG_MAP", "principals": [], "accounts_read": ()}
    plan = planned(world(creator=Creator(session, "CloudTrail"), **nothing_read))
    assert (plan.principals, kinds(plan)) == ((), ["enable-entries"])
    assert session in finding(plan, "creator-unknown").message
    with_row = planned(
        world([row(role("ops", account))], creator=Creator(session, "CloudTrail"), **nothing_read)
    )
    assert only(with_row).action == "block"


def test_creator_known_by_the_full_arn_of_its_role_is_awaited_under_it() -> None:
    full = role("teams/ops", OTHER)
    rows = [row(role("ops", OTHER), "x", ("system:masters",))]
    plan = planned(world(rows, mode="CONFIG_MAP", creator=Creator(full, "CloudTrail")))
    assert (only(plan).principal_arn, only(plan).action, only(plan).sources) == (
        full,
        "await",
        ("mapRoles[0]",),
    )


def test_acceptance_of_the_creators_gap_is_named() -> None:
    rows = [row(DEV, "x", ("system:masters", "devs"))]
    snapshot = world(
        rows, mode="CONFIG_MAP", creator=Creator(DEV, "x"), rbac=rbac(bind(group("devs")))
    )
    assert "creator-row-differs" in only(planned(snapshot)).findings
    plan = planned(snapshot, Decisions(accept_loss={DEV: ACCEPTED}))
    assert only(plan).action == "await"
    assert "Ana" in finding(plan, "loss-accepted").message


def test_creators_row_blocks_while_it_is_not_read_what_names_its_groups() -> None:
    rows = [row(DEV, "x", ("system:masters", "devs"))]
    plan = planned(world(rows, mode="CONFIG_MAP", creator=Creator(DEV, "x"), group_references=None))
    assert "creator-row-differs" in only(plan).findings


def test_blocked_row_of_the_creator_can_be_answered() -> None:
    rows = [row(DEV, "x", ("system:masters", "{{SessionName}}", "devs"))]
    snapshot = world(rows, mode="CONFIG_MAP", creator=Creator(DEV, "x"))
    plan = planned(snapshot, answers(DEV, username="x", groups=("devs",)))
    assert only(plan).action == "await"
    assert only(plan).entry == EntrySpec("STANDARD", None, (), (on_cluster(),))
    assert kinds(plan, DEV) == ["await-entry", "update-entry", "prove", "update-entry", "prove"]


def test_answer_cannot_name_another_type_than_the_one_that_eks_makes() -> None:
    group_of_linux = nodegroup(NODES, "CUSTOM")
    snapshot = world(
        [node_row(NODES)],
        mode="CONFIG_MAP",
        nodegroups=(group_of_linux,),
        nodes=(node(NODES, "windows"),),
    )
    assert "automatic-entry-differs" in only(planned(snapshot)).findings
    with pytest.raises(Failed) as error:
        planned(snapshot, answers(NODES, type="EC2_WINDOWS"))
    assert "of type EC2_LINUX" in error.value.why


def test_absent_principal_of_an_expanded_account_has_no_identity_today() -> None:
    plan = planned(
        world(accounts=[ACCOUNT], principals=[]), Decisions(expand_accounts={ACCOUNT: (DEV,)})
    )
    assert (only(plan).action, only(plan).before.via) == ("skip", "none")


def test_admin_by_a_group_that_cannot_be_carried_crosses_by_a_bridge_too() -> None:
    snapshot = world(
        [row(DEV, "x", ("eks:admins",))],
        rbac=rbac(bind(group("eks:admins"), role_name="cluster-admin")),
    )
    plan = planned(snapshot, answers(DEV, username="x", groups=(), policies=(on_cluster(),)))
    assert kinds(plan)[:3] == ["create-bridge", "create-entry", "associate-policy"]


@pytest.mark.parametrize(
    ("group_name", "answer"),
    [("eks:devs", GroupAnswer(rename_to="devs")), ("system:masters", GroupAnswer(also="admins"))],
)
def test_new_group_gets_no_bindings_while_it_is_not_read_who_has_it(
    group_name: str, answer: GroupAnswer
) -> None:
    plan = planned(
        world([row(DEV, "x", (group_name,))], rbac=None), Decisions(groups={group_name: answer})
    )
    assert only(plan).action == "block"
    assert "reserved-group-unread" in only(plan).findings


def test_row_with_groups_is_never_said_to_have_none() -> None:
    bound = rbac(bind(group("eks:devs")))
    renamed = planned(
        world([row(DEV, "x", ("eks:devs",))], rbac=bound), group_answers(eks__devs="devs")
    )
    assert findings(renamed, "grants-nothing") == ()
    dropped = planned(world([row(DEV, "x", ("eks:free",))]))
    assert "nothing names its groups" in finding(dropped, "grants-nothing").message


def test_constrained_impersonation_of_a_group_is_power_of_that_group() -> None:
    rule = PolicyRule(
        ("impersonate:user-info",), ("authentication.k8s.io",), ("groups",), ("eks:devs",)
    )
    plan = planned(
        world([row(DEV, "x", ("eks:devs",))], rbac=rbac(roles=[Role("sudo", None, (rule,), {})]))
    )
    assert "reserved-group-bound" in only(plan).findings


def test_impersonated_service_account_counts_by_its_username() -> None:
    rule = PolicyRule(("impersonate",), ("",), ("serviceaccounts",), ("builder",))
    found = rbac(roles=[Role("sudo", "ci", (rule,), {})])
    name = "system:serviceaccount:ci:builder"
    plan = planned(world([row(DEV, name)], rbac=found, usage=usage(login(DEV, name))))
    assert "username-bound" in only(plan).findings


def test_sso_row_whose_principal_logged_in_blocks() -> None:
    sso = {
        "mapRoles": f'[{{"sso": {{"permissionSetName": "Admin", "accountID": "{ACCOUNT}"}}, "username": "x"}}]'  # noqa: E501
    }
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ana"
    seen = planned(world(data=sso, usage=usage(login(arn))))
    assert finding(seen, "dead-row-logged-in").source == "mapRoles[0]"
    other = planned(world(data=sso, usage=usage(login(arn.replace("Admin", "View")))))
    assert finding(other, "dead-sso-matcher").severity == "warn"


def test_unread_entries_block_where_there_may_be_some() -> None:
    """In CONFIG_MAP mode null says that EKS lists none; later it says nothing."""
    assert findings(planned(world([row(DEV)], mode="CONFIG_MAP")), "entries-unread") == ()
    for mode in ("API_AND_CONFIG_MAP", "API"):
        assert planned(world([row(DEV)], mode=mode, access_entries=None)).blocked


@pytest.mark.parametrize("missing", ["caller_chain", "capabilities"])
def test_whatever_was_not_read_is_said_to_weaken_something(missing: str) -> None:
    unknown = {"caller_chain": "callerChain"}.get(missing, missing)
    without: dict[str, Any] = {missing: None, "unknown": (unknown,)}
    plan = planned(world([row(DEV)], **without))
    assert unknown in finding(plan, "input-unknown").message
