"""Log-ins of a plan that was read: what its entries admit is announced, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from migrator.model.decision import Acceptance
from migrator.model.log_ins import LogIns
from migrator.model.plan import AccessChange, Plan
from tests.support.edited_plans import said, with_principal, without_finding
from tests.support.worlds import (
    NODE_USERNAME,
    answers,
    bind,
    entry,
    group,
    iam,
    one,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV, JENKINS = role("dev"), role("jenkins")
INSTANCES, OTHERS = LogIns("instance"), LogIns("other")
MORE = (LogIns("user"),)


def of_developer() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))]))


def of_instances() -> Plan:
    """The row admits instances alone, and the entry that was accepted admits every session."""
    snapshot = world(
        [row(JENKINS, "{{EC2PrivateDNSName}}", ("builders",))],
        principals=[iam(JENKINS, "ec2")],
        rbac=rbac(bind(group("builders"))),
    )
    gain = {JENKINS: Acceptance("Ana", "the build server")}
    return planned(snapshot, replace(answers(JENKINS, username="jenkins"), accept_gain=gain))


def of_left_out() -> Plan:
    snapshot = world([row(DEV, "x", ("devs",))], rbac=rbac(bind(group("devs"))))
    return planned(snapshot, answers(DEV, "skip", accepted=True))


def of_dead_row() -> Plan:
    """No log-in matches the row: an answer gives the role an entry."""
    full = role("team/dev")
    snapshot = world([row(full, "x")], principals=[iam(full)])
    return planned(snapshot, answers(full, username="x", groups=()))


MADE: dict[str, Callable[[], Plan]] = {
    "the same log-ins": of_developer,
    "a gain that is accepted": of_instances,
    "a principal that is left out": of_left_out,
    "a principal that could not log in": of_dead_row,
    "a row that stays": lambda: planned(
        world([row(DEV, "x", ("t:{{SessionName}}",))]),
        answers(DEV, "skip"),
        target="API_AND_CONFIG_MAP",
    ),
    "an entry that stays": lambda: planned(world([row(DEV, "x")], entries=[entry(DEV, "y")])),
    "a blocked principal": lambda: planned(world([row(DEV, NODE_USERNAME)])),
}


@pytest.mark.parametrize("made", MADE)
def test_log_ins_as_they_were_made_are_consistent(made: str) -> None:
    assert said(MADE[made]()) == []


# The rule, a plan that breaks it, and what is said.
BROKEN: dict[str, tuple[Callable[[], Plan], str]] = {
    "a gain is announced": (
        lambda: with_principal(
            of_instances(),
            JENKINS,
            access=replace(one(of_instances(), JENKINS).access, log_ins_gained=()),
        ),
        "Its entry admits sessions that are not an EC2 instance's, and the plan does not say so.",
    ),
    "a gain is real": (
        lambda: with_principal(of_developer(), DEV, access=AccessChange(log_ins_gained=MORE)),
        "It announces a gain of the user itself, and its entry gives none.",
    ),
    "a loss is real": (
        lambda: with_principal(of_developer(), DEV, access=AccessChange(log_ins_lost=(OTHERS,))),
        "It announces a loss of sessions that are not an EC2 instance's, and nothing ends them.",
    ),
    "a gain has a finding": (
        lambda: without_finding(of_instances(), "gain-accepted"),
        "It has a gain of log-ins that no finding accounts for.",
    ),
    "a loss has a finding": (
        lambda: without_finding(of_left_out(), "loss-accepted"),
        "It has a loss of log-ins that no finding accounts for.",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_log_ins_that_break_the_rule_are_refused(rule: str) -> None:
    broken, why = BROKEN[rule]
    assert [text for text in said(broken()) if text.endswith(why)], said(broken())


def test_new_grant_of_a_plan_from_before_log_ins_were_compared_is_consistent() -> None:
    principal = one(of_dead_row(), role("team/dev"))
    assert (principal.before.via, "new-grant" in principal.findings) == ("none", True)
    access = replace(principal.access, log_ins_gained=())
    assert said(with_principal(of_dead_row(), principal.principal_arn, access=access)) == []
