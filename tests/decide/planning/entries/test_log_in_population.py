"""Who can log in is part of access: a log-in that is refused today and admitted tomorrow is a gain
with a name.
"""

from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.planning.explain import explain
from migrator.decide.planning.rereading.prove_again import inconsistencies
from migrator.decide.planning.stubs import stubs_for
from migrator.decide.proving.announced import unannounced_changes
from migrator.errors import Failed
from migrator.model.access_entry import EntrySpec, EntryType
from migrator.model.decision import Acceptance, Decisions, PrincipalAnswer, Stub
from migrator.model.files.plan import decode_plan, encode_plan
from migrator.model.log_ins import LogIns
from migrator.model.plan import Plan
from migrator.model.snapshot import Creator, Snapshot
from migrator.model.step import ProofClass
from tests.support.worlds import (
    ACCEPTED,
    ADMIN_POLICY,
    LONG_AGO,
    NODE_GROUPS,
    NODE_USERNAME,
    SESSION_NODE,
    answers,
    bind,
    entry,
    finding,
    group,
    iam,
    node,
    node_row,
    nodegroup,
    only,
    planned,
    profile,
    rbac,
    role,
    row,
    user,
    world,
)

JENKINS = role("jenkins")
BUILDERS = rbac(bind(group("builders")))
INSTANCES, OTHERS = LogIns("instance"), LogIns("other")
GAIN = {JENKINS: ACCEPTED}


def jenkins(
    username: str = "jenkins-{{EC2PrivateDNSName}}",
    *groups: str,
    **changes: Any,  # noqa: ANN401
) -> Snapshot:
    return world(
        [row(JENKINS, username, groups or ("builders",))],
        rbac=BUILDERS,
        principals=[iam(JENKINS, "ec2")],
        **changes,
    )


def first_answer(plan: Plan) -> list[Stub]:
    return [stub for stub in stubs_for(plan) if 1 in stub.choices]


def test_stub_that_gives_a_username_does_not_admit_every_session_silently() -> None:
    """The stub of username-ec2-template asks for a username. Before, its answer made an entry for
    every session of the role, with an empty `gained`.
    """
    (stub,) = (stub for stub in first_answer(planned(jenkins())) if stub.section == "principals")
    assert stub.answer["username"] == "<username>"
    plan = planned(jenkins(), answers(JENKINS, username="jenkins"))
    principal = only(plan)
    assert principal.action == "block"
    assert principal.access.log_ins_gained == (OTHERS,)
    assert principal.access.log_ins_lost == ()
    found = finding(plan, "log-in-population-gained")
    assert (found.severity, found.principal_arn, found.source) == ("block", JENKINS, "mapRoles[0]")
    assert "sessions that are not an EC2 instance's" in found.message
    assert plan.blocked


def test_accepted_gain_is_announced_and_makes_the_entry() -> None:
    decisions = replace(answers(JENKINS, username="jenkins"), accept_gain=GAIN)
    plan = planned(jenkins(), decisions)
    principal = only(plan)
    assert (principal.action, principal.entry) == (
        "create",
        EntrySpec("STANDARD", "jenkins", ("builders",)),
    )
    assert principal.access.log_ins_gained == (OTHERS,)
    assert finding(plan, "log-in-population-gained").severity == "warn"
    assert "Ana accepts" in finding(plan, "gain-accepted").message
    assert not plan.blocked
    assert decode_plan(encode_plan(plan)) == plan


def test_open_question_names_the_gain_before_any_answer() -> None:
    plan = planned(jenkins())
    assert {"username-ec2-template", "log-in-population-gained"} <= set(only(plan).findings)
    assert only(plan).access.log_ins_gained == (OTHERS,)
    assert [stub.section for stub in first_answer(plan)] == ["principals", "accept_gain"]
    principals, gain = first_answer(plan)
    assert any(line.startswith("Answer 1 of 2: GAINS access") for line in principals.about)
    other = [stub for stub in stubs_for(plan) if stub.choices == (2,)]
    assert [stub.section for stub in other] == ["principals", "accept_loss"]
    assert all(stub.about[-1].startswith("Answer 2 of 2: LOSES access") for stub in other)
    assert gain.answer == {"by": "<your name>", "reason": "<why>"}


def test_stubs_taken_literally_leave_no_blocker() -> None:
    filled = {"<username>": "jenkins", "<why>": "reviewed", "<your name>": "Ana"}
    chosen = {
        stub.section: {k: filled.get(v, v) for k, v in stub.answer.items()}
        for stub in first_answer(planned(jenkins()))
    }
    decisions = Decisions(
        principals={JENKINS: PrincipalAnswer(**chosen["principals"])},
        accept_gain={JENKINS: Acceptance(**chosen["accept_gain"])},
    )
    assert not planned(jenkins(), decisions).blocked


def test_leaving_the_role_out_loses_its_instances_and_gains_nothing() -> None:
    plan = planned(jenkins(), answers(JENKINS, "skip", accepted=True))
    assert only(plan).access.log_ins_lost == (INSTANCES,)
    assert only(plan).access.log_ins_gained == ()
    assert not plan.blocked


def test_accepted_gain_does_not_accept_permissions() -> None:
    decisions = replace(
        answers(JENKINS, username="jenkins", groups=("builders", "admins")), accept_gain=GAIN
    )
    snapshot = world(
        [row(JENKINS, "jenkins-{{EC2PrivateDNSName}}", ("builders",))],
        rbac=rbac(bind(group("builders")), bind(group("admins"), role_name="cluster-admin")),
        principals=[iam(JENKINS, "ec2")],
    )
    with pytest.raises(Failed, match=r"does not fit") as error:
        planned(snapshot, decisions)
    assert error.value.code == "decision-invalid"


def test_template_in_a_group_admits_instances_only_too() -> None:
    snapshot = jenkins("jenkins", "builders", "x-{{EC2PrivateDNSName}}")
    assert only(planned(snapshot)).access.log_ins_gained == (OTHERS,)
    plan = planned(
        snapshot, answers(JENKINS, username="jenkins", groups=("builders",), accepted=True)
    )
    assert "log-in-population-gained" in only(plan).findings
    assert plan.blocked


def test_masters_row_under_an_instance_name_is_the_same_gain() -> None:
    decisions = answers(JENKINS, username="jenkins")
    plan = planned(jenkins("jenkins-{{EC2PrivateDNSName}}", "system:masters"), decisions)
    assert "log-in-population-gained" in only(plan).findings
    assert plan.blocked
    accepted = only(
        planned(
            jenkins("jenkins-{{EC2PrivateDNSName}}", "system:masters"),
            replace(decisions, accept_gain=GAIN),
        )
    )
    assert accepted.entry is not None
    assert [p.policy_arn for p in accepted.entry.access_policies] == [ADMIN_POLICY]


def test_gain_stays_accepted_when_the_entry_is_there() -> None:
    """The same decisions.yaml is read again after apply: nothing is gained any more, and it is no
    error.
    """
    decisions = replace(answers(JENKINS, username="jenkins"), accept_gain=GAIN)
    plan = planned(jenkins(entries=[entry(JENKINS, "jenkins", ("builders",))]), decisions)
    assert only(plan).action == "keep"
    assert only(plan).access.log_ins_gained == ()


def test_gain_accepted_for_a_principal_that_the_plan_does_not_have_is_refused() -> None:
    with pytest.raises(Failed) as error:
        planned(jenkins(), Decisions(accept_gain={role("typo"): ACCEPTED}))
    assert error.value.code == "decision-unused"


@pytest.mark.parametrize("kind", ["EC2_LINUX", "EC2_WINDOWS"])
def test_node_entries_admit_whom_their_rows_admit(kind: EntryType) -> None:
    extra = ("eks:kube-proxy-windows",) if kind == "EC2_WINDOWS" else ()
    nodes = role("nodes")
    plan = planned(
        world([node_row(nodes, *extra)], nodes=(node(nodes, "windows" if extra else "linux"),))
    )
    assert only(plan).entry == EntrySpec(kind)
    assert (only(plan).access.log_ins_gained, only(plan).access.log_ins_lost) == ((), ())


def test_nodes_named_by_their_session_admit_whom_their_rows_admit() -> None:
    kind: EntryType
    pods = role("pods")
    fargate = world(
        [row(pods, SESSION_NODE, (*NODE_GROUPS, "system:node-proxier"))],
        mode="CONFIG_MAP",
        principals=[iam(pods, "eks-fargate-pods")],
        fargate_profiles=(profile(pods),),
    )
    edge = role("edge")
    hybrid = world([row(edge, SESSION_NODE, NODE_GROUPS)], principals=[iam(edge, "ssm")])
    for snapshot, kind in ((fargate, "FARGATE_LINUX"), (hybrid, "HYBRID_LINUX")):
        principal = only(planned(snapshot))
        assert principal.entry == EntrySpec(kind)
        assert (principal.access.log_ins_gained, principal.access.log_ins_lost) == ((), ())
        assert "log-in-population-gained" not in principal.findings


def test_managed_node_groups_change_nothing() -> None:
    nodes = role("nodes")
    principal = only(
        planned(world([node_row(nodes)], mode="CONFIG_MAP", nodegroups=(nodegroup(nodes),)))
    )
    assert (principal.action, principal.access.log_ins_gained) == ("await", ())


@pytest.mark.parametrize(
    ("username", "kind"),
    [(NODE_USERNAME, "EC2"), (SESSION_NODE, "EC2_LINUX"), (SESSION_NODE, "EC2_WINDOWS")],
)
def test_node_type_that_admits_other_sessions_than_the_row_is_refused(
    username: str, kind: EntryType
) -> None:
    """A node is its name, so that another template is other access too, which no answer may
    give.
    """
    nodes = role("nodes")
    snapshot = world([row(nodes, username, NODE_GROUPS)], principals=[iam(nodes, trust_read=False)])
    with pytest.raises(Failed) as error:
        planned(
            snapshot,
            replace(answers(nodes, type=kind, accepted=True), accept_gain={nodes: ACCEPTED}),
        )
    assert error.value.code == "decision-invalid"


@pytest.mark.parametrize("username", [NODE_USERNAME, "jenkins-{{EC2PrivateDNSName}}"])
def test_dead_row_admits_no_log_in_and_loses_none(username: str) -> None:
    dead = world(
        [row(JENKINS, username)],
        users=[row(user("ana"), username)],
        principals=[iam(JENKINS, "lambda"), iam(user("ana"))],
    )
    for principal in planned(dead).principals:
        assert (principal.action, principal.before.via) == ("skip", "none")
        assert (principal.access.log_ins_gained, principal.access.log_ins_lost) == ((), ())


def test_answer_for_a_principal_that_cannot_log_in_is_a_new_grant_with_its_log_ins() -> None:
    ana = user("ana")
    snapshot = world(users=[row(ana, "x{{EC2PrivateDNSName}}")], principals=[iam(ana)])
    plan = planned(snapshot, answers(ana, username="ana"))
    assert only(plan).access.log_ins_gained == (LogIns("user"),)
    assert "new-grant" in only(plan).findings
    assert "log-in-population-gained" not in only(plan).findings


def test_creator_whose_row_admits_instances_only_needs_an_accepted_gain() -> None:
    """EKS's own entry for the creator admits every session of the role, at the mode switch
    already.
    """
    snapshot = world(
        [row(JENKINS, "jenkins-{{EC2PrivateDNSName}}", ("system:masters",))],
        mode="CONFIG_MAP",
        principals=[iam(JENKINS, "ec2")],
        creator=Creator(JENKINS, "cloudtrail"),
    )
    answer = answers(JENKINS, username="jenkins")
    assert "log-in-population-gained" in only(planned(snapshot, answer)).findings
    assert planned(snapshot, answer).blocked
    accepted = planned(snapshot, replace(answer, accept_gain=GAIN))
    assert (only(accepted).action, only(accepted).access.log_ins_gained) == ("await", (OTHERS,))


def changed(plan: Plan, **access: Any) -> list[str]:  # noqa: ANN401
    """What is inconsistent in a plan whose announcement of log-ins was changed."""
    (principal,) = plan.principals
    announced = replace(principal, access=replace(principal.access, **access))
    return [found.why for found in inconsistencies(replace(plan, principals=(announced,)))]


def test_plan_file_that_keeps_a_gain_of_log_ins_to_itself_is_refused() -> None:
    """By its entries, whatever it announces: a plan of a version that did not compare log-ins is
    one, too.
    """
    plan = planned(jenkins(), replace(answers(JENKINS, username="jenkins"), accept_gain=GAIN))
    assert changed(plan) == []
    (why,) = changed(plan, log_ins_gained=())
    assert "admits sessions that are not an EC2 instance's, and the plan does not say so" in why


def test_plan_file_that_announces_a_gain_which_its_entry_does_not_give_is_refused() -> None:
    """It would make verify take such a log-in for an announced one."""
    plan = planned(world([node_row(role("nodes"))]))
    assert changed(plan) == []
    assert (
        "announces a gain of sessions that are not an EC2 instance's"
        in changed(plan, log_ins_gained=(OTHERS,))[0]
    )
    assert (
        "announces a loss of sessions of EC2 instances"
        in changed(plan, log_ins_lost=(INSTANCES,))[0]
    )


def test_plan_file_of_rows_that_stay_is_refused_once_its_target_is_made_api() -> None:
    """In API mode nobody logs in by them, and no one accepted that."""
    plan = planned(world([row("arn:aws:iam::111122223333:root", "r")]), target="API_AND_CONFIG_MAP")
    assert list(inconsistencies(plan)) == []
    assert any(
        "the target API ends aws-auth" in found.why
        for found in inconsistencies(replace(plan, target="API"))
    )


def test_plan_file_that_asks_for_a_proof_which_no_policy_asks_for_is_refused() -> None:
    """`unverified` and `attested` would pass without anything shown."""
    plan = planned(jenkins(), replace(answers(JENKINS, username="jenkins"), accept_gain=GAIN))
    proofs: tuple[ProofClass, ...] = ("unverified", "attested")
    for proof in proofs:
        weaker = tuple(replace(each, required_proof=proof) for each in plan.principals)
        found = [each.why for each in inconsistencies(replace(plan, principals=weaker))]
        assert f"No policy asks for the proof `{proof}`." in found


def test_new_entry_that_admits_more_is_not_said_to_give_the_same_as_today() -> None:
    plan = planned(jenkins(), replace(answers(JENKINS, username="jenkins"), accept_gain=GAIN))
    means = explain(plan, plan.principals[0].principal_arn).means
    assert (
        means
        == "A new access entry. It does not give the same as today: what is gained and lost is "
        "below."
    )


def test_dead_entry_that_the_plan_leaves_keeps_no_gate_closed() -> None:
    """It was there, it admits nobody, and it is the same: nobody can log in who could not
    before.
    """
    old = entry(role("gone"), "g", created_at=LONG_AGO.replace(year=2020))
    snapshot = world([], entries=[old], principals=[iam(role("gone"))])
    plan = planned(snapshot)
    assert [each.action for each in plan.principals] == ["skip"]
    assert unannounced_changes(plan, snapshot, "sha256:none") == ()
    made_again = replace(
        snapshot, access_entries=(replace(old, created_at=LONG_AGO.replace(year=2026)),)
    )
    assert unannounced_changes(plan, made_again, "sha256:none") != ()


def test_gain_that_is_accepted_stays_open_while_another_question_is() -> None:
    plan = planned(jenkins(), Decisions(accept_gain=GAIN))
    assert (only(plan).action, finding(plan, "username-ec2-template").severity) == (
        "block",
        "block",
    )
    assert "log-in-population-gained" not in only(plan).findings
