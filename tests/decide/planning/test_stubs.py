"""Questions for decisions.yaml: what keeps the access of today comes first, a loss is marked."""

from dataclasses import replace

import pytest

from migrator.decide.planning.stubs import stubs_for, what_lifts
from migrator.model.decision import Acceptance, Decisions, PrincipalAnswer, Stub
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from tests.support.worlds import (
    NODE_GROUPS,
    SESSION_NODE,
    Row,
    bind,
    group,
    iam,
    only,
    planned,
    rbac,
    role,
    row,
    user,
    world,
)

OPS, PERSON = role("ops"), user("ana")


def first(plan: Plan) -> Stub:
    """The first question that is asked."""
    return stubs_for(plan)[0]


def taken(plan: Plan) -> Decisions:
    """The first answer to all questions, as it is written."""
    answers: dict[str, PrincipalAnswer] = {}
    losses: dict[str, Acceptance] = {}
    for stub in stubs_for(plan):
        if 1 not in stub.choices:
            continue
        assert stub.key is not None
        if stub.section == "accept_loss":
            losses[stub.key] = Acceptance("Ana", "reviewed")
            continue
        given = {key: value for key, value in stub.answer.items() if key != "policies"}
        if "groups" in given:
            given["groups"] = tuple(given["groups"])
        answers[stub.key] = PrincipalAnswer(**{**given, "reason": "reviewed"})
    return Decisions(principals=answers, accept_loss=losses)


def refuted(*groups: str) -> Snapshot:
    """A person's role under the name of nodes."""
    rows = [row(OPS, SESSION_NODE, (*NODE_GROUPS, *groups))]
    return world(rows, principals=[iam(OPS, "sso")], rbac=rbac(bind(group("dev"))))


def test_node_row_of_a_persons_role_keeps_its_ordinary_groups_first() -> None:
    plan = planned(refuted("dev"))
    stub = first(plan)
    assert only(plan).findings == ("node-template-refuted",)
    assert (stub.answer["action"], stub.answer["groups"]) == ("create", ["dev"])
    assert any("LOSES access: the permissions of a node" in line for line in stub.about)
    answered = planned(refuted("dev"), taken(plan))
    assert not answered.blocked
    assert only(answered).entry is not None


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ([row(OPS, "system:node:a", ("system:masters",))], "ops:{{SessionName}}"),
        ([row(role("eks"), SESSION_NODE, ("system:masters",))], "role-eks:{{SessionName}}"),
    ],
)
def test_admin_under_a_nodes_name_gets_a_name_that_an_entry_can_have(
    rows: list[Row], name: str
) -> None:
    plan = planned(world(rows, principals=[iam(str(rows[0]["arn"]), "sso")]))
    stub = first(plan)
    assert (stub.answer["username"], stub.answer["policies"]) == (
        name,
        [{"policy": "AmazonEKSClusterAdminPolicy"}],
    )
    assert any(line.startswith("Answer 1 of 2: Keeps the access") for line in stub.about)
    assert "Answer 2 of 2: LOSES access" in stubs_for(plan)[-1].about[-1]


def test_name_of_a_user_has_no_session() -> None:
    plan = planned(world(users=[row(PERSON, "system:node:a", ("system:masters",))]))
    assert first(plan).answer["username"] == "ana"


@pytest.mark.parametrize("arn", [role("AWSServiceRoleForX"), f"arn:aws:iam::{'1' * 12}:root"])
def test_answer_that_only_loses_is_marked(arn: str) -> None:
    plan = planned(world([row(arn, "x")], principals=(), accounts_read=()))
    assert all("LOSES access" in stub.about[-1] for stub in stubs_for(plan))
    assert stubs_for(plan)


def test_what_lifts_a_plan_promises_only_what_is_asked() -> None:
    some = planned(refuted())
    assert what_lifts(some).startswith("Answer in decisions.yaml")
    old = {"version": "1.24", "platformVersion": "eks.1"}
    nothing = planned(replace(world([row(OPS, "ops")], mode="CONFIG_MAP"), cluster_raw=old))
    assert what_lifts(nothing).startswith("No answer in decisions.yaml lifts this")
    both = replace(
        nothing, findings=(*nothing.findings, *some.findings), principals=some.principals
    )
    assert what_lifts(both).startswith("1 of 2 can be answered")
    assert what_lifts(planned(world([row(OPS, "ops")]))) == ""
