"""Rules that meet: what each of them says holds, whatever else is true of the same principal."""

from tests.support.worlds import (
    finding,
    findings,
    iam,
    one,
    only,
    planned,
    role,
    row,
    world,
)

DEV = role("dev")


def test_shadowed_and_stripped_rows_are_findings_of_their_principal_by_its_full_arn() -> None:
    full = role("teams/dev")
    rows = [row(DEV, "a", ("one",)), row(DEV, "b", "system:masters")]
    plan = planned(world(rows, principals=[iam(full)]))
    assert {"row-shadowed", "row-stripped"} <= set(one(plan, full).findings)
    assert finding(plan, "row-shadowed").principal_arn == full
    assert finding(plan, "row-stripped").principal_arn == full
    assert (finding(plan, "row-shadowed").source, finding(plan, "row-stripped").source) == (
        "mapRoles[0]",
        "mapRoles[1]",
    )


def test_in_api_mode_no_row_is_said_to_win_or_to_be_read() -> None:
    plan = planned(world([row(DEV, "a"), row(DEV, "b", "system:masters")], mode="API"))
    assert only(plan).findings == ("row-inert",)
    assert findings(plan, "row-shadowed") + findings(plan, "row-stripped") == ()
