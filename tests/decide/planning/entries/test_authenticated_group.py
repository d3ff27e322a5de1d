"""Logins without ``system:authenticated`` today have it by an entry: that gain is a question.

Source: apiserver ``pkg/authentication/group/authenticated_group_adder.go``; an entry carries
neither the name ``system:anonymous`` nor the group ``system:unauthenticated`` (EKS API,
reserved prefixes).
"""

from dataclasses import replace

import pytest

from migrator.errors import Failed
from migrator.model.decision import Decisions, GroupAnswer
from migrator.model.files.plan import decode_plan, encode_plan
from migrator.model.snapshot import Snapshot
from tests.support.worlds import (
    ACCEPTED,
    answers,
    bind,
    finding,
    group,
    only,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV = role("dev")
CODE = "authenticated-group-gained"
BASIC = rbac(
    bind(group("system:authenticated"), group("system:unauthenticated")),
    bind(group("system:authenticated"), role_name="edit"),
    bind(group("devs"), role_name="view", namespace="shop"),
)
RENAMED = Decisions(groups={"system:unauthenticated": GroupAnswer(rename_to="outside")})
GAIN = {DEV: ACCEPTED}


def outsider(*groups: str, username: str = "dev") -> Snapshot:
    return world([row(DEV, username, groups)], rbac=BASIC)


def test_gain_blocks_until_a_person_accepts_it() -> None:
    plan = planned(outsider("devs", "system:unauthenticated"), RENAMED)
    assert plan.blocked
    found = finding(plan, CODE)
    assert (found.severity, found.principal_arn) == ("block", DEV)
    assert "`system:authenticated`" in found.message


def test_accepted_gain_is_announced_row_by_row_and_nothing_else_is_gained() -> None:
    plan = planned(outsider("devs", "system:unauthenticated"), replace(RENAMED, accept_gain=GAIN))
    assert not plan.blocked
    assert finding(plan, CODE).severity == "warn"
    assert "Ana accepts that" in finding(plan, "gain-accepted").message
    access = only(plan).access
    assert access.gained
    assert access.lost == ()
    # What the public role gives, the login has today: only what edit adds to it is gained.
    assert not any("pods" in row.resources and "list" in row.verbs for row in access.gained)
    assert decode_plan(encode_plan(plan)) == plan


def test_answer_may_not_hide_more_behind_the_gain_that_is_accepted() -> None:
    names_both = bind(group("builders"), group("system:authenticated"), role_name="cluster-admin")
    snapshot = replace(
        outsider("system:unauthenticated"), rbac=rbac(bind(group("builders"), role_name="edit"))
    )
    answer = replace(answers(DEV, username="dev", groups=("builders",)), accept_gain=GAIN)
    with pytest.raises(Failed) as refused:
        planned(snapshot, answer)
    assert "access that the principal does not have today" in refused.value.why
    # What every login has is no gain of the answer's groups.
    snapshot = replace(snapshot, rbac=rbac(names_both))
    plan = planned(snapshot, answer)
    assert not plan.blocked
    assert only(plan).access.gained


def test_anonymous_username_is_such_a_login_too() -> None:
    snapshot = outsider("devs", username="system:anonymous")
    assert CODE in only(planned(snapshot)).findings
    answer = replace(answers(DEV, username="dev", groups=("devs",)), accept_gain=GAIN)
    assert not planned(snapshot, answer).blocked


@pytest.mark.parametrize(
    "groups", [("devs",), ("system:authenticated",), ("system:masters", "system:unauthenticated")]
)
def test_other_logins_have_no_such_question(groups: tuple[str, ...]) -> None:
    decisions = RENAMED if "system:unauthenticated" in groups else None
    assert CODE not in only(planned(outsider(*groups), decisions)).findings


def test_principal_that_is_left_out_gains_nothing() -> None:
    decisions = replace(answers(DEV, "skip", accepted=True))
    plan = planned(outsider("system:unauthenticated"), decisions)
    assert not plan.blocked
    assert CODE not in only(plan).findings
