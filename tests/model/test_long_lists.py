"""Long lists are cut, and the reader sees how much is left out."""

import pytest

from migrator.model.long_lists import and_more, first_lines, some_of


@pytest.mark.parametrize(
    ("total", "what", "words"),
    [
        (2, "", ""),
        (3, "", ""),
        (4, "", "and 1 more"),
        (2003, "probes", "and 2000 more probes"),
    ],
)
def test_only_what_is_not_shown_is_counted(total: int, what: str, words: str) -> None:
    assert and_more(total, 3, what) == words


def test_names_are_joined_and_cut() -> None:
    assert some_of([], 2) == ""
    assert some_of(["a", "b"], 2) == "a, b"
    assert some_of(["a", "b", "c"], 2) == "a, b and 1 more"
    assert some_of(["a", "b", "c"], 2, "days", between="; ", last=", ") == "a; b, and 1 more days"


def test_line_says_how_many_lines_are_left_out() -> None:
    assert first_lines(["a", "b"], 2) == ["a", "b"]
    assert first_lines(["a", "b", "c", "d"], 2, "differences") == [
        "a",
        "b",
        "and 2 more differences",
    ]
