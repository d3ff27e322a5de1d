"""What may be read and deleted of a rehearsal's timer is stated for the commands that do so."""

import pytest

from migrator.decide.reach.required_requests import conditional_requests_of
from migrator.decide.running.dead_man import KINDS, NAME


def on_timer(command: str, verb: str) -> set[str]:
    requests = [each.request for each in conditional_requests_of(command)]
    return {each.resource for each in requests if each.name == NAME and each.verb == verb}


@pytest.mark.parametrize("verb", ["get", "delete"])
def test_rollback_states_every_kind_of_the_timer(verb: str) -> None:
    assert on_timer("rollback", verb) == {f"{kind.lower()}s" for kind in KINDS}


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_commands_that_look_state_what_shows_whether_a_rehearsal_ended(command: str) -> None:
    assert on_timer(command, "get") == {"leases", "jobs"}
    assert on_timer(command, "delete") == set()
