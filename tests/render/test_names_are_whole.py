"""A name of an ARN is in one piece at every width, so that it can be copied."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from migrator.render.facts import short_arn
from migrator.render.plan_table import plan_table
from migrator.render.text import foreign, rows_under, text_of
from tests.support.plans import company, plan, principal

WIDTHS = (60, 80, 100, 160)
PREFIX = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-central-1"
LONG = f"{PREFIX}/AWSReservedSSO_AdministratorAccess_0123456789abcdef"


def _joined(text: str) -> str:
    """The text with the lines joined that end behind a slash or a colon."""
    lines = [line.strip() for line in text.splitlines()]
    return "".join(line if line.endswith(("/", ":")) else f"{line}\n" for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_plan_shows_each_principal_whole(width: int) -> None:
    shown = plan(*company().principals, principal(LONG, "create"))
    text = plan_table(shown, width=width)
    names = [each.principal_arn.rpartition("/")[2] for each in shown.principals]
    assert LONG.rpartition("/")[2] in names
    for name in names:
        assert name in text
    assert short_arn(LONG, shown) in _joined(text)


_name = st.from_regex(r"[A-Za-z0-9+=,.@_-]{1,50}", fullmatch=True)


@settings(max_examples=60)
@given(st.lists(_name, min_size=1, max_size=6), st.sampled_from(WIDTHS))
def test_parts_of_a_word_that_fit_a_line_are_never_broken(parts: list[str], width: int) -> None:
    word = "arn:aws:iam::111122223333:role/" + "/".join(parts)
    text = text_of(foreign(f"The role {word} is gone from here"), width=width)
    for part in parts:
        assert any(part in line for line in text.splitlines())
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "".join(text.split()) == f"Therole{word}isgonefromhere"


def test_short_columns_move_above_the_name_on_a_narrow_terminal() -> None:
    row = ([Text("ok"), Text("live")], foreign(LONG))
    for width, first in ((60, "ok  live"), (120, "ok")):
        table = rows_under([("VERDICT", 8), ("PROOF", 10)], Text("WHO"), [row], width=width)
        lines = text_of(table, width=width).splitlines()
        assert lines[0].startswith("VERDICT")
        assert any(line.split("  ")[0] == first.split("  ")[0] for line in lines)
        assert (first in lines) is (width == 60)
        assert "AWSReservedSSO_AdministratorAccess_0123456789abcdef" in "\n".join(lines)
