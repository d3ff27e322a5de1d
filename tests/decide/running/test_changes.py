"""What changed since the plan, told apart from what merely cannot be seen this time."""

from dataclasses import replace

from migrator.decide.running.changes import describe_changes, not_read_again, surprising_entries
from migrator.model.access_entry import AccessEntry
from tests.support.memory_ports import ACCOUNT
from tests.support.memory_runs import DIGEST, company

ROLE = "arn:aws:iam::444455556666:role/agent"
USER = "arn:aws:iam::444455556666:user/ana"
BEFORE = {
    "iamPrincipals": {ROLE: {"id": "AROA1"}, USER: {"id": "AIDA1"}},
    "accountsRead": {"444455556666": [True, True]},
}


def test_a_principal_of_an_account_not_read_this_time_is_not_gone() -> None:
    assert not_read_again(BEFORE, {"iamPrincipals": {}, "accountsRead": {}}) == (ROLE, USER)


def test_a_principal_missing_from_a_complete_listing_is_gone() -> None:
    now = {"iamPrincipals": {}, "accountsRead": {"444455556666": [True, False]}}
    assert not_read_again(BEFORE, now) == (USER,)


def test_a_principal_that_was_read_again_is_compared() -> None:
    now = BEFORE | {"iamPrincipals": {ROLE: {"id": "AROA2"}, USER: {"id": "AIDA1"}}}
    assert not_read_again(BEFORE, now) == ()
    assert describe_changes(BEFORE, now) == (f"iamPrincipals.{ROLE}.id: was 'AROA1', is 'AROA2'",)


def test_equal_values_have_no_changes_and_many_are_cut() -> None:
    assert describe_changes(BEFORE, BEFORE) == ()
    lines = describe_changes({}, {str(number): number for number in range(50)})
    assert len(lines) == 41
    assert lines[-1] == "and 10 more differences"


def test_lists_are_compared_by_place_or_by_what_came_and_went() -> None:
    assert describe_changes({"a": [1, 2]}, {"a": [1, 3]}) == ("a[1]: was 2, is 3",)
    assert describe_changes({"a": [1, 2]}, {"a": [1]}) == ("a: gone, 2",)
    assert describe_changes({"a": [1]}, {"a": [1, 1]}) == ("a: 1 items became 2",)


def test_a_principal_whose_arn_cannot_be_read_is_not_gone() -> None:
    before = BEFORE | {"iamPrincipals": {"agent": {"id": "AROA1"}}}
    assert not_read_again(before, {"iamPrincipals": {}, "accountsRead": {}}) == ("agent",)


def test_entry_of_a_service_linked_role_is_no_surprise() -> None:
    linked = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForEKS"
    made = AccessEntry(linked, "STANDARD", "eks:service")
    assert surprising_entries(company()[1], [made], DIGEST) == ()
    assert len(surprising_entries(company()[1], [replace(made, principal_arn=ROLE)], DIGEST)) == 1
