"""Findings about the ConfigMap as a whole, the cluster, and what was not read."""

from dataclasses import replace
from typing import get_args

import pytest

from migrator.model.decision import Decisions
from migrator.model.files.plan import decode_plan, encode_plan
from migrator.model.rbac import Subject
from migrator.model.snapshot import ConfigMapOrigin
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from tests.support.worlds import (
    ACCOUNT,
    bind,
    entry,
    finding,
    findings,
    iam,
    login,
    node,
    on_cluster,
    planned,
    rbac,
    reference,
    role,
    row,
    usage,
    world,
)

DEV = role("dev")
BROKEN = {"mapRoles": "- rolearn: x\n\tusername: y\n"}


def test_lost_section_blocks_and_is_never_salvaged() -> None:
    plan = planned(world(users=[row("arn:aws:iam::111122223333:user/ana", "ana")], data=BROKEN))
    found = finding(plan, "section-lost")
    assert (found.severity, found.source, found.line) == ("block", "mapRoles", 2)
    assert "column" in found.message
    assert [p.principal_arn for p in plan.principals] == ["arn:aws:iam::111122223333:user/ana"]


def test_accepted_lost_section_lets_the_plan_go_on_with_what_is_in_force() -> None:
    plan = planned(world(data=BROKEN), Decisions(accept_lost_sections=("mapRoles",)))
    assert finding(plan, "section-lost").severity == "warn"
    assert not plan.blocked


def test_lost_section_can_never_waive_a_role_that_live_nodes_use() -> None:
    plan = planned(
        world(data=BROKEN, nodes=(node(role("nodes")),)),
        Decisions(accept_lost_sections=("mapRoles",)),
    )
    assert finding(plan, "node-role-without-node-row").severity == "block"


@pytest.mark.parametrize("unread", ["nodes", "nodegroups", "fargate_profiles"])
def test_lost_section_cannot_be_waived_while_nodes_are_unread(unread: str) -> None:
    snapshot = replace(world(data=BROKEN), **{unread: None})  # type: ignore[arg-type]
    plan = planned(snapshot, Decisions(accept_lost_sections=("mapRoles",)))
    assert finding(plan, "lost-section-nodes-unknown").severity == "block"


def test_lost_users_can_be_waived_while_nodes_are_unread() -> None:
    snapshot = world(data={"mapUsers": "- userarn: x\n\tusername: y\n"}, nodes=None)
    assert not planned(snapshot, Decisions(accept_lost_sections=("mapUsers",))).blocked


def test_doubtful_section_blocks_and_cannot_be_waived() -> None:
    doubtful = {"mapRoles": "- rolearn: *unknown\n- &a [*a]\n"}
    plan = planned(world(data=doubtful))
    assert {f.code for f in plan.findings} & {"section-lost", "section-doubtful"}


def test_stripped_row_is_a_user_without_those_groups_and_said_so() -> None:
    plan = planned(world([row(DEV, "x", "system:masters")]))
    assert finding(plan, "row-stripped").source == "mapRoles[0]"
    assert plan.principals[0].before.groups == ()
    assert plan.principals[0].entry is not None
    assert plan.principals[0].entry.access_policies == ()


def test_unknown_data_key_is_reported() -> None:
    assert (
        "mapusers" in finding(planned(world(data={"mapusers": "- x"})), "unknown-data-key").message
    )


def test_problems_of_an_inert_config_map_do_not_block_in_api_mode() -> None:
    assert not planned(world(data=BROKEN, accounts=["444455556666"], mode="API")).blocked


def test_absent_config_map_is_a_valid_state() -> None:
    plan = planned(world(config_map=None))
    assert [f.code for f in plan.findings if f.code == "nothing-to-migrate"]
    assert (plan.principals, plan.steps, plan.blocked) == ((), (), False)


BLANK = {"data": {"mapRoles": "", "mapUsers": ""}}
TIMER = bind(
    Subject("ServiceAccount", "migrator-rehearsal", "kube-system"),
    name="migrator-rehearsal",
    namespace="kube-system",
    labels={MANAGED_BY_LABEL: MANAGED_BY, "eks-access-migrator/rehearsal": "1"},
)


def test_map_that_a_rehearsal_left_blank_blocks_and_is_not_nothing() -> None:
    plan = planned(world(config_map=BLANK, rbac=rbac(TIMER)))
    assert finding(plan, "rehearsal-unfinished").severity == "block"
    assert findings(plan, "nothing-to-migrate") == ()
    assert plan.blocked
    decode_plan(encode_plan(plan))  # it is proven again when it is read


def test_blank_map_without_rehearsal_and_rehearsal_without_blank_map_do_not_block() -> None:
    assert len(findings(planned(world(config_map=BLANK)), "nothing-to-migrate")) == 1
    restored = planned(world([row(DEV, "dev")], rbac=rbac(TIMER)))
    assert findings(restored, "rehearsal-unfinished") == ()
    in_api_mode = planned(world(config_map=BLANK, rbac=rbac(TIMER), mode="API"))
    assert findings(in_api_mode, "rehearsal-unfinished") == ()


def test_lost_rows_are_not_nothing() -> None:
    assert findings(planned(world(data=BROKEN)), "nothing-to-migrate") == ()


@pytest.mark.parametrize(
    "name", ["callerIdentity", "accessPolicies", "nodegroups", "nodes", "rbac.roles", "iam"]
)
def test_what_was_not_read_is_said(name: str) -> None:
    assert name in finding(planned(world(unknown=(name,))), "input-unknown").message


@pytest.mark.parametrize("origin", get_args(ConfigMapOrigin))
def test_a_map_of_a_file_is_said_not_to_be_that_of_the_cluster(origin: str) -> None:
    plan = planned(world([row(DEV, "x")], unknown=(f"configMap.{origin}",)))
    rows, access = [each.message for each in findings(plan, "input-unknown")]
    assert "`configMap` was not read from the cluster" in rows
    assert ("accessConfig of the file was not used" in rows) == (origin == "eksctl-config")
    assert "Mode and access entries were not read" in access
    assert "taken as CONFIG_MAP" in access


def test_unread_lists_that_weaken_nothing_are_not_worth_a_word() -> None:
    assert findings(planned(world(unknown=("namespaces", "usage"))), "input-unknown") == ()


def test_nodes_whose_role_is_not_resolved_are_counted() -> None:
    assert (
        "2 live nodes"
        in finding(planned(world(nodes=(node(None), node(None)))), "input-unknown").message
    )


def test_row_that_nobody_used_in_a_complete_window_is_marked_and_kept() -> None:
    plan = planned(world([row(DEV, "x")], usage=usage()))
    assert "row-unused" in plan.principals[0].findings
    assert plan.principals[0].action == "create"
    assert (
        findings(planned(world([row(DEV, "x")], usage=usage(complete=False))), "row-unused") == ()
    )
    assert findings(planned(world([row(DEV, "x")], usage=usage(login(DEV)))), "row-unused") == ()


def test_login_that_nothing_explains_is_reported() -> None:
    snapshot = world(
        [row(DEV, "x")],
        usage=usage(login(DEV), login(role("ghost")), login(role("maker"), "kubernetes-admin")),
    )
    messages = [f.message for f in findings(planned(snapshot), "login-unexplained")]
    assert len(messages) == 2
    assert any("ghost" in m for m in messages)
    assert any("hidden creator" in m for m in messages)


def test_section_that_parsers_read_differently_blocks_whatever_is_accepted() -> None:
    plan = planned(world(data={"mapUsers": "- .1_0\n"}), Decisions(accept_lost_sections=()))
    assert finding(plan, "section-doubtful").severity == "block"


def test_login_under_a_name_that_is_no_arn_is_reported() -> None:
    plan = planned(world([row(DEV, "x")], usage=usage(login("strange"))))
    assert "`strange`" in finding(plan, "login-unexplained").message


def test_long_list_of_names_is_cut() -> None:
    groups = tuple(f"team-{number}" for number in range(10))
    plan = planned(world([row(DEV, "x", groups)]))
    assert "`team-7` and 2 more" in finding(plan, "grants-nothing").message


def test_login_that_another_row_explains_says_nothing_of_an_sso_row() -> None:
    person = role("AWSReservedSSO_Admin_0123456789abcdef")
    sso = {"arn": "", "sso": {"permissionSetName": "Admin", "accountID": ACCOUNT}, "username": "u"}
    seen = usage(login(person, "y"))
    explained = world([sso, row(person, "y")], usage=seen, principals=[iam(person)])
    alone = world([sso], usage=seen, principals=[iam(person)])
    assert findings(planned(explained), "dead-row-logged-in") == ()
    assert findings(planned(alone), "dead-row-logged-in") != ()


def test_name_of_masters_matters_only_to_a_principal_that_leaves_the_group() -> None:
    named_in_flows = (reference("system:masters"),)
    kept = entry(DEV, "x", access_policies=(on_cluster(),))
    there = world(
        [row(DEV, "x", ("system:masters",))], entries=[kept], group_references=named_in_flows
    )
    assert findings(planned(there), "masters-referenced") == ()
    leaves = world([row(DEV, "x", ("system:masters",))], group_references=named_in_flows)
    assert findings(planned(leaves), "masters-referenced") != ()
