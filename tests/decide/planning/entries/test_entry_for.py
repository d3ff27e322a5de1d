"""People and pipelines: usernames, groups, access policies."""

from typing import Any

import pytest

from migrator.errors import Failed
from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Decisions, GroupAnswer
from migrator.model.rbac import PolicyRule, Role
from migrator.model.step import CreateBinding
from tests.support.worlds import (
    ADMIN_POLICY,
    NODE_GROUPS,
    Row,
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
    on_cluster,
    one,
    only,
    planned,
    rbac,
    reference,
    role,
    row,
    service_account,
    usage,
    user,
    world,
)

DEV = role("dev")
DEFAULT = "arn:aws:sts::111122223333:assumed-role/dev/{{SessionName}}"


def entry_of(username: object, *groups: str, **changes: Any) -> EntrySpec | None:  # noqa: ANN401 - any field
    return only(planned(world([row(DEV, username, groups)], **changes))).entry


def test_username_and_groups_are_carried_one_to_one() -> None:
    assert entry_of("Dev.One", "team:a", "team:b") == EntrySpec(
        "STANDARD", "Dev.One", ("team:a", "team:b")
    )


def test_entry_with_neither_group_nor_policy_can_be_right() -> None:
    assert entry_of("suresh", rbac=rbac(bind(named("suresh")))) == EntrySpec("STANDARD", "suresh")


def test_masters_becomes_the_cluster_admin_policy_and_the_other_groups_stay() -> None:
    expected = EntrySpec("STANDARD", "ana", ("devops",), (on_cluster(),))
    assert entry_of("ana", "devops", "system:masters") == expected


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_admin_policy_is_of_the_clusters_own_partition(partition: str) -> None:
    arn = role("dev", partition=partition)
    plan = planned(
        world([row(arn, "x", ("system:masters",))], partition=partition, principals=[iam(arn)])
    )
    found = only(plan).entry
    assert found is not None
    assert found.access_policies[0].policy_arn == ADMIN_POLICY.replace(
        "arn:aws:", f"arn:{partition}:"
    )


def test_policy_that_the_partition_does_not_offer_blocks() -> None:
    plan = planned(world([row(DEV, "x", ("system:masters",))], access_policies=()))
    assert "policy-unavailable" in only(plan).findings
    assert plan.blocked


def test_unread_list_of_policies_does_not_block() -> None:
    assert entry_of("x", "system:masters", access_policies=None) is not None


def test_authenticated_and_empty_groups_are_dropped_silently() -> None:
    plan = planned(
        world([row(DEV, "x", ("", "system:authenticated", "devs"))], rbac=rbac(bind(group("devs"))))
    )
    assert only(plan).entry == EntrySpec("STANDARD", "x", ("devs",))
    assert only(plan).findings == ()


def test_node_groups_beside_masters_under_an_ordinary_username_are_dropped_with_a_note() -> None:
    plan = planned(
        world(
            [row(DEV, "x", (*NODE_GROUPS, "system:masters"))],
            rbac=rbac(bind(group("system:nodes"))),
        )
    )
    assert only(plan).action == "create"
    assert "node-groups-dropped" in only(plan).findings


def test_also_adds_an_ordinary_group_bound_to_cluster_admin() -> None:
    decisions = Decisions(groups={"system:masters": GroupAnswer(also="platform-admins")})
    plan = planned(world([row(DEV, "x", ("system:masters",))]), decisions)
    assert only(plan).entry == EntrySpec("STANDARD", "x", ("platform-admins",), (on_cluster(),))
    (binding,) = (s.effect for s in plan.steps if isinstance(s.effect, CreateBinding))
    assert (binding.role_name, binding.group, binding.namespace) == (
        "cluster-admin",
        "platform-admins",
        None,
    )


def test_also_uses_a_group_that_is_an_admin_already() -> None:
    decisions = Decisions(groups={"system:masters": GroupAnswer(also="admins")})
    state = rbac(bind(group("admins"), role_name="cluster-admin"))
    plan = planned(world([row(DEV, "x", ("system:masters",))], rbac=state), decisions)
    assert "create-binding" not in kinds(plan)


def test_reserved_group_that_nothing_names_is_dropped_with_a_note() -> None:
    plan = planned(world([row(DEV, "x", ("eks:developer", "devs"))]))
    assert only(plan).entry == EntrySpec("STANDARD", "x", ("devs",))
    assert "reserved-group-dropped" in only(plan).findings


@pytest.mark.parametrize("name", ["system:x", "eks:x", "aws:x", "amazon:x", "iam:x"])
def test_reserved_group_that_something_names_blocks(name: str) -> None:
    plan = planned(world([row(DEV, "x", (name,))], rbac=rbac(bind(group(name)))))
    assert "reserved-group-bound" in only(plan).findings
    assert only(plan).action == "block"


def test_reserved_prefixes_are_compared_with_case() -> None:
    assert entry_of("x", "System:x", "EKS:y") == EntrySpec("STANDARD", "x", ("System:x", "EKS:y"))


@pytest.mark.parametrize(
    "changes",
    [
        {"group_references": (reference("eks:x"),)},
        {"group_references": (reference("eks:*", "ClusterPolicy"),)},
        {
            "rbac": rbac(
                roles=[
                    Role(
                        "sudo",
                        None,
                        (PolicyRule(("impersonate",), ("",), ("groups",), ("eks:x",)),),
                        {},
                    )
                ]
            )
        },
    ],
)
def test_reserved_group_named_outside_bindings_blocks(changes: dict[str, Any]) -> None:
    assert (
        "reserved-group-bound"
        in only(planned(world([row(DEV, "x", ("eks:x",))], **changes))).findings
    )


@pytest.mark.parametrize(
    "changes", [{"rbac": None}, {"group_references": None}, {"unknown": ("rbac.roles",)}]
)
def test_reserved_group_with_unread_references_blocks(changes: dict[str, Any]) -> None:
    assert (
        "reserved-group-unread"
        in only(planned(world([row(DEV, "x", ("eks:x",))], **changes))).findings
    )


def test_renamed_group_gets_parallel_bindings_and_no_binding_is_edited() -> None:
    state = rbac(
        bind(group("eks:x"), group("others")),
        bind(group("eks:x"), role_name="edit", namespace="shop"),
    )
    plan = planned(world([row(DEV, "x", ("eks:x",))], rbac=state), group_answers(eks__x="team-x"))
    assert only(plan).entry == EntrySpec("STANDARD", "x", ("team-x",))
    assert only(plan).access.gained == ()
    assert only(plan).access.lost == ()
    made = [s.effect for s in plan.steps if isinstance(s.effect, CreateBinding)]
    assert [(b.namespace, b.role_name, b.group) for b in made] == [
        (None, "view", "team-x"),
        ("shop", "edit", "team-x"),
    ]
    assert len({b.binding_name for b in made}) == 2


def test_renamed_group_lists_what_parallel_bindings_cannot_stand_in_for() -> None:
    snapshot = world(
        [row(DEV, "x", ("eks:x",))],
        rbac=rbac(bind(group("eks:x"))),
        group_references=(reference("eks:x"),),
    )
    assert (
        "FlowSchema"
        in finding(
            planned(snapshot, group_answers(eks__x="team-x")), "renamed-group-referenced"
        ).message
    )


def test_parallel_bindings_are_shared_by_all_holders_of_the_group() -> None:
    snapshot = world(
        [row(role(n), n, ("eks:x",)) for n in ("a", "b")], rbac=rbac(bind(group("eks:x")))
    )
    assert kinds(planned(snapshot, group_answers(eks__x="team-x"))).count("create-binding") == 1


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, [row(role("other"), "o", ("team-x",))]),
        ({"entries": [entry(role("e"), "e", ("team-x",))]}, []),
        ({"rbac": rbac(bind(group("eks:x")), bind(group("team-x"), name="another"))}, []),
        ({"group_references": (reference("team-x"),)}, []),
        (
            {
                "identity_provider_configs": (
                    {"oidc": {"groupsClaim": "groups", "groupsPrefix": "team-"}},
                )
            },
            [],
        ),
        ({"identity_provider_configs": ({"oidc": {"groupsClaim": "groups"}},)}, []),
    ],
)
def test_new_name_that_something_uses_already_is_refused(
    changes: dict[str, Any], rows: list[Row]
) -> None:
    snapshot = world([row(DEV, "x", ("eks:x",)), *rows], **changes)
    with pytest.raises(Failed) as error:
        planned(snapshot, group_answers(eks__x="team-x"))
    assert error.value.code == "decision-invalid"


def test_oidc_provider_without_a_groups_claim_uses_no_name() -> None:
    config = ({"oidc": {"usernameClaim": "sub"}},)
    plan = planned(
        world([row(DEV, "x", ("eks:x",))], identity_provider_configs=config),
        group_answers(eks__x="team-x"),
    )
    assert only(plan).action == "create"


@pytest.mark.parametrize("configs", [None, ({"type": "oidc", "name": "corp"},), ({"oidc": {}},)])
def test_new_name_blocks_while_it_is_not_read_which_groups_oidc_tokens_carry(configs: Any) -> None:  # noqa: ANN401 - raw
    rows = [row(DEV, "x", ("eks:x",)), row(role("ops"), "y", ("system:masters",))]
    decisions = Decisions(
        groups={"eks:x": GroupAnswer(rename_to="team-x"), "system:masters": GroupAnswer(also="adm")}
    )
    plan = planned(
        world(rows, identity_provider_configs=configs, rbac=rbac(bind(group("eks:x")))), decisions
    )
    assert [p.action for p in plan.principals] == ["block", "block"]
    assert {f.principal_arn for f in findings(plan, "group-name-unread")} == {DEV, role("ops")}
    assert plan.steps == ()


def test_group_that_is_an_admin_already_asks_for_no_oidc_provider() -> None:
    admins = rbac(bind(group("adm"), role_name="cluster-admin"))
    snapshot = world(
        [row(DEV, "x", ("system:masters",))], identity_provider_configs=None, rbac=admins
    )
    plan = planned(snapshot, Decisions(groups={"system:masters": GroupAnswer(also="adm")}))
    assert only(plan).action == "create"


def test_two_groups_must_not_be_renamed_to_one() -> None:
    with pytest.raises(Failed):
        planned(
            world([row(DEV, "x", ("eks:x", "eks:y"))]), group_answers(eks__x="same", eks__y="same")
        )


@pytest.mark.parametrize("name", ["system:x", "eks:x", "", "team:{{SessionName}}"])
def test_new_name_that_eks_refuses_is_refused(name: str) -> None:
    with pytest.raises(Failed):
        planned(world([row(DEV, "x", ("eks:x",))]), group_answers(eks__x=name))


@pytest.mark.parametrize(
    "decisions",
    [
        Decisions(groups={"eks:x": GroupAnswer(also="y")}),
        Decisions(groups={"system:masters": GroupAnswer(rename_to="y")}),
        Decisions(groups={"devs": GroupAnswer(rename_to="y")}),
        Decisions(groups={"eks:x": GroupAnswer()}),
    ],
)
def test_answer_about_a_group_that_makes_no_sense_is_refused(decisions: Decisions) -> None:
    with pytest.raises(Failed) as error:
        planned(world([row(DEV, "x", ("eks:x", "system:masters", "devs"))]), decisions)
    assert error.value.code == "decision-invalid"


def test_node_groups_never_get_a_twin() -> None:
    snapshot = world([row(DEV, "x", ("system:nodes",))], rbac=rbac(bind(group("system:nodes"))))
    assert "node-groups-bound" in only(planned(snapshot)).findings
    assert only(planned(snapshot, group_answers(system__nodes="team-x"))).action == "block"


def test_node_groups_that_nothing_names_are_dropped_under_an_ordinary_username() -> None:
    assert (
        "reserved-group-dropped"
        in only(planned(world([row(DEV, "x", ("system:nodes",))]))).findings
    )


def test_unread_references_of_node_groups_block() -> None:
    assert (
        "node-groups-bound"
        in only(planned(world([row(DEV, "x", ("system:nodes",))], rbac=None))).findings
    )


@pytest.mark.parametrize(
    "username",
    ["{{SessionName}}", "sso-{{SessionNameRaw}}", "a{{SessionName}}:b", "x:{{AccessKeyID}}"],
)
def test_username_that_cannot_be_carried_is_left_to_eks_where_nothing_can_mean_it(
    username: str,
) -> None:
    plan = planned(world([row(DEV, username, ("devs",))]))
    assert only(plan).entry == EntrySpec("STANDARD", None, ("devs",))
    assert "username-default" in only(plan).findings


@pytest.mark.parametrize(
    "changes",
    [
        {"rbac": rbac(bind(named("alice")))},
        {"rbac": rbac(bind(named("alice@example.com")))},
        {"rbac": rbac(bind(named("arn:aws:sts::111122223333:assumed-role/dev/alice")))},
        {
            "rbac": rbac(
                roles=[
                    Role(
                        "sudo",
                        None,
                        (PolicyRule(("impersonate",), ("",), ("users",), ("alice",)),),
                        {},
                    )
                ]
            )
        },
        {"group_references": (reference("alice", "ValidatingAdmissionPolicy"),)},
        {"group_references": (reference("al*", "ClusterPolicy"),)},
    ],
)
def test_username_that_cannot_be_carried_blocks_where_something_can_mean_it(
    changes: dict[str, Any],
) -> None:
    plan = planned(world([row(DEV, "{{SessionNameRaw}}")], **changes))
    assert "username-bound" in only(plan).findings
    assert only(plan).action == "block"


def test_service_account_subjects_count_as_usernames() -> None:
    snapshot = world(
        [row(DEV, "system:serviceaccount:shop:{{SessionName}}")],
        rbac=rbac(bind(service_account("shop", "robot"))),
        usage=usage(login(DEV, "system:serviceaccount:shop:robot")),
    )
    assert "username-bound" in only(planned(snapshot)).findings


def test_username_that_cannot_be_carried_and_unread_references_block() -> None:
    assert (
        "username-unread" in only(planned(world([row(DEV, "{{SessionName}}")], rbac=None))).findings
    )


@pytest.mark.parametrize(
    "username", ["dev:{{SessionName}}", ":{{SessionNameRaw}}", "a:b{{SessionName}}"]
)
def test_session_name_after_a_colon_is_carried(username: str) -> None:
    assert entry_of(username) == EntrySpec("STANDARD", username)


def test_account_id_is_rendered() -> None:
    assert entry_of("{{AccountID}}:x", "devs") == EntrySpec("STANDARD", "111122223333:x", ("devs",))


def test_reserved_username_without_an_observed_login_blocks() -> None:
    assert "username-reserved" in only(planned(world([row(DEV, "system:admin")]))).findings
    assert "username-reserved" in only(planned(world([row(DEV, "aws:{{SessionName}}")]))).findings


def test_reserved_username_with_an_observed_login_is_left_to_eks() -> None:
    plan = planned(world([row(DEV, "aws:{{SessionName}}")], usage=usage(login(DEV, "aws:me"))))
    assert only(plan).entry == EntrySpec("STANDARD", None)


def test_login_with_another_name_does_not_show_that_the_reserved_one_works() -> None:
    plan = planned(world([row(DEV, "aws:{{SessionName}}")], usage=usage(login(DEV, "me"))))
    assert "username-reserved" in only(plan).findings


def test_person_may_attest_a_reserved_username() -> None:
    plan = planned(world([row(DEV, "system:admin", ("devs",))]), answers(DEV, username="admin"))
    assert only(plan).entry == EntrySpec("STANDARD", "admin", ("devs",))


def test_literal_node_name_is_a_reserved_username() -> None:
    assert (
        "username-reserved" in only(planned(world([row(DEV, "system:node:ip-10-0-0-1")]))).findings
    )


@pytest.mark.parametrize("username", ["", None, 4217])
def test_empty_username_is_left_to_eks(username: object) -> None:
    plan = planned(world([row(DEV, username, ("devs",))]))
    assert only(plan).entry == EntrySpec("STANDARD", None, ("devs",))
    assert "username-empty" in only(plan).findings


def test_empty_username_blocks_where_the_new_name_is_meant() -> None:
    state = rbac(bind(named("arn:aws:sts::111122223333:assumed-role/dev/alice")))
    assert "username-bound" in only(planned(world([row(DEV, "")], rbac=state))).findings


def test_instance_template_in_a_persons_username_blocks() -> None:
    snapshot = world([row(DEV, "x:{{EC2PrivateDNSName}}")], principals=[iam(DEV, "ec2")])
    assert only(planned(snapshot)).findings[0] == "username-ec2-template"


def test_names_that_nothing_binds_are_carried_and_reported() -> None:
    plan = planned(world([row(DEV, "x", ("typo", "devs"))], rbac=rbac(bind(group("devs")))))
    assert only(plan).entry == EntrySpec("STANDARD", "x", ("typo", "devs"))
    assert "typo" in finding(plan, "grants-nothing").message
    assert "devs" not in finding(plan, "grants-nothing").message


def test_username_that_nothing_binds_is_reported_where_there_is_no_group() -> None:
    assert (
        "suresh"
        in finding(
            planned(world([row(DEV, "suresh")], rbac=rbac(bind(named("Suresh"))))), "grants-nothing"
        ).message
    )


def test_nothing_is_reported_as_unbound_where_rbac_was_not_read() -> None:
    assert findings(planned(world([row(DEV, "x", ("devs",))], rbac=None)), "grants-nothing") == ()


def test_whatever_names_masters_is_listed() -> None:
    snapshot = world(
        [row(DEV, "x", ("system:masters",))], group_references=(reference("system:masters"),)
    )
    assert "FlowSchema" in finding(planned(snapshot), "masters-referenced").message


def test_kubernetes_own_binding_of_masters_is_not_worth_a_warning() -> None:
    state = rbac(bind(group("system:masters"), role_name="cluster-admin", name="cluster-admin"))
    assert (
        findings(
            planned(world([row(DEV, "x", ("system:masters",))], rbac=state)), "masters-referenced"
        )
        == ()
    )


def test_users_keep_their_own_default_name() -> None:
    arn = user("staff/ana")
    assert one(planned(world(users=[row(arn, "")])), arn).entry == EntrySpec("STANDARD", None)


def test_kept_entry_whose_parallel_binding_is_gone_is_not_passed_over() -> None:
    """An administrator deleted the binding: the entry gives nothing, and the row behind it would
    give `view`.
    """
    answer = group_answers(eks__x="team-x")
    first = planned(world([row(DEV, "x", ("eks:x",))], rbac=rbac(bind(group("eks:x")))), answer)
    (made,) = (step.effect for step in first.steps if isinstance(step.effect, CreateBinding))
    ours = entry(DEV, "x", ("team-x",), tags={"eks-access-migrator/plan": "sha256:0"})
    standing = bind(
        group("team-x"),
        name=made.binding_name,
        labels={"app.kubernetes.io/managed-by": "eks-access-migrator"},
    )
    rows = [row(DEV, "x", ("eks:x",))]
    whole = planned(world(rows, entries=[ours], rbac=rbac(bind(group("eks:x")), standing)), answer)
    assert (only(whole).action, only(whole).findings) == ("keep", ())
    broken = planned(world(rows, entries=[ours], rbac=rbac(bind(group("eks:x")))), answer)
    assert only(broken).action == "keep"
    assert "Nothing binds the group `team-x`" in finding(broken, "row-shadowed-by-entry").message


def test_oidc_provider_whose_prefix_differs_uses_no_name() -> None:
    config = ({"oidc": {"groupsClaim": "groups", "groupsPrefix": "corp:"}},)
    plan = planned(
        world([row(DEV, "x", ("eks:x",))], identity_provider_configs=config),
        group_answers(eks__x="team-x"),
    )
    assert only(plan).action == "create"
