"""A command in a text that is folded can be copied: it is in one line, or in lines of a shell that
go on.
"""

import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.table import Table

from migrator.render.text import foreign, text_of

WIDTHS = (60, 80, 100, 160)
_words = st.lists(st.sampled_from(["Or", "look", "at", "both:", "then", "again,"]), max_size=12)
_argument = st.from_regex(r"[A-Za-z0-9=._ /:'*-]{1,24}", fullmatch=True)
_command = st.builds(
    lambda program, given: shlex.join([program, *given]),
    st.sampled_from(["migrate", "aws", "kubectl"]),
    st.lists(_argument, min_size=1, max_size=12),
)


def _in_column(text: str, width: int) -> str:
    """The text as the second column of a table has it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=7)
    table.add_column(ratio=1, overflow="fold")
    table.add_row("warn", foreign(text))
    return text_of(table, width=width)


def _pasted(text: str) -> str:
    """The lines as a shell joins them."""
    return re.sub(r"\\\n *", "", text)


@given(_words, _command, _words, st.sampled_from(WIDTHS))
def test_a_command_between_words_is_copied_as_it_is(
    before: list[str], command: str, after: list[str], width: int
) -> None:
    said = " ".join([*before, f"(`{command}`),", *after])
    for shown in (text_of(foreign(said), width=width), _in_column(said, width)):
        assert f"`{command}`" in _pasted(shown)
        assert all(cell_len(line) <= width for line in shown.splitlines())
        # Nothing else is changed.
        assert "".join(_pasted(shown).split()).removeprefix("warn") == "".join(said.split())


@given(_words, st.sampled_from(WIDTHS))
def test_words_without_a_command_are_folded_as_ever(words: list[str], width: int) -> None:
    said = " ".join([*words, "`system:masters` and `a b` of `the group \\`"] * 3)
    shown = text_of(foreign(said), width=width)
    assert " ".join(shown.split()) == said
    assert "\\\n" not in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_a_command_does_the_same_where_it_is_pasted(width: int) -> None:
    words = ["migrate", "plan", "--cluster", "it's one", "--out", 'a "b" c', *["--only", "x"] * 12]
    shown = _in_column(f"Then run `{shlex.join(words)}`.", width)
    copied = shown[shown.index("`") + 1 : shown.rindex("`")]
    script = f'migrate() {{ printf "%s\\n" "$@"; }}\n{copied}\n'
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == words[1:]
    # It is longer than the widest terminal.
    assert shown.count("\\\n") >= 1


@pytest.mark.parametrize("room", range(1, 6))
@pytest.mark.parametrize("indent", range(4))
def test_a_word_that_nearly_fills_its_line_leaves_no_line_of_its_own(
    indent: int, room: int
) -> None:
    """A first half without its backslash is a command, and the backslash alone joins nothing."""
    for width in range(24, 70):
        long = "r" * (width - room)
        for words in (
            ["migrate", "token", "--as", long, "small", long],
            ["migrate", long[9:], "x"],
        ):
            shown = text_of(foreign(" " * indent + f"`{shlex.join(words)}` now"), width=width)
            assert all(cell_len(line) <= width for line in shown.splitlines())
            assert "\n\\\n" not in shown
            assert _words_of_shell(shown) == words


def test_no_line_ends_inside_single_quotes_behind_a_quote_that_is_escaped() -> None:
    said = "`migrate plan it\\'s 'a  b  c' \"say \\\" it's  so\" last`"
    for width in range(24, 60):
        shown = text_of(foreign(said), width=width)
        assert _words_of_shell(shown) == shlex.split(said.strip("`"))


def _words_of_shell(shown: str) -> list[str]:
    copied = shown[shown.index("`") + 1 : shown.rindex("`")].replace("\\\n", "")
    assert "\n" not in copied
    return shlex.split(copied)
