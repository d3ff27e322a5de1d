"""What changed in aws-auth since the plan was made, told for one principal and for the whole."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.running.source_differences import (
    Difference,
    added_rows,
    id_difference,
    one_each,
    row_difference,
    row_differences,
)
from migrator.model.plan import Plan
from tests.support.worlds import ACCOUNT, OTHER, answers, one, planned, role, row, user, world

DEV, NEW = role("dev"), role("new")
DEV_ROW = row(DEV, "x", ("devs",))
EMPTY = {"mapRoles": "[]"}


def of_developer() -> Plan:
    return planned(world([DEV_ROW]))


def data(*rows: object, **sections: str) -> dict[str, str]:
    return {**world(rows, data=sections).aws_auth_data}  # type: ignore[arg-type]


def test_row_that_is_as_it_was_is_no_difference() -> None:
    assert row_differences(of_developer(), data(DEV_ROW)) == ()


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (None, "The ConfigMap aws-auth was deleted."),
        (data(mapUsers="- .1_0\n"), "aws-auth has a text on which YAML parsers differ."),
        (data(mapRoles="- rolearn: x\n\tusername: y\n"), "aws-auth does not parse (mapRoles)"),
        ({"mapRoles": "", "mapUsers": " \n"}, "All values of aws-auth are blank."),
        ({}, "All values of aws-auth are blank."),
    ],
)
def test_aws_auth_that_says_nothing_certain_is_no_decision_about_one_principal(
    now: dict[str, str] | None, why: str
) -> None:
    found = row_difference(now, one(of_developer(), DEV))
    assert found is not None
    assert why in found.message


def test_row_that_an_administrator_deleted_is_named() -> None:
    found = row_difference(EMPTY, one(of_developer(), DEV))
    assert found is not None
    assert (found.code, found.subject) == ("row-changed", DEV)


def test_row_that_was_changed_is_named_with_what_it_gives_now() -> None:
    found = row_difference(data(row(DEV, "y", ("",))), one(of_developer(), DEV))
    assert found is not None
    assert 'username "y", no groups' in found.message
    assert 'username "x", groups "devs"' in found.message


def test_principal_that_is_left_out_has_no_row_to_differ() -> None:
    plan = planned(world([DEV_ROW]), answers(DEV, "skip", accepted=True))
    assert one(plan, DEV).action == "skip"
    assert row_differences(plan, data(DEV_ROW)) == ()


def test_row_of_a_principal_that_the_plan_does_not_know_is_named() -> None:
    found = added_rows(of_developer(), data(DEV_ROW, row(NEW, "n", ("g",))))
    assert [(each.code, each.subject) for each in found] == [("row-added", NEW)]
    assert 'username "n", groups "g"' in found[0].message


def test_no_row_was_added_where_there_is_no_aws_auth() -> None:
    assert added_rows(of_developer(), None) == ()


def test_account_that_the_plan_does_not_know_is_named() -> None:
    now = {**world(accounts=[OTHER]).aws_auth_data}
    (found,) = added_rows(planned(world()), now)
    assert (found.code, found.subject) == ("row-added", OTHER)
    assert added_rows(planned(world(accounts=[OTHER])), now) == ()


def test_row_that_was_there_when_its_principal_was_left_out_is_not_added() -> None:
    plan = planned(world([DEV_ROW]), answers(DEV, "skip", accepted=True))
    assert added_rows(plan, data(DEV_ROW)) == ()
    assert [each.subject for each in added_rows(plan, data(row(DEV, "x", ("more",))))] == [DEV]


def test_plan_whose_basis_has_no_rows_knows_none() -> None:
    plan = replace(planned(world()), basis={})
    assert [each.subject for each in added_rows(plan, data(DEV_ROW))] == [DEV]


def test_user_has_its_row_whatever_its_account() -> None:
    ana = user("ana")
    assert ACCOUNT in ana
    plan = planned(world(users=[row(ana, "ana")]))
    assert row_differences(plan, {**world(users=[row(ana, "ana")]).aws_auth_data}) == ()


def test_principal_that_is_no_arn_has_no_row() -> None:
    nonsense = replace(one(of_developer(), DEV), principal_arn="nonsense")
    found = row_difference(data(DEV_ROW), nonsense)
    assert found is not None
    assert (found.code, found.subject) == ("row-changed", "nonsense")


def test_changed_row_is_among_the_differences_of_the_plan() -> None:
    found = row_differences(of_developer(), data(row(DEV, "y", ("devs",))))
    assert [(each.code, each.subject) for each in found] == [("row-changed", DEV)]


@pytest.mark.parametrize(
    ("planned_id", "found", "code"),
    [
        (None, "AROA1", None),
        ("AROA1", "AROA1", None),
        ("AROA1", None, "principal-deleted"),
        ("AROA1", "AROA2", "principal-recreated"),
    ],
)
def test_principal_with_another_unique_id_is_another_one(
    planned_id: str | None, found: str | None, code: str | None
) -> None:
    principal = replace(one(of_developer(), DEV), principal_id=planned_id)
    difference = id_difference(principal, found)
    assert (difference.code if difference else None) == code


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=12))
def test_first_difference_of_each_principal_in_the_order_of_the_plan(
    drawn: list[tuple[int, bool]],
) -> None:
    arns = [role(name) for name in "abcd"]
    plan = planned(world([row(arn) for arn in arns]))
    known = [principal.principal_arn for principal in plan.principals]
    subjects = [*known, role("unknown")]
    found = [
        (is_given_up, Difference("row-changed", subjects[place], str(number)))
        for number, (place, is_given_up) in enumerate(drawn)
    ]
    given_up = [each for is_given_up, each in found if is_given_up]
    others = [each for is_given_up, each in found if not is_given_up]
    ordered = one_each(plan, given_up, others)
    assert {each.subject for each in ordered} == {each.subject for _, each in found}
    assert len({each.subject for each in ordered}) == len(ordered)
    ended = {each.subject for each in given_up}
    places = [(each.subject not in ended, subjects.index(each.subject)) for each in ordered]
    assert places == sorted(places)
    for each in ordered:
        first = next(one for one in (*given_up, *others) if one.subject == each.subject)
        assert each == first
