"""Which IAM principal a row means."""

from datetime import timedelta

import pytest

from migrator.errors import Failed
from migrator.model.access_entry import EntrySpec
from migrator.model.principal import AccountRead, IamPrincipal
from tests.support.worlds import (
    ACCOUNT,
    NOW,
    OTHER,
    answers,
    finding,
    iam,
    login,
    node_row,
    only,
    planned,
    role,
    row,
    usage,
    user,
    world,
)

SSO = "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef"


def test_pathless_role_row_becomes_the_full_arn_as_iam_spells_it() -> None:
    principal = only(
        planned(
            world([row(role("AWSReservedSSO_Admin_0123456789abcdef"))], principals=[iam(role(SSO))])
        )
    )
    assert principal.principal_arn == role(SSO)
    assert principal.principal_id == iam(role(SSO)).id


def test_account_is_never_rewritten() -> None:
    snapshot = world([row(role("Admin", OTHER))], principals=[iam(role("Admin"))])
    assert only(planned(snapshot)).principal_arn == role("Admin", OTHER)
    assert "foreign-role-unverified" in only(planned(snapshot)).findings


def test_user_matches_with_its_path_only() -> None:
    snapshot = world(users=[row(user("ana"), "ana")], principals=[iam(user("staff/ana"))])
    assert only(planned(snapshot)).action == "skip"
    assert user("staff/ana") in finding(planned(snapshot), "principal-absent").message


def test_user_with_a_path_is_found() -> None:
    assert only(planned(world(users=[row(user("staff/ana"), "ana")]))).principal_arn == user(
        "staff/ana"
    )


def test_role_absent_from_a_completely_read_account_is_skipped() -> None:
    plan = planned(world([row(role("gone"), "x", ("system:masters",))], principals=()))
    assert only(plan).action == "skip"
    assert only(plan).findings == ("principal-absent",)
    assert only(plan).before.via == "none"


def test_absent_role_that_logged_in_blocks() -> None:
    snapshot = world([row(role("gone"))], principals=(), usage=usage(login(role("gone"))))
    assert only(planned(snapshot)).findings == ("absent-but-logged-in",)


def test_reprovisioned_sso_role_is_never_matched_by_its_nearest_name() -> None:
    again = role("aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_fedcba9876543210")
    snapshot = world([row(role("AWSReservedSSO_Admin_0123456789abcdef"))], principals=[iam(again)])
    assert only(planned(snapshot)).findings == ("principal-absent",)


def test_role_of_an_unread_account_blocks_with_its_best_answer() -> None:
    principal = only(
        planned(world([row(role("dev"), "dev", ("devs",))], principals=(), accounts_read=()))
    )
    assert principal.action == "block"
    assert "role-unverified" in principal.findings
    assert principal.proposed == EntrySpec("STANDARD", "dev", ("devs",))


def test_user_of_an_unread_account_is_created_with_a_warning() -> None:
    principal = only(
        planned(world(users=[row(user("ana"), "ana")], principals=(), accounts_read=()))
    )
    assert principal.action == "create"
    assert "user-unverified" in principal.findings


def test_roles_read_says_nothing_about_users() -> None:
    read = (AccountRead(ACCOUNT, roles=True, users=False),)
    principal = only(
        planned(world(users=[row(user("ana"), "ana")], principals=(), accounts_read=read))
    )
    assert principal.action == "create"


def test_users_read_says_nothing_about_roles() -> None:
    read = (AccountRead(ACCOUNT, roles=False, users=True),)
    assert (
        only(planned(world([row(role("dev"))], principals=(), accounts_read=read))).action
        == "block"
    )


def test_foreign_user_is_created_with_a_warning() -> None:
    principal = only(planned(world(users=[row(user("ana", OTHER), "ana")])))
    assert principal.action == "create"
    assert "foreign-user-unverified" in principal.findings


def test_foreign_role_read_by_a_reader_role_is_created() -> None:
    snapshot = world([row(role("dev", OTHER), "dev")], principals=[iam(role("team/dev", OTHER))])
    assert only(planned(snapshot)).principal_arn == role("team/dev", OTHER)
    assert only(planned(snapshot)).action == "create"


def test_answer_names_the_full_arn_of_a_foreign_role() -> None:
    snapshot = world([row(role("dev", OTHER), "dev", ("devs",))])
    decisions = answers(role("dev", OTHER), principal_arn=role("team/DEV", OTHER))
    principal = only(planned(snapshot, decisions))
    assert (principal.action, principal.principal_arn) == ("create", role("team/DEV", OTHER))
    assert principal.entry == EntrySpec("STANDARD", "dev", ("devs",))


@pytest.mark.parametrize(
    "answered",
    [
        role("dev"),
        role("other", OTHER),
        user("dev", OTHER),
        role("dev", OTHER, "aws-cn"),
        "nonsense",
    ],
)
def test_answer_that_names_another_account_or_name_is_refused(answered: str) -> None:
    with pytest.raises(Failed) as error:
        planned(
            world([row(role("dev", OTHER), "dev")]),
            answers(role("dev", OTHER), principal_arn=answered),
        )
    assert error.value.code == "decision-invalid"


@pytest.mark.parametrize("spelled", ["role/team/dev", "ROLE/team/dev", "Role/team/DEV"])
def test_answer_must_spell_the_fixed_words_of_an_arn_as_eks_takes_them(spelled: str) -> None:
    """aws-auth is compared without case; CreateAccessEntry refuses `ROLE/`, long after the plan was
    approved.
    """
    snapshot = world([row(f"arn:aws:iam::{OTHER}:ROLE/Dev", "dev", ("devs",))])
    chosen = answers(role("dev", OTHER), principal_arn=f"arn:aws:iam::{OTHER}:{spelled}")
    if spelled.startswith("role/"):
        assert only(planned(snapshot, chosen)).principal_arn == role("team/dev", OTHER)
        return
    with pytest.raises(Failed) as error:
        planned(snapshot, chosen)
    assert error.value.code == "decision-invalid"
    assert f"arn:aws:iam::{OTHER}:role/" in error.value.remedy


def test_user_of_an_unread_account_gets_an_arn_that_eks_takes_and_keeps_its_name() -> None:
    written = f"ARN:aws:IAM::{ACCOUNT}:USER/Team/Ana"
    principal = only(planned(world(users=[row(written, "ana")], principals=(), accounts_read=())))
    assert (principal.action, principal.principal_arn) == ("create", user("Team/Ana"))


def test_a_row_that_spells_role_in_capitals_is_the_role() -> None:
    principal = only(
        planned(
            world([row(f"arn:aws:iam::{ACCOUNT}:ROLE/DEV")], principals=[iam(role("team/dev"))])
        )
    )
    assert (principal.action, principal.principal_arn) == ("create", role("team/dev"))


def test_a_row_with_a_path_is_told_to_match_no_login_and_not_what_to_write() -> None:
    """What the row should have said would bring a dead row to life."""
    plan = planned(world([row(f"arn:aws:iam::{ACCOUNT}:ROLE/Team/Dev")]))
    found = finding(plan, "dead-role-path")
    assert "no login matches this row" in found.message
    assert "role/dev" not in (found.message + found.remedy).lower()


def test_answer_for_a_user_must_name_the_path_too() -> None:
    with pytest.raises(Failed):
        planned(
            world(users=[row(user("a/ana", OTHER))]),
            answers(user("a/ana", OTHER), principal_arn=user("ana", OTHER)),
        )


def test_answer_that_contradicts_iam_is_refused() -> None:
    snapshot = world([row(role("dev"))], principals=[iam(role("team/dev"))])
    with pytest.raises(Failed):
        planned(snapshot, answers(role("dev"), principal_arn=role("elsewhere/dev")))


def test_foreign_node_row_can_only_be_skipped() -> None:
    snapshot = world([node_row(role("nodes", OTHER))])
    assert only(planned(snapshot)).findings == ("foreign-node-row",)
    with pytest.raises(Failed):
        planned(snapshot, answers(role("nodes", OTHER), principal_arn=role("nodes", OTHER)))
    skipped = only(planned(snapshot, answers(role("nodes", OTHER), "skip", accepted=True)))
    assert skipped.action == "skip"


def test_two_principals_of_one_name_block() -> None:
    snapshot = world([row(role("dev"))], principals=[iam(role("a/dev")), iam(role("b/dev"))])
    assert "principal-ambiguous" in only(planned(snapshot)).findings


def test_entries_that_eks_owns_are_never_touched() -> None:
    from tests.support.worlds import entry

    linked = role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS")
    auto, capability = role("auto-nodes"), role("argo")
    snapshot = world(
        entries=[entry(linked), entry(auto, type="EC2"), entry(capability)],
        principals=(),
        cluster_raw={"computeConfig": {"nodeRoleArn": auto}},
        capabilities=({"roleArn": capability},),
    )
    plan = planned(snapshot)
    assert [p.action for p in plan.principals] == ["keep", "keep", "keep"]
    assert plan.steps == ()
    assert all(p.findings == () for p in plan.principals)


@pytest.mark.parametrize(
    ("found", "proof"),
    [
        ([iam(role("argo"))], "simulated"),
        # Whether the entry decides is not known, or a row may be asked instead.
        ([iam(role("argo"), created=None)], "observed"),
        ([], "observed"),
        ([iam(role("argo"), created=NOW + timedelta(days=400))], "observed"),
    ],
    ids=["live", "unknown", "absent", "dead"],
)
def test_entry_of_a_role_of_eks_needs_no_login_where_it_certainly_decides(
    found: list[IamPrincipal], proof: str
) -> None:
    from tests.support.worlds import entry

    snapshot = world(
        entries=[entry(role("argo")), entry(role("dev"))],
        principals=[*found, iam(role("dev"))],
        capabilities=({"roleArn": role("argo")},),
    )
    plan = planned(snapshot)
    proofs = {each.principal_arn: each.required_proof for each in plan.principals}
    assert proofs == {role("argo"): proof, role("dev"): "observed"}


def test_absent_role_of_a_permission_set_names_its_successor_and_grants_it_nothing() -> None:
    old, new, other = (
        role(f"AWSReservedSSO_{name}")
        for name in ("Ops_0123456789abcdef", "Ops_fedcba9876543210", "Dev_0123456789abcdef")
    )
    path = "aws-reserved/sso.amazonaws.com/AWSReservedSSO_"
    successor, another = (role(path + arn.partition("SSO_")[2]) for arn in (new, other))
    plan = planned(world([row(old, "ops")], principals=[iam(successor), iam(another)]))
    assert (only(plan).action, only(plan).findings) == ("skip", ("principal-absent",))
    told = finding(plan, "principal-absent").message
    assert f"There is `{successor}`, which this row never matches" in told
    assert another not in told
    assert plan.steps == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("AWSServiceRoleForAmazonEMRContainers", "new virtual clusters"),
        ("AWSServiceRoleForBatch", "AWS Batch"),
        ("AWSServiceRoleForAmazonPrometheusScraper_a1b2", "2024-11-11"),
        ("AWSServiceRoleForSomethingElse", "own guide"),
    ],
)
def test_service_linked_role_has_the_recipe_of_its_service(name: str, words: str) -> None:
    snapshot = world([row(role(name), "service")], principals=[])
    told = finding(planned(snapshot), "service-linked-role")
    assert words in told.remedy
    # What every recipe begins with: the row stays in force.
    assert not planned(snapshot, target="API_AND_CONFIG_MAP").blocked
