"""Rows that people read in the text and the authenticator never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.unread_rows import unread_rows
from tests.support.worlds import findings, planned, role, world

# Enough of YAML and of a row to build both.
ALPHABET = "-: \n[]{}'\"rolean&*#|>%!"
DEV, OPS = role("dev"), role("ops")
FIRST = f"- rolearn: {DEV}\n  username: dev\n"
SECOND = f"- rolearn: {OPS}\n  username: ops\n"


@pytest.mark.parametrize(
    ("data", "key", "line", "why"),
    [
        ({"mapRoles": f"{FIRST}---\n{SECOND}"}, "mapRoles", 4, "behind the first YAML document"),
        (
            {"mapRoles": f"{FIRST}---\n{SECOND}  - broken: [\n"},
            "mapRoles",
            4,
            "behind the first YAML document",
        ),
        (
            {"mapRoles": f"{FIRST}  groups:\n  - dev\n  - rolearn: {OPS}\n    username: ops\n"},
            "mapRoles",
            5,
            "inside another row, mapRoles[0]",
        ),
        (
            {"mapRoles": f"{FIRST}  more:\n    ROLEARN: {OPS}\n"},
            "mapRoles",
            4,
            "inside another row, mapRoles[0]",
        ),
        ({"mapRoles": FIRST, "maproles": SECOND}, "maproles", 1, "under the key `maproles`"),
        (
            {"mapRoles": FIRST, "mapRole": f'[\n {{"rolearn": "{OPS}"}}]'},
            "mapRole",
            2,
            "under the key `mapRole`",
        ),
        (
            {"mapRoles": FIRST, "old": f"a: [\n- rolearn: {OPS}\n"},
            "old",
            2,
            "under the key `old`",
        ),
    ],
)
def test_row_that_is_never_read_is_a_finding_with_its_line(
    data: dict[str, str], key: str, line: int, why: str
) -> None:
    assert [row.arn for row in read_aws_auth(data).rows] == [DEV]
    plan = planned(world(data=data))
    (told,) = findings(plan, "row-unread")
    assert (told.source, told.line, told.severity) == (key, line, "warn")
    assert f"`{OPS}`" in told.message
    assert why in told.message
    assert told.remedy.startswith("Nothing has to be done")


def test_account_behind_the_first_document_is_a_finding() -> None:
    plan = planned(world(data={"mapAccounts": "- '111122223333'\n---\n- '444455556666'\n"}))
    (told,) = findings(plan, "row-unread")
    assert (told.line, "`444455556666`" in told.message) == (3, True)


@pytest.mark.parametrize(
    "data",
    [
        {"mapRoles": FIRST + SECOND},
        {"mapRoles": f"---\n{FIRST}"},
        {"mapRoles": f"{FIRST}---\n"},
        {"mapRoles": f"- rolearn: {DEV}\n  username: rolearn\n", "note": "who has a rolearn"},
    ],
)
def test_text_whose_rows_are_all_read_has_none(data: dict[str, str]) -> None:
    assert unread_rows(data, read_aws_auth(data)) == ()


def test_dead_rows_never_say_what_to_write() -> None:
    """A remedy that says how a dead row would match makes a new grant of the migration."""
    dead = [kind for code, kind in CATALOGUE.items() if code.startswith("dead-")]
    more = [CATALOGUE[code] for code in ("row-unread", "row-dropped", "unknown-data-key")]
    for kind in (*dead, *more):
        if kind.severity != "block":
            assert "Nothing has to be done; delete" in kind.remedy, kind.code


@given(st.text(alphabet=ALPHABET, max_size=60))
def test_whatever_the_text_holds_this_returns(text: str) -> None:
    data = {"mapRoles": text, "other": text}
    assert isinstance(unread_rows(data, read_aws_auth(data)), tuple)
