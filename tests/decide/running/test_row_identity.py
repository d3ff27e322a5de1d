"""Asked before an entry is deleted: aws-auth, as it is now, gives the principal what it had, or it
does not.
"""

from typing import Any

import pytest

from migrator.decide.running.row_identity import groups_by_row, row_gives
from migrator.model.access_entry import Identity
from tests.support.worlds import NODE_GROUPS, only, planned, role, row, user, world


@pytest.mark.parametrize(
    ("arn", "username", "groups"),
    [
        (role("dev"), "{{AccountID}}:{{SessionName}}", ("devs",)),
        (role("nodes"), "system:node:{{SessionNameRaw}}", NODE_GROUPS),
        (user("ana"), "u:{{SessionName}}", ()),
        (user("ana"), "ana", ("", "devs")),
    ],
)
def test_unchanged_row_gives_what_it_gave_whatever_its_templates(
    arn: str, username: str, groups: tuple[str, ...]
) -> None:
    snapshot = world([row(arn, username, groups)])
    before = only(planned(snapshot)).before
    assert row_gives(snapshot.aws_auth_data, arn, before)


@pytest.mark.parametrize(
    "changed", [row(role("dev"), "y", ("devs",)), row(role("dev"), "x", ()), row(role("ops"), "x")]
)
def test_changed_row_does_not_give_what_it_gave(changed: dict[str, object]) -> None:
    before = only(planned(world([row(role("dev"), "x", ("devs",))]))).before
    assert not row_gives(world([changed]).aws_auth_data, role("dev"), before)


NOBODY_BEFORE = Identity("", (), "none")
DOUBTFUL = {
    "mapRoles": "- {rolearn: x, username: 0x8000000000000000000000000000000000000000000000001}"
}


def test_somebody_who_could_not_log_in_loses_nothing() -> None:
    assert row_gives(None, role("dev"), NOBODY_BEFORE)


def test_what_no_row_can_give_or_is_not_read_is_not_given() -> None:
    by_row, by_entry = Identity("x", (), "config-map"), Identity("x", (), "access-entry")
    data = world([row(role("dev"), "x")]).aws_auth_data
    assert row_gives(data, role("dev"), by_row)
    assert not row_gives(data, role("dev"), by_entry)
    assert not row_gives(None, role("dev"), by_row)
    assert not row_gives(data, "nonsense", by_row)
    assert not row_gives(DOUBTFUL, role("dev"), by_row)


def test_groups_by_row_are_those_that_every_way_in_gives() -> None:
    data = world(
        [row(role("dev"), "x", ("a", "b"))],
        [row(user("ana"), "x", ("a",)), row(user("ANA"), "y", ("b",))],
    )
    assert groups_by_row(data.aws_auth_data, role("dev")) == frozenset({"a", "b"})
    assert groups_by_row(data.aws_auth_data, user("ana")) == frozenset()
    assert groups_by_row(data.aws_auth_data, role("ops")) is None
    assert groups_by_row(world(accounts=["111122223333"]).aws_auth_data, role("ops")) == frozenset()
    assert groups_by_row(None, role("ops")) is None
    assert groups_by_row(DOUBTFUL, role("ops")) == frozenset()
    assert groups_by_row(data.aws_auth_data, "nonsense") == frozenset()


def test_value_of_aws_auth_that_is_no_text_gives_no_row() -> None:
    data: dict[str, Any] = {"mapRoles": 7}
    assert not row_gives(data, role("dev"), Identity("x", (), "config-map"))
