"""Which log-ins an identity admits, and how two such populations differ."""

import pytest

from migrator.decide.access.log_in_population import population_of, together, without
from migrator.model.access_entry import Identity
from migrator.model.log_ins import LogIns
from tests.support.worlds import role, user

DEV = role("dev")
INSTANCES, OTHERS = LogIns("instance"), LogIns("other")
ONLY_A, ONLY_B = LogIns("other", names=("a",)), LogIns("other", names=("b",))
BUT_A, BUT_AB = LogIns("other", except_names=("a",)), LogIns("other", except_names=("a", "b"))


def by_entry(username: str) -> Identity:
    return Identity(username, (), "access-entry")


def test_session_whose_name_gives_an_entrys_username_a_reserved_prefix_is_refused() -> None:
    found = population_of(by_entry("{{SessionName}}:x"), DEV)
    refused = {name for each in found for name in each.except_names}
    assert "system" in refused
    assert found[0] == INSTANCES


def test_entry_whose_username_begins_with_a_reserved_prefix_admits_no_log_in() -> None:
    assert population_of(by_entry("system:x"), DEV) == ()
    assert population_of(by_entry("system:{{SessionName}}"), user("ana")) == ()


def test_row_admits_a_username_with_a_reserved_prefix() -> None:
    assert population_of(Identity("system:x", (), "config-map"), DEV) == (INSTANCES, OTHERS)


def test_identity_without_a_way_in_admits_no_log_in() -> None:
    assert population_of(Identity("x", (), "none"), DEV) == ()


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        (OTHERS, INSTANCES, OTHERS),
        (OTHERS, OTHERS, None),
        (ONLY_A, ONLY_B, ONLY_A),
        (ONLY_A, ONLY_A, None),
        (ONLY_A, BUT_A, ONLY_A),
        (ONLY_A, OTHERS, None),
        (OTHERS, ONLY_A, BUT_A),
        (BUT_A, ONLY_B, BUT_AB),
        (OTHERS, BUT_A, ONLY_A),
        (BUT_A, BUT_AB, ONLY_B),
        (BUT_AB, BUT_A, None),
    ],
)
def test_log_ins_that_the_other_population_lacks_are_left(
    one: LogIns, other: LogIns, left: LogIns | None
) -> None:
    assert without((one,), (other,)) == (() if left is None else (left,))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (ONLY_A, ONLY_B, LogIns("other", names=("a", "b"))),
        (ONLY_A, BUT_AB, LogIns("other", except_names=("b",))),
        (BUT_AB, ONLY_A, LogIns("other", except_names=("b",))),
        (BUT_A, BUT_AB, BUT_A),
        (OTHERS, BUT_A, OTHERS),
    ],
)
def test_log_ins_of_two_populations_are_those_of_either(
    one: LogIns, other: LogIns, both: LogIns
) -> None:
    assert together([(one,), (other,)]) == (both,)


def test_kinds_of_sessions_come_in_one_order() -> None:
    assert together([(OTHERS,), (INSTANCES,)]) == (INSTANCES, OTHERS)
