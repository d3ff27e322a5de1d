"""Which log-ins of a principal must be admitted, and which refusals are usual."""

from dataclasses import replace

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.proving.announced import AnnouncedAccess
from migrator.decide.proving.expected_log_in import (
    Expectation,
    ExpectedLogIn,
    expected_log_in,
    is_usual_refusal,
    unannounced_log_ins,
)
from migrator.model.access_entry import AccessEntry, Identity
from migrator.model.evidence import Evidence, LogInAttempt, Phase, SelfSubject
from migrator.model.log_ins import LogIns
from migrator.model.plan import AccessChange, Action, PlannedPrincipal
from migrator.model.rbac import RbacState
from tests.support.access import policy
from tests.support.memory_runs import DEVS

INSTANCES = Identity("system:node:{{EC2PrivateDNSName}}", (), "config-map")
EVERY = Identity("dev", (), "config-map")
WIDE_ENTRY = AccessEntry(DEVS, "STANDARD", "dev", ("devs",))


def principal(
    before: Identity,
    access: AccessChange | None = None,
    *findings: str,
    action: Action = "create",
) -> PlannedPrincipal:
    return PlannedPrincipal(
        DEVS, action, before, findings=findings, access=access or AccessChange()
    )


def test_log_in_that_the_plan_announces_as_lost_is_ended() -> None:
    lost = AccessChange(log_ins_lost=(LogIns("other"),))
    assert expected_log_in(principal(EVERY, lost), "after", "ana", ()).expectation == "ended"
    assert expected_log_in(principal(EVERY), "after", "ana", ()).expectation == "admitted"


def test_log_in_that_the_plan_announces_as_gained_is_admitted() -> None:
    gained = AccessChange(log_ins_gained=(LogIns("other"),))
    assert expected_log_in(principal(INSTANCES, gained), "after", "ana", ()).expectation == (
        "admitted"
    )
    assert expected_log_in(principal(INSTANCES), "after", "ana", ()).expectation == "refused"


def test_refusal_is_usual_where_a_mapping_admits_only_some_sessions() -> None:
    assert is_usual_refusal(principal(INSTANCES), "failed to render")
    assert not is_usual_refusal(principal(INSTANCES), "identity is not mapped")
    assert not is_usual_refusal(principal(EVERY), "failed to render")


def test_entry_that_admits_more_than_the_row_is_unannounced() -> None:
    assert unannounced_log_ins(principal(INSTANCES), WIDE_ENTRY)
    assert not unannounced_log_ins(principal(INSTANCES), None)
    assert not unannounced_log_ins(principal(INSTANCES, action="block"), WIDE_ENTRY)


@pytest.mark.parametrize("finding", ["ambiguous-user", "new-grant"])
def test_finding_that_announces_new_log_ins_explains_the_entry(finding: str) -> None:
    assert not unannounced_log_ins(principal(INSTANCES, None, finding), WIDE_ENTRY)


def test_without_a_decision_an_entry_has_no_unannounced_access() -> None:
    index = RbacIndex(RbacState())
    announced = AnnouncedAccess(index, index, same_rbac=True)
    entry = replace(WIDE_ENTRY, access_policies=(policy("AmazonEKSClusterAdminPolicy"),))
    assert announced.differences(principal(EVERY), entry) != ()
    assert announced.differences(principal(EVERY, action="block"), entry) == ()
    assert announced.differences(principal(EVERY, None, "ambiguous-user"), entry) == ()


def test_log_in_before_the_entry_decides_is_the_rows() -> None:
    assert expected_log_in(principal(EVERY), "before", "ana", ()).expectation == "admitted"
    assert expected_log_in(principal(INSTANCES), "before", "ana", ()).expectation == "refused"


def test_new_grant_of_an_earlier_plan_is_admitted() -> None:
    none = Identity("", (), "none")
    found = expected_log_in(principal(none, None, "new-grant"), "after", "ana", ())
    assert found.expectation == "admitted"


def test_log_in_that_a_baseline_saw_refused_stays_refused() -> None:
    attempt = LogInAttempt("other", admitted=False)
    seen = Evidence(DEVS, "live", "before", "", "", log_ins=(attempt,))
    assert expected_log_in(principal(EVERY), "after", "ana", [seen]).expectation == "refused"


@pytest.mark.parametrize(
    ("expectation", "phase", "said"),
    [
        ("ended", "after", "the plan says that it ends"),
        ("refused", "before", "the plan says that it is refused"),
        ("refused", "after", "did not before"),
    ],
)
def test_log_in_that_must_be_refused_and_works_is_a_difference(
    expectation: Expectation, phase: Phase, said: str
) -> None:
    expected = ExpectedLogIn(expectation, "other")
    (found,) = expected.differences(SelfSubject("ana", ()), phase)
    assert said in found
    assert expected.words in found
    assert expected.differences(None, phase) == ()
    assert expected.attempt(None) == LogInAttempt("other", admitted=False)
