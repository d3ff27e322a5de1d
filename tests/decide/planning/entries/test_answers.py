"""decisions.yaml: every answer is checked, none may widen what exists, and a loss needs a name."""

from typing import Any

import pytest

from migrator.errors import Failed
from migrator.model.access_entry import AuthenticationMode, EntrySpec
from migrator.model.decision import Acceptance, AssumeAs, Decisions, GroupAnswer, PrincipalAnswer
from migrator.model.snapshot import Creator, Snapshot
from tests.support.worlds import (
    ACCEPTED,
    ACCOUNT,
    LONG_AGO,
    NODE_GROUPS,
    OTHER,
    SESSION_NODE,
    VIEW_POLICY,
    answers,
    bind,
    entry,
    finding,
    group,
    group_answers,
    iam,
    in_namespaces,
    kinds,
    named,
    node,
    node_row,
    nodegroup,
    on_cluster,
    only,
    planned,
    profile,
    rbac,
    role,
    row,
    user,
    world,
)

DEV = role("dev")
READERS = rbac(bind(group("readers")), bind(group("editors"), role_name="edit"))


def refused(snapshot: Snapshot, decisions: Decisions) -> str:
    with pytest.raises(Failed) as error:
        planned(snapshot, decisions)
    return error.value.code


@pytest.mark.parametrize(
    "decisions",
    [
        answers(role("typo")),
        Decisions(accept_loss={role("typo"): ACCEPTED}),
        Decisions(waive_verification={role("typo"): ACCEPTED}),
        Decisions(accept_lost_sections=("mapRoles",)),
        Decisions(accounts={OTHER: "x"}),
        Decisions(expand_accounts={OTHER: ()}),
        group_answers(eks__typo="x"),
        Decisions(proof_policy={"typo": "live"}),
    ],
)
def test_answer_that_matches_nothing_is_an_error(decisions: Decisions) -> None:
    assert refused(world([row(DEV, "x")]), decisions) == "decision-unused"


@pytest.mark.parametrize(
    ("decisions", "near"),
    [
        (answers(DEV.replace("dev", "dve")), DEV),
        (Decisions(accept_loss={DEV + "s": ACCEPTED}), DEV),
        (Decisions(verify_as={DEV[:-1]: AssumeAs("x")}), DEV),
        (group_answers(teem__a="x"), "team:a"),
        (Decisions(accounts={OTHER: "x"}), None),
        (answers(role("somebody-else-altogether")), None),
    ],
)
def test_answer_that_is_nearly_right_names_the_one_that_there_is(
    decisions: Decisions, near: str | None
) -> None:
    with pytest.raises(Failed) as error:
        planned(world([row(DEV, "x", ["team:a"])]), decisions)
    assert error.value.code == "decision-unused"
    remedy = error.value.remedy or ""
    assert ("The cluster has" in remedy) == (near is not None), remedy
    assert near is None or f"`{near}`" in remedy


def test_log_ins_of_another_cluster_are_no_error_beside_those_of_this_one() -> None:
    ways = {each: AssumeAs("x") for each in (DEV, DEV + "2", role("somebody-else-altogether"))}
    found = planned(world([row(DEV, "x")]), Decisions(verify_as=ways))
    assert [each.principal_arn for each in found.principals] == [DEV]


def test_answers_to_a_finished_migration_are_no_error() -> None:
    decisions = Decisions(accounts={OTHER: "x"}, principals={DEV: PrincipalAnswer("skip")})
    assert planned(world(mode="API"), decisions).steps == ()


ENDED = [
    ("2026-11-21", True),
    ("2026-11-22", False),
    ("2026-11-22T00:00:00Z", True),
    ("next week", True),
    (None, False),
]


@pytest.mark.parametrize(("until", "ended"), ENDED)
@pytest.mark.parametrize("section", ["accept_loss", "accept_gain"])
def test_acceptance_whose_date_has_passed_is_an_error(
    section: str, until: str | None, *, ended: bool
) -> None:
    given = {DEV: Acceptance("Eve", "in a hurry", until)}
    decisions = {
        "accept_loss": Decisions(accept_loss=given),
        "accept_gain": Decisions(accept_gain=given),
    }[section]
    snapshot = world([row(DEV, "x")])
    if ended:
        assert refused(snapshot, decisions) == "decision-expired"
    else:
        assert planned(snapshot, decisions).steps


def test_acceptance_whose_date_has_passed_is_no_error_after_the_cut_over() -> None:
    decisions = Decisions(accept_loss={DEV: Acceptance("Eve", "in a hurry", "2026-11-01")})
    assert planned(world(mode="API"), decisions).steps == ()


def test_answers_find_their_principal_by_row_or_by_full_arn_whatever_the_case() -> None:
    full = role("team/dev")
    for key in (DEV, full, DEV.replace("role/dev", "role/DEV")):
        plan = planned(world([row(DEV, "x")], principals=[iam(full)]), answers(key, username="y"))
        assert only(plan).entry == EntrySpec("STANDARD", "y")


def test_skip_of_somebody_who_logs_in_needs_a_named_acceptance() -> None:
    snapshot = world([row(DEV, "x", ("readers",))], rbac=READERS)
    assert "loss-not-accepted" in only(planned(snapshot, answers(DEV, "skip"))).findings
    accepted = only(planned(snapshot, answers(DEV, "skip", accepted=True)))
    assert accepted.action == "skip"
    assert accepted.access.lost
    assert {"skipped-by-decision", "loss-accepted"} <= set(accepted.findings)


def test_skip_of_a_blocked_row_without_access_needs_no_acceptance() -> None:
    snapshot = world(principals=[iam(role("nodes"), "ec2")], nodes=(node(role("nodes")),))
    assert only(planned(snapshot, answers(role("nodes"), "skip"))).action == "skip"


def test_skip_of_what_is_skipped_or_kept_anyway_changes_nothing() -> None:
    snapshot = world([row(role("team/x"))], entries=[entry(DEV)], principals=[iam(DEV)])
    decisions = Decisions(
        principals={DEV: PrincipalAnswer("skip"), role("team/x"): PrincipalAnswer("skip")}
    )
    assert {p.action for p in planned(snapshot, decisions).principals} == {"skip", "keep"}


def test_skip_of_an_entry_that_eks_makes_itself_is_refused() -> None:
    nodes = role("nodes")
    snapshot = world(
        [node_row(nodes)],
        principals=[iam(nodes, "ec2")],
        nodegroups=(nodegroup(nodes),),
        mode="CONFIG_MAP",
    )
    assert refused(snapshot, answers(nodes, "skip")) == "decision-invalid"


def test_live_but_not_expressible_principal_can_be_skipped_with_an_accepted_loss() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    snapshot = world([row(arn, "root", ("system:masters",))])
    assert only(planned(snapshot, answers(arn, "skip", accepted=True))).action == "skip"
    assert refused(snapshot, answers(arn)) == "decision-invalid"


def test_answer_never_widens_an_identity_that_exists() -> None:
    snapshot = world([row(DEV, "x", ("readers",))], rbac=READERS)
    for decisions in (
        answers(DEV, groups=("readers", "editors")),
        answers(DEV, policies=(on_cluster("AmazonEKSClusterAdminPolicy"),)),
    ):
        assert refused(snapshot, decisions) == "decision-invalid"


def test_answer_never_widens_an_entry_that_exists() -> None:
    snapshot = world(entries=[entry(DEV, "x", ("readers",))], principals=[iam(DEV)], rbac=READERS)
    assert refused(snapshot, answers(DEV, groups=("editors",))) == "decision-invalid"


def test_answer_that_loses_access_needs_a_named_acceptance() -> None:
    snapshot = world([row(DEV, "x", ("editors",))], rbac=READERS)
    plan = planned(snapshot, answers(DEV, groups=("readers",)))
    assert (only(plan).action, only(plan).proposed) == (
        "block",
        EntrySpec("STANDARD", "x", ("readers",)),
    )
    accepted = planned(snapshot, answers(DEV, groups=("readers",), accepted=True))
    assert (only(accepted).action, only(accepted).entry) == (
        "create",
        EntrySpec("STANDARD", "x", ("readers",)),
    )


def test_dead_row_may_be_granted_by_a_person_as_a_new_grant() -> None:
    snapshot = world(
        [row(role("team/dev"), "x", ("readers",))], principals=[iam(role("team/dev"))], rbac=READERS
    )
    plan = planned(snapshot, answers(role("team/dev"), username="x", groups=("readers",)))
    assert (only(plan).action, only(plan).entry) == (
        "create",
        EntrySpec("STANDARD", "x", ("readers",)),
    )
    assert finding(plan, "new-grant").severity == "warn"


def test_dead_row_whose_principal_is_decided_elsewhere_cannot_be_granted() -> None:
    snapshot = world(
        [row(role("team/dev"), "x"), row(DEV, "y")], principals=[iam(role("other/dev"))]
    )
    assert refused(snapshot, answers(role("team/dev"))) == "decision-invalid"


def test_principal_that_does_not_exist_cannot_be_created() -> None:
    assert refused(world([row(DEV)], principals=()), answers(DEV)) == "decision-invalid"


@pytest.mark.parametrize(
    "fields",
    [
        {"username": "system:x"},
        {"username": "{{SessionName}}"},
        {"username": ""},
        {"username": "a:{{AccessKeyID}}"},
        {"username": "a:{{EC2PrivateDNSName}}"},
        {"groups": ("system:masters",)},
        {"groups": ("",)},
        {"groups": ("t:{{SessionName}}",)},
        {"policies": (on_cluster("NoSuchPolicy"),)},
        {
            "policies": (
                on_cluster("AmazonEKSViewPolicy"),
                in_namespaces("AmazonEKSViewPolicy", "shop"),
            )
        },
        {"type": "EC2_LINUX", "groups": ("x",)},
    ],
)
def test_answer_that_eks_would_refuse_is_refused(fields: dict[str, Any]) -> None:
    assert refused(world([row(DEV, "x")]), answers(DEV, **fields)) == "decision-invalid"


def test_policy_may_be_named_without_its_arn() -> None:
    snapshot = world([row(DEV, "x", ("readers", "system:masters"))], rbac=READERS)
    plan = planned(
        snapshot,
        answers(DEV, policies=(in_namespaces("AmazonEKSViewPolicy", "shop"),), accepted=True),
    )
    assert only(plan).entry == EntrySpec(
        "STANDARD", "x", ("readers",), (in_namespaces(VIEW_POLICY, "shop"),)
    )


def test_policy_may_be_named_by_its_arn() -> None:
    snapshot = world([row(DEV, "x", ("readers",))], rbac=READERS)
    plan = planned(snapshot, answers(DEV, groups=(), policies=(on_cluster(VIEW_POLICY),)))
    assert only(plan).entry == EntrySpec("STANDARD", "x", (), (on_cluster(VIEW_POLICY),))


def test_ambiguous_user_may_stay_where_the_migration_ends_at_dual_mode() -> None:
    snapshot = world(
        users=[row(user("ana"), "a"), row(user("ANA"), "b")], principals=[iam(user("ana"))]
    )
    assert only(planned(snapshot, target="API_AND_CONFIG_MAP")).action == "skip"


def test_answered_policy_without_masters_crosses_without_a_bridge() -> None:
    snapshot = world([row(DEV, "x", ("readers",))], rbac=READERS)
    plan = planned(snapshot, answers(DEV, groups=(), policies=(on_cluster("AmazonEKSViewPolicy"),)))
    assert "create-bridge" not in kinds(plan)
    first = next(s.effect for s in plan.steps if s.effect.kind == "create-entry")
    assert getattr(first, "entry", EntrySpec()).kubernetes_groups == (
        "readers",
        "migrator-probe:{run}",
    )


def test_type_of_an_entry_cannot_be_answered_away() -> None:
    nodes = role("nodes")
    snapshot = world(
        [node_row(nodes)], principals=[iam(nodes, "ec2")], entries=[entry(nodes, type="EC2_LINUX")]
    )
    assert refused(snapshot, answers(nodes, type="STANDARD", username="x")) == "decision-invalid"


def test_answer_that_repeats_what_exists_changes_nothing() -> None:
    snapshot = world([row(DEV, "x")], entries=[entry(DEV, "x", ("a",))])
    assert only(planned(snapshot, answers(DEV, username="x"))).action == "keep"


def test_answer_over_a_dead_entry_recreates_it() -> None:
    old = entry(DEV, created_at=LONG_AGO.replace(year=2020))
    snapshot = world([row(DEV, "x", ("t:{{SessionName}}",))], entries=[old])
    assert only(planned(snapshot, answers(DEV, groups=()))).action == "recreate"


def test_answer_can_add_to_the_creators_own_entry_only() -> None:
    maker = role("maker")
    snapshot = world(creator=Creator(maker, "tags"), principals=[iam(maker)], mode="CONFIG_MAP")
    plan = planned(snapshot, answers(maker, username="boss"))
    assert only(plan).action == "await"
    assert kinds(plan, maker)[1] == "update-entry"


def test_managed_nodes_without_a_row_can_be_answered_by_their_type() -> None:
    nodes = role("nodes")
    snapshot = world(
        principals=[iam(nodes, "ec2")], nodegroups=(nodegroup(nodes),), mode="CONFIG_MAP"
    )
    plan = planned(snapshot, answers(nodes, type="EC2_LINUX"))
    assert (only(plan).action, only(plan).entry) == ("await", EntrySpec("EC2_LINUX"))
    assert refused(snapshot, answers(nodes, type="STANDARD", username="x")) == "decision-invalid"


@pytest.mark.parametrize("mode", ["CONFIG_MAP", "API_AND_CONFIG_MAP"])
def test_answer_for_a_role_of_nodes_must_say_the_type(mode: AuthenticationMode) -> None:
    nodes = role("nodes")
    snapshot = world(principals=[iam(nodes, "ec2")], nodes=(node(nodes, "windows"),), mode=mode)
    assert refused(snapshot, answers(nodes)) == "decision-invalid"
    assert only(planned(snapshot, answers(nodes, type="EC2_WINDOWS"))).entry == EntrySpec(
        "EC2_WINDOWS"
    )
    assert only(
        planned(snapshot, answers(nodes, type="STANDARD", username="x"))
    ).entry == EntrySpec("STANDARD", "x")


def test_fargate_entry_cannot_be_answered_into_being() -> None:
    pods = role("pods")
    snapshot = world(
        [row(pods, SESSION_NODE, NODE_GROUPS)],
        principals=[iam(pods, "eks-fargate-pods")],
        fargate_profiles=(profile(pods),),
    )
    assert refused(snapshot, answers(pods, type="FARGATE_LINUX")) == "decision-invalid"


def test_answer_that_changes_access_cannot_be_judged_without_rbac() -> None:
    snapshot = world([row(DEV, "{{SessionName}}", ("readers",))], rbac=None)
    assert (
        "answer-unjudged"
        in only(planned(snapshot, answers(DEV, username="sso:{{SessionName}}"))).findings
    )


def test_username_that_rbac_binds_moves_only_with_an_accepted_loss() -> None:
    snapshot = world([row(DEV, "{{SessionName}}")], rbac=rbac(bind(named("alice"))))
    decisions = answers(DEV, username="sso:{{SessionName}}")
    assert "loss-not-accepted" in only(planned(snapshot, decisions)).findings
    assert (
        only(planned(snapshot, answers(DEV, username="sso:{{SessionName}}", accepted=True))).action
        == "create"
    )


def test_ambiguous_user_can_be_answered() -> None:
    snapshot = world(
        users=[row(user("ana"), "a", ("readers",)), row(user("ANA"), "b")],
        principals=[iam(user("ana"))],
    )
    plan = planned(snapshot, answers(user("ana"), username="a", groups=()))
    assert only(plan).entry == EntrySpec("STANDARD", "a")


@pytest.mark.parametrize("arn", ["nobody", f"arn:aws:iam::{ACCOUNT}:root"])
def test_break_glass_must_be_a_role_or_user(arn: str) -> None:
    assert refused(world(), Decisions(break_glass=arn)) == "decision-invalid"


def test_break_glass_is_named_by_the_plan() -> None:
    plan = planned(
        world([row(DEV, "x", ("system:masters",))]), Decisions(break_glass=role("glass"))
    )
    assert plan.break_glass == role("glass")
    assert not [f for f in plan.findings if f.code == "single-admin"]


def test_who_accepts_is_named_in_the_finding() -> None:
    snapshot = world([row(DEV, "x", ("readers",))], rbac=READERS)
    assert (
        "Ana"
        in finding(planned(snapshot, answers(DEV, "skip", accepted=True)), "loss-accepted").message
    )


@pytest.mark.parametrize("name", ["migrator-bridge:1", "migrator-probe:1"])
def test_names_of_a_runs_own_groups_are_refused_in_answers(name: str) -> None:
    snapshot = world([row(DEV, "x", ("eks:a", "system:masters"))])
    also = Decisions(groups={"system:masters": GroupAnswer(also=name)})
    for decisions in (answers(DEV, username="x", groups=(name,)), group_answers(eks__a=name), also):
        with pytest.raises(Failed) as error:
            planned(snapshot, decisions)
        assert error.value.code == "decision-invalid"


def test_answer_that_names_a_principal_which_does_not_exist_is_refused() -> None:
    snapshot = world([row(DEV, "x")], principals=[])
    assert refused(snapshot, answers(DEV, principal_arn=DEV)) == "decision-invalid"


def test_answer_that_makes_a_role_of_nodes_standard_leaves_the_username_to_eks() -> None:
    nodes = role("nodes")
    snapshot = world(principals=[iam(nodes, "ec2")], nodes=(node(nodes, "windows"),))
    plan = planned(snapshot, answers(nodes, type="STANDARD"))
    assert only(plan).entry == EntrySpec("STANDARD", None)


def test_person_may_name_the_path_of_a_role_that_only_its_node_group_shows() -> None:
    full = role("path/nodes")
    snapshot = world(
        [node_row(role("nodes"))],
        nodegroups=(nodegroup(full),),
        principals=[],
        accounts_read=(),
    )
    plan = planned(snapshot, answers(role("nodes"), principal_arn=full, type="EC2_LINUX"))
    assert (only(plan).principal_arn, only(plan).entry) == (full, EntrySpec("EC2_LINUX"))
