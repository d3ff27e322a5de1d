"""The tables of explanation/scale.md are computed; ``UPDATE_GOLDEN=1`` writes them."""

from pathlib import Path

from tests.support.golden import assert_golden
from tests.support.scale_page import CALLS, CLUSTERS, Calls, times, with_tables

PAGE = Path(__file__).parents[2] / "playbooks" / "explanation" / "scale.md"


def test_tables_are_what_calls_and_rates_make_of_them() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("<!-- computed: ") == 4
    assert_golden(PAGE, with_tables(text).encode())


def test_a_table_that_was_edited_is_computed_again() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text.replace("| `fleet plan` | 9 |", "| `fleet plan` | 8 |")) == text


def test_the_least_time_is_that_of_calls_tokens_and_processor() -> None:
    one_call = Calls((1, 0), (0, 0), (0, 0), (0, 0), processor=2)
    assert times(one_call, 10) == {
        "calls": CLUSTERS * 0.05 / 10,
        "eks": 10 / 20,
        "iam": 0,
        "processor": CLUSTERS * 0.002,
    }


def test_every_command_of_a_migration_has_its_calls() -> None:
    assert [next(iter(CALLS)), list(CALLS)[-1]] == ["plan", "cutover"]
    assert all(calls.total() > 0 and calls.processor > 0 for calls in CALLS.values())
