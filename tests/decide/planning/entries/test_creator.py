"""The cluster's hidden creator."""

from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.planning.explain import explain
from migrator.decide.planning.proof.basis import basis_of
from migrator.decide.planning.stubs import stubs_for
from migrator.decide.steps.entry_states import default_username
from migrator.errors import Failed
from migrator.model.access_entry import AssociatedPolicy, EntrySpec, Identity
from migrator.model.decision import CreatorAnswer, Decisions
from migrator.model.snapshot import Creator, Snapshot
from migrator.model.step import AssociatePolicy, AwaitEntry, DisassociatePolicy, Prove
from tests.support.worlds import (
    ACCEPTED,
    ACCOUNT,
    OTHER,
    Row,
    answers,
    bind,
    finding,
    findings,
    group,
    iam,
    kinds,
    login,
    named,
    node_row,
    nodegroup,
    on_cluster,
    only,
    planned,
    rbac,
    role,
    row,
    usage,
    user,
    world,
)

MAKER = role("maker")
OWN = EntrySpec("STANDARD", None, (), (on_cluster(),))


def made(*rows: Row, arn: str = MAKER, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "mode": "CONFIG_MAP",
        "creator": Creator(arn, "CloudTrail"),
        "principals": [iam(MAKER)],
        **changes,
    }
    return world(rows, **fields)


def test_creator_is_awaited_in_config_map_mode() -> None:
    plan = planned(made())
    assert (only(plan).action, only(plan).entry) == ("await", OWN)
    assert only(plan).before == Identity("kubernetes-admin", ("system:masters",), "automatic")
    assert kinds(plan) == ["enable-entries", "await-entry", "prove"]


def test_session_that_created_the_cluster_is_its_role() -> None:
    full = role("team/maker")
    plan = planned(
        made(arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/maker/me", principals=[iam(full)])
    )
    assert only(plan).principal_arn == full


def test_creator_is_like_everybody_else_after_the_switch() -> None:
    assert planned(made(mode="API_AND_CONFIG_MAP")).principals == ()
    assert only(planned(made(row(MAKER, "x"), mode="API_AND_CONFIG_MAP"))).action == "create"


def test_creator_without_admin_permissions_is_like_everybody_else() -> None:
    raw = {"accessConfig": {"bootstrapClusterCreatorAdminPermissions": False}}
    assert planned(made(cluster_raw=raw)).principals == ()
    assert findings(planned(made(cluster_raw=raw, creator=None)), "creator-unknown") == ()


def test_unknown_creator_is_reported() -> None:
    assert finding(planned(made(creator=None)), "creator-unknown").severity == "warn"


def test_creator_that_does_not_exist_any_more_is_skipped() -> None:
    plan = planned(made(principals=()))
    assert (only(plan).action, only(plan).findings) == ("skip", ("principal-absent",))


def test_no_remedy_takes_the_row_of_a_creator_that_does_not_exist() -> None:
    """In CONFIG_MAP mode the row hides the creator's hidden identity, which has system:masters."""
    for rows in ([], [row(MAKER, "boss")], [row(MAKER, "boss", ("system:masters",))]):
        remedy = finding(planned(made(*rows, principals=())), "principal-absent").remedy
        assert "delete" not in remedy.lower()


def test_row_that_gives_more_is_followed_by_an_update() -> None:
    plan = planned(made(row(MAKER, "boss", ("system:masters", "unbound"))))
    assert (only(plan).action, only(plan).entry) == ("await", OWN)
    assert kinds(plan, MAKER) == ["await-entry", "update-entry", "prove", "update-entry", "prove"]
    last = [s.effect for s in plan.steps if s.effect.kind == "update-entry"][-1]
    assert getattr(last, "entry", None) == EntrySpec(
        "STANDARD", "boss", ("unbound",), (on_cluster(),)
    )


def test_creators_row_with_a_name_that_something_references_blocks_the_mode_step() -> None:
    for snapshot in (
        made(row(MAKER, "boss", ("system:masters",)), rbac=rbac(bind(named("boss")))),
        made(row(MAKER, "boss", ("devs",)), rbac=rbac(bind(group("devs")))),
    ):
        plan = planned(snapshot)
        assert only(plan).action == "block"
        assert "creator-row-differs" in only(plan).findings


def test_gap_of_the_creators_row_can_be_accepted() -> None:
    snapshot = made(row(MAKER, "boss", ("system:masters", "devs")), rbac=rbac(bind(group("devs"))))
    plan = planned(snapshot, Decisions(accept_loss={MAKER: ACCEPTED}))
    assert only(plan).action == "await"
    assert kinds(plan, MAKER)[1] == "update-entry"


def test_creators_row_that_cannot_be_carried_blocks() -> None:
    assert only(planned(made(row(MAKER, "x", ("t:{{SessionName}}",))))).action == "block"


def test_whatever_names_the_hidden_creator_is_listed() -> None:
    plan = planned(made(rbac=rbac(bind(named("kubernetes-admin")))))
    assert "view-binding" in finding(plan, "creator-name-referenced").message


def test_user_may_be_the_creator() -> None:
    plan = planned(made(arn=user("ana"), principals=[iam(user("ana"))]))
    assert only(plan).principal_arn == user("ana")


def test_creator_with_rows_at_random_blocks_the_mode_step() -> None:
    ana = user("ana")
    snapshot = world(
        [],
        [row(ana, "a", ("x",)), row(user("ANA"), "b", ("y",))],
        mode="CONFIG_MAP",
        creator=Creator(ana, "CloudTrail"),
        rbac=rbac(bind(group("x"))),
        principals=[iam(ana)],
    )
    principal = only(planned(snapshot))
    assert (principal.action, principal.findings) == (
        "block",
        ("creator-becomes-entry", "ambiguous-user"),
    )


def test_creator_under_whose_role_nodes_run_blocks_the_mode_step() -> None:
    maker = role("maker")
    for rows in ([], [node_row(maker)]):
        snapshot = world(
            rows,
            mode="CONFIG_MAP",
            creator=Creator(maker, "CloudTrail"),
            principals=[iam(maker, "ec2")],
            nodegroups=(nodegroup(maker),),
        )
        principal = only(planned(snapshot))
        assert principal.action == "block"
        assert "automatic-entry-differs" in principal.findings


def test_a_blocked_creator_whose_row_spells_it_otherwise_is_one_blocked_principal() -> None:
    """Until its entry is there, nothing but the row tells its spelling: the plan is blocked, and
    not unprovable.
    """
    snapshot = made(
        row(user("ANA"), "alice"),
        arn=user("ana"),
        principals=(),
        accounts_read=(),
        rbac=rbac(bind(named("alice"), name="b")),
    )
    assert [(p.principal_arn, p.action) for p in planned(snapshot).principals] == [
        (user("ana"), "block")
    ]


def test_creator_with_a_row_is_what_the_row_says() -> None:
    plan = planned(made(row(MAKER, "boss", ("system:masters", "unbound"))))
    assert only(plan).before == Identity("boss", ("system:masters", "unbound"), "config-map")


def test_row_that_never_matches_leaves_the_creator_hidden() -> None:
    full = role("team/maker")
    plan = planned(made(row(full, "boss", ("devs",)), arn=full, principals=[iam(full)]))
    assert only(plan).before == Identity("kubernetes-admin", ("system:masters",), "automatic")
    assert only(plan).action == "await"


def test_entry_of_eks_that_gives_the_creator_more_than_its_row_blocks_until_answered() -> None:
    snapshot = made(row(MAKER, "boss", ("unbound",)))
    plan = planned(snapshot)
    assert (only(plan).action, finding(plan, "creator-entry-wider").severity) == ("block", "block")
    stays = planned(
        snapshot, Decisions(creator=CreatorAnswer(MAKER, "Ana", "it stays an administrator"))
    )
    assert (only(stays).action, finding(stays, "creator-entry-wider").severity) == ("await", "warn")
    assert "Ana" in finding(stays, "creator-entry-wider").message
    taken = planned(snapshot, answers(MAKER, policies=()))
    assert "disassociate-policy" in kinds(taken, MAKER)
    first, second = stubs_for(plan)
    assert (first.section, first.key, first.answer["policies"]) == ("principals", MAKER, [])
    assert (second.section, second.key, second.answer["arn"]) == ("creator", None, MAKER)


@pytest.mark.parametrize("groups", [("devs",), ("unbound",), ("devs", "unbound"), ()])
@pytest.mark.parametrize("policies", [(), (on_cluster("AmazonEKSViewPolicy"),)])
def test_no_proof_is_waited_for_while_the_entry_gives_more_than_the_row(
    groups: tuple[str, ...], policies: tuple[AssociatedPolicy, ...]
) -> None:
    """A creator that never logs in is never proven: what stands before a proof may stay for
    ever.
    """
    view = rbac(bind(group("devs")), bind(named("boss"), name="by-name"))
    snapshot = made(row(MAKER, "boss", groups), rbac=view)
    decided = replace(answers(MAKER, policies=policies), accept_loss={MAKER: ACCEPTED})
    plan = planned(snapshot, decided)
    assert (only(plan).action, only(plan).access.gained) == ("await", ())
    assert "prove" in kinds(plan, MAKER)
    held: set[AssociatedPolicy] = set()
    for step in plan.steps:
        match step.effect:
            case AwaitEntry(expected=expected):
                held = set(expected.access_policies)
            case AssociatePolicy(policy=policy):
                held.add(policy)
            case DisassociatePolicy(policy=policy):
                held.remove(policy)
            case Prove():
                names = {policy.policy_name for policy in held}
                assert names <= {policy.policy_name for policy in policies}
            case _:
                continue
    # What the row gives is on the entry before EKS's policy goes: in between, nothing is lacking.
    order = kinds(plan, MAKER)
    assert order.index("update-entry") < order.index("disassociate-policy")


@pytest.mark.parametrize("policies", [None, (), (on_cluster("AmazonEKSViewPolicy"),)])
@pytest.mark.parametrize("given", [None, ("devs",), ()])
def test_no_answer_but_accept_loss_lifts_the_gap_of_the_creators_row(
    policies: tuple[AssociatedPolicy, ...] | None, given: tuple[str, ...] | None
) -> None:
    """From the switch to the update, EKS's own entry is in force, whatever comes later."""
    snapshot = made(row(MAKER, "boss", ("devs",)), rbac=rbac(bind(group("devs"))))
    answered = answers(MAKER, policies=policies, groups=given)
    for creator in (None, CreatorAnswer(MAKER, "Ana", "it stays")):
        plan = planned(snapshot, replace(answered, creator=creator))
        assert (only(plan).action, finding(plan, "creator-row-differs").severity) == (
            "block",
            "block",
        )


def test_row_that_is_bound_to_everything_is_no_narrower_than_the_entry_of_eks() -> None:
    everything = rbac(bind(group("ops"), role_name="cluster-admin"))
    plan = planned(made(row(MAKER, "boss", ("ops",)), rbac=everything))
    assert findings(plan, "creator-entry-wider") == ()


def test_creator_is_known_by_an_answer_and_by_a_login_without_a_row() -> None:
    answer = Decisions(creator=CreatorAnswer(MAKER, "Ana", "the bootstrap job"))
    answered = planned(made(creator=None), answer)
    assert (only(answered).action, only(answered).principal_arn) == ("await", MAKER)
    assert "Ana" in finding(answered, "creator-becomes-entry").message
    seen = planned(made(creator=None, usage=usage(login(MAKER, "kubernetes-admin"))))
    assert only(seen).action == "await"
    assert findings(seen, "creator-unknown") == ()


def test_login_as_kubernetes_admin_that_a_row_explains_tells_no_creator() -> None:
    snapshot = made(row(MAKER, "kubernetes-admin", ("system:masters",)), creator=None)
    plan = planned(replace(snapshot, usage=usage(login(MAKER, "kubernetes-admin"))))
    assert only(plan).action == "create"
    both = usage(login(MAKER, "kubernetes-admin"), login(user("ana"), "kubernetes-admin"))
    assert planned(made(creator=None, usage=both)).principals == ()


@pytest.mark.parametrize(
    "arn",
    [
        role("maker", OTHER),
        role("maker", partition="aws-cn"),
        f"arn:aws:sts::{ACCOUNT}:assumed-role/maker/me",
        f"arn:aws:iam::{ACCOUNT}:group/makers",
        role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"),
        role("mistyped"),
        role("path/maker"),
        "maker",
    ],
)
def test_answer_that_cannot_name_the_creator_is_refused(arn: str) -> None:
    with pytest.raises(Failed) as refused:
        planned(made(creator=None), Decisions(creator=CreatorAnswer(arn, "Ana", "x")))
    assert refused.value.code == "decision-invalid"


def test_answer_against_the_evidence_is_refused() -> None:
    snapshot = made(principals=[iam(MAKER), iam(role("other"))])
    with pytest.raises(Failed, match="does not fit") as refused:
        planned(snapshot, Decisions(creator=CreatorAnswer(role("other"), "Ana", "x")))
    assert "CloudTrail" in refused.value.why


def test_plan_stays_good_for_whoever_does_not_know_the_creator() -> None:
    """The fresh read of apply may not see CloudTrail, and after the mode step nothing tells the
    creator.
    """
    snapshot = made(row(role("dev"), "dev"), principals=[iam(MAKER), iam(role("dev"))])
    unread = replace(snapshot, creator=None, iam_principals=(iam(role("dev")),))
    assert planned(snapshot).basis == basis_of(unread)


def test_row_that_gives_what_the_entry_of_eks_gives_needs_no_knowledge_of_names() -> None:
    plan = planned(made(row(MAKER, default_username(MAKER), ("system:masters",)), rbac=None))
    assert findings(plan, "creator-row-differs") == ()


def test_creators_group_that_nothing_names_is_added_to_the_entry_of_eks() -> None:
    rows = [row(MAKER, default_username(MAKER), ("system:masters", "own"))]
    plan = planned(made(*rows, rbac=rbac()))
    assert only(plan).action == "await"
    after = explain(plan, MAKER).after
    assert after is not None
    assert after.groups == ("own",)


def test_answer_about_the_creator_of_a_cluster_without_one_is_refused() -> None:
    raw = {"accessConfig": {"bootstrapClusterCreatorAdminPermissions": False}}
    answer = Decisions(creator=CreatorAnswer(MAKER, "Ana", "x"))
    with pytest.raises(Failed) as refused:
        planned(made(cluster_raw=raw, creator=None), answer)
    assert refused.value.code == "decision-invalid"
    later = made(cluster_raw=raw, creator=None, mode="API_AND_CONFIG_MAP")
    assert planned(later, answer).principals == ()


def test_log_in_of_a_role_that_was_not_read_does_not_show_the_creators_path() -> None:
    unread: dict[str, Any] = {"principals": (), "accounts_read": ()}
    seen = made(creator=None, usage=usage(login(MAKER, "kubernetes-admin")), **unread)
    assert planned(seen).principals == ()
    assert finding(planned(seen), "creator-unknown").severity == "warn"


def test_log_in_of_a_user_that_was_not_read_shows_the_creator() -> None:
    unread: dict[str, Any] = {"principals": (), "accounts_read": ()}
    seen = made(creator=None, usage=usage(login(user("ana"), "kubernetes-admin")), **unread)
    assert (only(planned(seen)).principal_arn, only(planned(seen)).action) == (user("ana"), "await")
