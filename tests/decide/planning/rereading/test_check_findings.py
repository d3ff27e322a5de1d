"""Findings of a plan that was read: each rule, broken by one change of a plan that was made."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from migrator.decide.findings.findings_catalogue import make_finding
from migrator.model.decision import Decisions
from migrator.model.finding import Severity
from migrator.model.plan import Plan
from tests.support.edited_plans import (
    said,
    with_basis,
    with_finding,
    with_findings,
    with_principal,
    without_finding,
)
from tests.support.worlds import (
    OTHER,
    answers,
    bind,
    entry,
    finding,
    group,
    one,
    planned,
    rbac,
    role,
    row,
    world,
)

DEV = role("dev")


def of_developer() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))]))


def of_template() -> Plan:
    """A group that no entry can carry blocks."""
    return planned(world([row(DEV, "x", ("t:{{SessionName}}",))]))


def of_absent() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))], principals=[]))


def of_accounts(target: str = "API") -> Plan:
    return planned(world(accounts=[OTHER]), target=target)


def of_doubtful() -> Plan:
    """A section that parsers read differently."""
    return planned(world(data={"mapUsers": "- .1_0\n"}))


def of_bridge_name() -> Plan:
    there = entry(DEV, "x", ("migrator-bridge:0123456789abcdef",))
    return planned(world([row(DEV, "x")], entries=[there]))


def finding_of(plan: Plan) -> str:
    """The code of the one finding that blocks."""
    (found,) = (each.code for each in plan.findings if each.severity == "block")
    return found


def about(plan: Plan, code: str, severity: Severity | None = None, arn: str | None = DEV) -> Plan:
    return with_findings(plan, make_finding(code, "", principal_arn=arn, severity=severity))


# The rule, a plan that breaks it, and what is said.
BROKEN: dict[str, tuple[Callable[[], Plan], str]] = {
    "a finding is about a principal of the plan": (
        lambda: about(of_developer(), "row-shadowed-by-entry", arn=role("other")),
        "Its principal is not in the plan.",
    ),
    "a finding is in the catalogue": (
        lambda: replace(
            of_absent(), findings=(replace(of_absent().findings[0], code="unheard-of"),)
        ),
        "The catalogue has no such finding.",
    ),
    "a finding has its page": (
        lambda: with_finding(of_absent(), "principal-absent", reference="https://example.org"),
        "Its reference is not that of the catalogue.",
    ),
    "no row stays where the target ends aws-auth": (
        lambda: about(of_developer(), "stays-in-config-map"),
        "Its row stays in aws-auth, and the target API ends aws-auth.",
    ),
    "no account of mapAccounts stays where the target ends aws-auth": (
        lambda: with_finding(of_accounts(), "map-accounts", severity="warn"),
        "Its row stays in aws-auth, and the target API ends aws-auth.",
    ),
    "a warning stays a warning": (
        lambda: with_finding(of_absent(), "principal-absent", severity="info"),
        "Its severity is info, the catalogue's is warn.",
    ),
    "a blocker about the cluster stays": (
        lambda: with_finding(of_doubtful(), "section-doubtful", severity="warn"),
        "It blocks, and no decision can turn it into a warning.",
    ),
    "a blocker about a principal stays without an answer": (
        lambda: with_finding(of_template(), finding_of(of_template()), severity="warn"),
        "It blocks, and the plan shows no decision that answers it.",
    ),
    "a blocker of a principal that is left out stays, unless it is a doubt about it": (
        lambda: about(of_absent(), finding_of(of_template()), "warn"),
        "It blocks, and the plan shows no decision that answers it.",
    ),
    "a finding that a principal lists is there": (
        lambda: with_principal(of_developer(), DEV, findings=("answered",)),
        "Its finding answered is not among the plan's findings.",
    ),
    "a principal lists the findings about it": (
        lambda: with_principal(of_absent(), DEV, findings=()),
        "The finding principal-absent is about it, and it does not list it.",
    ),
    "a blocked principal has a blocker": (
        lambda: without_finding(of_template(), finding_of(of_template())),
        "It is blocked, and no finding blocks it.",
    ),
    "a principal with a blocker is blocked": (
        lambda: about(of_developer(), finding_of(of_template())),
        "A finding blocks it.",
    ),
    "a lost section has a finding": (
        lambda: without_finding(of_doubtful(), "section-doubtful"),
        "It is doubtful, and no finding says so.",
    ),
    "a section of another kind has a finding": (
        lambda: with_basis(
            of_developer(),
            lambda basis: basis.update(
                awsAuth={**basis["awsAuth"], "problems": [["mapUsers", "other"]]}
            ),
        ),
        "It is other, and no finding says so.",
    ),
    "an account of mapAccounts has a finding": (
        lambda: without_finding(of_accounts(), "map-accounts"),
        "An account of it has no finding.",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_finding_that_breaks_the_rule_is_refused(rule: str) -> None:
    broken, why = BROKEN[rule]
    assert [text for text in said(broken()) if text.endswith(why)], said(broken())


BOUND = world([row(DEV, "x", ("devs",))], rbac=rbac(bind(group("devs"))))
FOREIGN = role("dev", OTHER)

MADE: dict[str, Callable[[], Plan]] = {
    "a blocker": of_template,
    "a doubtful section": of_doubtful,
    "a lost section that is accepted": lambda: planned(
        world(data={"mapRoles": "- rolearn: x\n\tusername: y\n"}),
        Decisions(accept_lost_sections=("mapRoles",)),
    ),
    "mapAccounts": of_accounts,
    "mapAccounts that stays": lambda: of_accounts("API_AND_CONFIG_MAP"),
    "mapAccounts in API mode": lambda: planned(world(accounts=[OTHER], mode="API")),
    "a blocker that an answer softens": lambda: planned(
        world([row(DEV, "x", ("t:{{SessionName}}",))]), answers(DEV, groups=(), accepted=True)
    ),
    "an answer that is refused for its loss": lambda: planned(BOUND, answers(DEV, "skip")),
    "a name of bridges that another owner uses": of_bridge_name,
    "a role that was not read and is left out": lambda: planned(
        world([row(FOREIGN, "x", ("devs",))]), answers(FOREIGN, "skip", accepted=True)
    ),
}


@pytest.mark.parametrize("made", MADE)
def test_findings_as_they_were_made_are_consistent(made: str) -> None:
    assert said(MADE[made]()) == []


def test_blocker_that_is_a_warning_beside_an_answer_that_still_blocks_is_consistent() -> None:
    snapshot = world([row(DEV, "x", ("t:{{SessionName}}", "devs"))], rbac=rbac(bind(group("devs"))))
    plan = planned(snapshot, answers(DEV, "skip"))
    found = {each.code: each.severity for each in plan.findings if each.principal_arn == DEV}
    assert one(plan, DEV).action == "block"
    assert "warn" in found.values()
    assert found["loss-not-accepted"] == "block"
    assert said(plan) == []


def test_blocked_principal_whose_entry_has_a_name_of_bridges_needs_no_finding_of_its_own() -> None:
    assert finding(of_bridge_name(), "bridge-name-used").principal_arn == DEV
    assert "bridge-name-used" not in one(of_bridge_name(), DEV).findings
