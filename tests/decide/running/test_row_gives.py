"""Asked before an entry is deleted: aws-auth, as it is now, gives the principal what it had, or it does not."""

import pytest

from migrator.decide.running.row_gives import row_gives
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
