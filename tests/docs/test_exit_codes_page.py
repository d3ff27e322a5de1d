"""playbooks/reference/exit-codes.md is generated from the table. ``UPDATE_GOLDEN=1`` writes it."""

from pathlib import Path

from tests.support.end_states import COMMANDS, STATES
from tests.support.exit_codes_page import exit_codes_page
from tests.support.golden import assert_golden

PAGE = Path(__file__).parents[2] / "playbooks" / "reference" / "exit-codes.md"


def test_exit_codes_page_is_what_the_table_says() -> None:
    assert_golden(PAGE, exit_codes_page().encode())


def test_table_has_a_cell_for_each_command_in_each_state() -> None:
    assert {len(state.codes) for state in STATES} == {len(COMMANDS)}
    assert len({state.name for state in STATES}) == len(STATES)
