"""Every command, of one cluster and of a fleet, in every end state of a migration: the exit codes
are those of playbooks/reference/exit-codes.md, and every end that is not 0 says what goes further.
"""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.cli_lab import Ran
from tests.support.end_states import (
    COMMANDS,
    STATES,
    EndStates,
    State,
    end_states,
    fleet_codes,
    is_open,
)
from tests.support.pairs_lab import ON_PLANS
from tests.support.taken_words import refused_words

pytestmark = pytest.mark.long  # some 300 commands


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EndStates]:
    with end_states(tmp_path_factory.mktemp("end-states")) as found:
        yield found


def _says_what_goes_further(ran: Ran) -> bool:
    lines = re.findall(r"^Do {9}(migrate .*)$", ran.out, re.M)
    assert [word for line in lines for word in refused_words(line)] == []
    return bool(lines) or "do:    " in ran.err


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_each_command_ends_as_the_table_says(made: EndStates, state: State) -> None:
    found, silent = "", []
    for command in COMMANDS:
        ran = made.single(command, state.name)
        made.put_back(state.name)
        found += str(ran.code)
        if ran.code and not _says_what_goes_further(ran):
            silent.append(command)
    assert (found, silent) == (state.codes, [])


@pytest.mark.parametrize("command", ON_PLANS)
def test_each_command_of_a_fleet_ends_as_the_table_says(made: EndStates, command: str) -> None:
    ended = made.fleet(command)
    for state in STATES:
        made.put_back(state.name)
    expected = {state.name: fleet_codes(state)[command] for state in STATES}
    assert {name: str(each.exit_code) for name, each in ended.items()} == expected


def test_status_of_a_fleet_calls_each_state_by_its_name(made: EndStates) -> None:
    ran = made.pairs.migrate("fleet", "status", "--output", "json")
    stages = {each["name"]: each["stage"] for each in json.loads(ran.out)["clusters"]}
    assert stages == {state.name: state.stage for state in STATES}
    assert ran.code == 8
    said = made.pairs.migrate("fleet", "status")
    assert _says_what_goes_further(said)


def test_status_of_a_fleet_is_0_only_where_nothing_is_left(made: EndStates) -> None:
    """By the rows of the report: each cluster as a fleet for itself."""
    assert made.open_rows() == {state.name: is_open(state) for state in STATES}
