"""The plan in one line: true when principals gain, lose, or are not decided."""

import pytest
from hypothesis import given, settings

from migrator.model.plan import AccessChange, Plan, PlannedPrincipal
from migrator.model.rbac import PermissionRow
from migrator.render.chat_line import chat_line
from migrator.render.markdown import plan_markdown
from migrator.render.plan_table import plan_table
from tests.support.plans import LOST, company, plan, plans, principal, role

UNKNOWN = PermissionRow("unknown rbac")
SAME = principal(role("a"))
GAINS = principal(role("b"), access=AccessChange(gained=(LOST,)))
LOSES = principal(role("c"), access=AccessChange(lost=(LOST,)))
ACCEPTED = principal(
    role("d"), "skip", access=AccessChange(lost=(LOST,)), findings=("loss-accepted",)
)
UNSURE = principal(role("e"), access=AccessChange(lost=(UNKNOWN,)))
BLOCK = principal(role("f"), "block")
NONE = "no principal gains access, no principal loses access"


@pytest.mark.parametrize(
    ("principals", "words"),
    [
        ([], f"0 create, 0 block; {NONE}"),
        ([SAME, SAME], f"2 create, 0 block; {NONE}"),
        (
            [SAME, GAINS],
            "2 create, 0 block; 1 principal gains access, no principal loses access",
        ),
        (
            [LOSES, LOSES],
            "2 create, 0 block; no principal gains access, 2 principals lose access",
        ),
        (
            [SAME, ACCEPTED],
            "1 create, 1 skip, 0 block; no principal gains access, "
            "1 principal loses access (1 by decision)",
        ),
        (
            [LOSES, ACCEPTED],
            "1 create, 1 skip, 0 block; no principal gains access, "
            "2 principals lose access (1 by decision)",
        ),
        ([UNSURE], f"1 create, 0 block; {NONE}, of 1 a part is not known"),
        ([BLOCK], f"0 create, 1 block; {NONE}, of 1 it is not decided"),
    ],
    ids=["empty", "same", "gain", "lose", "accepted", "both", "unknown", "blocked"],
)
def test_line_says_who_gains_and_who_loses(principals: list[PlannedPrincipal], words: str) -> None:
    value = plan(*principals)
    assert chat_line(value) == f"{value.cluster.name}: {words}"


def test_plan_ends_in_it_and_markdown_begins_with_it() -> None:
    value = company()
    assert plan_table(value, width=160).rstrip("\n").endswith(f"\n{chat_line(value)}")
    assert chat_line(value) in plan_markdown(value).replace("\\", "")


@settings(max_examples=60)
@given(plans())
def test_it_is_one_line_of_every_plan(value: Plan) -> None:
    last = plan_table(value, width=160).splitlines()[-1]
    assert "lose" in last or len(chat_line(value)) > 160
