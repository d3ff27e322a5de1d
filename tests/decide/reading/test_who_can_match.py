"""Which rows can match a login at all, and which of several answers."""

import pytest

from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Decisions, GroupAnswer
from tests.support.worlds import (
    ACCOUNT,
    NODE_USERNAME,
    OTHER,
    answers,
    bind,
    finding,
    findings,
    group,
    iam,
    login,
    node_row,
    one,
    only,
    planned,
    rbac,
    role,
    row,
    usage,
    user,
    world,
)


def test_last_duplicate_role_wins_and_groups_are_not_merged() -> None:
    plan = planned(world([row(role("dev"), "a", ("one",)), row(role("dev"), "b", ("two",))]))
    assert only(plan).before.username == "b"
    assert only(plan).before.groups == ("two",)
    assert only(plan).sources == ("mapRoles[0]", "mapRoles[1]")


def test_different_duplicate_is_reported_as_shadowed() -> None:
    plan = planned(world([row(role("dev"), "a"), row(role("dev"), "b")]))
    assert finding(plan, "row-shadowed").source == "mapRoles[0]"


def test_identical_duplicate_is_not_worth_a_warning() -> None:
    plan = planned(world([row(role("dev"), "a", ("x", "y")), row(role("dev"), "a", ("y", "x"))]))
    assert findings(plan, "row-shadowed") == ()
    assert only(plan).sources == ("mapRoles[0]", "mapRoles[1]")


def test_roles_are_compared_without_case() -> None:
    snapshot = world(
        [
            row(role("Dev"), "first"),
            row(role("dEV").upper().replace("ARN:AWS:IAM", "arn:aws:iam"), "last"),
        ],
        principals=[iam(role("Dev"))],
    )
    plan = planned(snapshot)
    assert only(plan).principal_arn == role("Dev")
    assert only(plan).before.username == "last"


def test_two_spellings_of_one_user_with_different_mappings_block() -> None:
    plan = planned(
        world(users=[row(user("ana"), "a"), row(user("ANA"), "b")], principals=[iam(user("ana"))])
    )
    assert only(plan).action == "block"
    assert only(plan).findings == ("ambiguous-user",)


@pytest.mark.parametrize("refused_is_last", [True, False])
def test_spelling_that_refuses_the_login_does_not_hide_what_the_other_gives(
    refused_is_last: bool,
) -> None:
    # Instances only: a user is never admitted by such a row.
    refused = "i-{{EC2PrivateDNSName}}"
    first, last = ("a", refused) if refused_is_last else (refused, "a")
    masters = ("system:masters",)
    snapshot = world(
        users=[row(user("ana"), first, masters), row(user("ANA"), last, masters)],
        principals=[iam(user("ana"))],
    )
    assert only(planned(snapshot)).before.username == "a"
    left_out = answers(user("ana"), "skip")
    assert "loss-not-accepted" in only(planned(snapshot, left_out)).findings


def test_two_spellings_of_one_user_with_the_same_mapping_are_one_user() -> None:
    plan = planned(
        world(users=[row(user("ana"), "a"), row(user("ANA"), "a")], principals=[iam(user("ana"))])
    )
    assert only(plan).action == "create"


def test_last_exact_duplicate_user_wins() -> None:
    assert (
        only(planned(world(users=[row(user("ana"), "a"), row(user("ana"), "b")]))).before.username
        == "b"
    )


def test_map_roles_is_asked_before_map_users() -> None:
    plan = planned(world([row(role("dev"), "by role")], [row(role("dev"), "by user")]))
    assert only(plan).before.username == "by role"
    assert finding(plan, "row-shadowed").source == "mapUsers[0]"


def test_role_in_map_users_and_user_in_map_roles_work() -> None:
    plan = planned(world([row(user("ana"), "ana")], [row(role("dev"), "dev")]))
    assert [(p.principal_arn, p.action) for p in plan.principals] == [
        (user("ana"), "create"),
        (role("dev"), "create"),
    ]


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (role("team/dev"), "dead-role-path"),
        (role("aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"), "dead-role-path"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/me", "dead-sts-session"),
        (f"arn:aws:iam::{ACCOUNT}:group/devs", "dead-iam-group"),
        (role("dev-*"), "dead-wildcard"),
        (role("dev?"), "dead-wildcard"),
        (role("dev "), "dead-blank-in-arn"),
        (" " + role("dev"), "dead-blank-in-arn"),
        (role("dev", partition="aws-cn"), "dead-other-partition"),
        ("admin", "dead-malformed-arn"),
        ("arn:aws:iam::1234:role/dev", "dead-malformed-arn"),
        ("arn:aws:iam::11112222333a:role/dev", "dead-malformed-arn"),
        (f"arn:aws:iam:eu-west-1:{ACCOUNT}:role/dev", "dead-malformed-arn"),
        (f"arn:aws:s3::{ACCOUNT}:role/dev", "dead-malformed-arn"),
        (f"arn:aws:iam::{ACCOUNT}:policy/dev", "dead-malformed-arn"),
        (role("d\u00e9v"), "dead-malformed-arn"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/a/b", "dead-malformed-arn"),
    ],
)
def test_dead_row_is_skipped_and_says_why(arn: str, code: str) -> None:
    plan = planned(world([row(arn, "admin", ("system:masters",))]))
    assert only(plan).action == "skip"
    assert only(plan).principal_arn == arn
    assert only(plan).findings == (code,)
    assert only(plan).before.via == "none"
    assert not any(step.effect.kind == "create-entry" for step in plan.steps)


def test_sso_matcher_row_is_dead() -> None:
    sso = {
        "sso": {"permissionSetName": "Admin", "accountID": ACCOUNT},
        "username": "x",
        "groups": ["system:masters"],
    }
    plan = planned(world(data={"mapRoles": f"- {sso}"}))
    assert plan.principals == ()
    assert finding(plan, "dead-sso-matcher").source == "mapRoles[0]"


def test_row_without_an_arn_is_in_a_finding_only() -> None:
    plan = planned(world(data={"mapRoles": "- username: nobody\n"}))
    assert plan.principals == ()
    assert finding(plan, "row-dropped").source == "mapRoles[0]"


def test_dead_row_beside_the_live_row_of_the_same_principal_is_one_principal() -> None:
    full = role("aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef")
    plain = role("AWSReservedSSO_Admin_0123456789abcdef")
    snapshot = world([row(full, "dead"), row(plain, "live")], principals=[iam(full)])
    plan = planned(snapshot)
    assert only(plan).principal_arn == full
    assert only(plan).sources == ("mapRoles[0]", "mapRoles[1]")
    assert only(plan).before.username == "live"
    assert "dead-role-path" in only(plan).findings


def test_dead_row_whose_principal_logged_in_blocks() -> None:
    snapshot = world(
        [row(role("team/dev"), "dev")],
        usage=usage(login(role("dev"))),
        principals=[iam(role("team/dev"))],
    )
    assert only(planned(snapshot)).findings == ("dead-row-logged-in",)


def test_login_that_a_live_row_explains_does_not_revive_a_dead_one() -> None:
    snapshot = world(
        [row(role("team/dev"), "dead"), row(role("dev"), "live")],
        usage=usage(login(role("dev"))),
        principals=[iam(role("other/dev"))],
    )
    assert one(planned(snapshot), role("team/dev")).action == "skip"


def test_login_that_map_accounts_explains_does_not_revive_a_dead_row() -> None:
    snapshot = world(
        [row(role("team/dev"), "dev")], accounts=[ACCOUNT], usage=usage(login(role("dev")))
    )
    assert one(planned(snapshot), role("team/dev")).action == "skip"


def test_ec2_template_on_a_user_is_dead() -> None:
    plan = planned(world(users=[row(user("ana"), NODE_USERNAME, ("system:nodes",))]))
    assert only(plan).action == "skip"
    assert only(plan).findings == ("dead-node-template",)


def test_ec2_template_in_a_group_of_a_user_is_dead() -> None:
    plan = planned(world(users=[row(user("ana"), "ana", ("x{{EC2PrivateDNSName}}",))]))
    assert only(plan).findings == ("dead-node-template",)


def test_ec2_template_on_a_role_that_trusts_no_ec2_is_dead() -> None:
    snapshot = world(
        [node_row(role("codebuild"))], principals=[iam(role("codebuild"), "codebuild")]
    )
    assert only(planned(snapshot)).findings == ("dead-node-template",)


@pytest.mark.parametrize("suffix", ["amazonaws.com", "amazonaws.com.cn"])
def test_trusted_services_are_compared_by_label(suffix: str) -> None:
    from migrator.model.principal import IamPrincipal

    principal = IamPrincipal(role("nodes"), "AROA1", None, (f"ec2.{suffix}",))
    assert (
        only(planned(world([node_row(role("nodes"))], principals=[principal]))).action == "create"
    )


def test_ec2_template_with_an_unread_trust_policy_is_never_dead() -> None:
    snapshot = world(
        [row(role("odd"), "x:{{EC2PrivateDNSName}}")],
        principals=[iam(role("odd"), trust_read=False)],
    )
    # An entry would admit every session of the role, and the row admits those of instances only.
    assert only(planned(snapshot)).findings == (
        "node-template-unverified",
        "log-in-population-gained",
    )
    assert only(planned(snapshot)).action == "block"


def test_dead_template_that_logged_in_blocks() -> None:
    snapshot = world(users=[row(user("ana"), NODE_USERNAME)], usage=usage(login(user("ana"))))
    assert only(planned(snapshot)).findings == ("dead-row-logged-in",)


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", "root-user"),
        (f"arn:aws:iam::{OTHER}:root", "root-user"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/ana", "federated-user"),
    ],
)
def test_live_but_not_expressible_blocks(arn: str, code: str) -> None:
    plan = planned(world(users=[row(arn, "admin", ("system:masters",))]))
    assert only(plan).action == "block"
    assert code in only(plan).findings
    assert only(plan).before.groups == ("system:masters",)


def test_service_linked_role_blocks_by_its_path_in_iam() -> None:
    full = role("aws-service-role/emr.amazonaws.com/Odd")
    plan = planned(world([row(role("Odd"), "emr")], principals=[iam(full)]))
    assert only(plan).findings == ("service-linked-role",)


def test_service_linked_role_blocks_by_its_name_where_iam_was_not_read() -> None:
    arn = role("AWSServiceRoleForAmazonEMRContainers")
    plan = planned(world([row(arn, "emr")], principals=(), accounts_read=()))
    assert only(plan).findings == ("service-linked-role",)


def test_template_in_a_group_blocks() -> None:
    plan = planned(world([row(role("dev"), "dev", ("team:{{SessionName}}",))]))
    assert "group-template" in only(plan).findings
    assert only(plan).action == "block"


@pytest.mark.parametrize(
    ("arn", "group", "carried"),
    [
        (role("dev"), "team-{{AccountID}}", f"team-{ACCOUNT}"),
        (role("dev", OTHER), "team-{{AccountID}}", f"team-{OTHER}"),
        (user("dev"), "{{AccountID}}-{{SessionName}}", f"{ACCOUNT}-"),
    ],
)
def test_group_that_is_the_same_for_every_login_is_rendered_and_carried(
    arn: str, group: str, carried: str
) -> None:
    snapshot = world([row(arn, "dev", (group,))], principals=[iam(arn)])
    (found,) = planned(snapshot).principals
    assert found.action == "create"
    assert found.entry is not None
    assert (found.before.groups, found.entry.kubernetes_groups) == ((carried,), (carried,))


def test_reserved_group_with_the_account_is_answered_by_its_rendered_name() -> None:
    name = f"eks:{ACCOUNT}"
    snapshot = world(
        [row(role("dev"), "dev", ("eks:{{AccountID}}",))], rbac=rbac(bind(group(name)))
    )
    assert "reserved-group-bound" in only(planned(snapshot)).findings
    answer = Decisions(groups={name: GroupAnswer(rename_to="team")})
    found = only(planned(snapshot, answer))
    assert found.entry is not None
    assert found.entry.kubernetes_groups == ("team",)


def test_unknown_template_is_literal_text() -> None:
    plan = planned(world([row(role("dev"), "dev:{{Session}}", ("team:{{ SessionName }}",))]))
    assert only(plan).action == "create"


def test_session_name_renders_empty_for_a_user() -> None:
    plan = planned(world(users=[row(user("ana"), "dev-{{SessionName}}{{SessionNameRaw}}")]))
    assert only(plan).before.username == "dev-"
    assert only(plan).entry == EntrySpec("STANDARD", "dev-")


def test_migration_that_ends_at_dual_mode_leaves_inexpressible_rows_in_place() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    plan = planned(world([row(arn, "root", ("system:masters",))]), target="API_AND_CONFIG_MAP")
    assert only(plan).action == "skip"
    assert "stays-in-config-map" in only(plan).findings
    assert not plan.blocked
    assert only(plan).access.lost == ()


@pytest.mark.parametrize(
    "account",
    [
        "XXXXXXXXXXXX",
        "ACCOUNT_ID",
        "<ACCOUNT_ID>",
        "${AWS_ACCOUNT_ID}",
        "your-account",
        "12345678901x",
    ],
)
def test_placeholder_for_an_account_is_named(account: str) -> None:
    plan = planned(world([row(f"arn:aws:iam::{account}:role/dev")], principals=[]))
    found = finding(plan, "dead-malformed-arn")
    assert f"`{account}` is a placeholder for an account number" in found.message
    assert (only(plan).action, only(plan).before.via) == ("skip", "none")


def test_arn_that_is_one_colon_short_is_named_with_the_right_spelling() -> None:
    plan = planned(world([row(f"arn:aws:iam:{ACCOUNT}:role/dev")], principals=[]))
    message = finding(plan, "dead-malformed-arn").message
    assert "A colon is missing" in message
    assert f"`arn:aws:iam::{ACCOUNT}:role/dev`" in message


@pytest.mark.parametrize("arn", ["admin", f"arn:aws:iam::{ACCOUNT}", "arn:aws:iam::123:role/dev"])
def test_other_malformed_arn_is_no_placeholder(arn: str) -> None:
    message = finding(planned(world([row(arn)], principals=[])), "dead-malformed-arn").message
    assert "placeholder" not in message
    assert "colon" not in message
