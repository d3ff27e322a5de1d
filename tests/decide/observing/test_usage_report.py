"""What a report says of rows, accounts, templates and the window."""

import json
from datetime import datetime, timedelta, timezone

from migrator.decide.observing.usage import Tally, milliseconds
from migrator.decide.observing.usage_report import Window, usage_report
from migrator.model.observation import SeenLogin
from migrator.model.usage_report import LogGroup, UsageReport

ACCOUNT, FOREIGN = "111122223333", "444455556666"
END = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
LONG_AGO = datetime(2024, 1, 1, tzinfo=timezone.utc)
BOTH = frozenset({"audit", "authenticator"})


def role(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def row(arn: str, username: str = "x", *groups: str) -> dict[str, object]:
    return {"rolearn": arn, "username": username, "groups": list(groups)}


def login(arn: str, username: str = "x", *groups: str, hours: int = 1) -> SeenLogin:
    return SeenLogin(arn, username, groups, END - timedelta(hours=hours), "authenticator")


def report(
    *logins: SeenLogin,
    rows: list[dict[str, object]] | None = None,
    accounts: str = "",
    entries: list[str] | None = None,
    known: bool = True,
    window: Window | None = None,
    silent: bool = False,
) -> UsageReport:
    tally = Tally()
    found = window or Window(END - timedelta(days=3), END, BOTH, LogGroup(0, LONG_AGO))
    for each in logins:
        tally.add_login(each)
    for hour in range(0 if silent else 24 * 40):
        tally.saw("authenticator", milliseconds(END - timedelta(hours=hour)))
        tally.saw("audit", milliseconds(END - timedelta(hours=hour)))
    data = {"mapRoles": json.dumps(rows or []), "mapAccounts": accounts}
    return usage_report(
        tally,
        found,
        aws_auth=data if known else None,
        entries=entries,
        method="filter",
        bytes_scanned=0,
    )


def test_rows_nobody_used_are_named_by_place() -> None:
    found = report(login(role("a")), rows=[row(role("a")), row(role("b")), row(role("team/c"))])
    assert [(each.source, each.arn) for each in found.unused] == [
        ("mapRoles[1]", role("b")),
        ("mapRoles[2]", role("team/c")),
    ]


def test_a_row_with_a_path_is_used_by_nobody_although_the_role_logs_in() -> None:
    found = report(login(role("c")), rows=[row(role("team/c"))])
    assert [each.source for each in found.unused] == ["mapRoles[0]"]
    assert [each.arn for each in found.unexplained] == [role("c")]


def test_principals_behind_an_account_are_named_and_others_are_unexplained() -> None:
    found = report(
        login(role("a", FOREIGN), role("a", FOREIGN)),
        login(role("b"), "b"),
        accounts=f"- '{FOREIGN}'\n",
    )
    assert [(each.arn, each.account) for each in found.behind_accounts] == [
        (role("a", FOREIGN), FOREIGN)
    ]
    assert [each.arn for each in found.unexplained] == [role("b")]


def test_the_hidden_creator_is_known_by_its_name() -> None:
    found = report(login(role("maker"), "kubernetes-admin", "system:masters"))
    (seen,) = found.unexplained
    assert seen.hidden_creator


def test_an_entry_explains_a_login_whatever_its_path() -> None:
    assert report(login(role("a")), entries=[role("team/a")]).unexplained == ()


def test_what_templates_became() -> None:
    rows = [row(role("a"), "dev:{{SessionName}}", "devs", "team-{{SessionName}}")]
    found = report(
        login(role("a"), "dev:jo", "devs", "team-jo"),
        login(role("a"), "dev:al", "devs", "team-al"),
        rows=rows,
    )
    assert [(each.template, each.names, each.count) for each in found.templates] == [
        ("dev:{{SessionName}}", ("dev:al", "dev:jo"), 2),
        ("team-{{SessionName}}", ("team-al", "team-jo"), 2),
    ]


def test_without_aws_auth_nothing_is_said_of_rows() -> None:
    found = report(login(role("a")), known=False)
    assert (found.rows_known, found.unused, found.unexplained) == (False, (), ())
    assert len(found.usage.logins) == 1


def window(
    start: timedelta = timedelta(days=3), types: frozenset[str] = BOTH, **group: object
) -> Window:
    return Window(
        END - start,
        END,
        types,
        LogGroup(**{"stored_bytes": 0, "created": LONG_AGO, **group}),  # type: ignore[arg-type]
    )


def test_a_whole_window_is_complete() -> None:
    found = report(login(role("a")))
    assert (found.usage.complete, found.gaps, found.counted) == (True, (), "logins")


def test_a_log_that_begins_within_the_window_leaves_a_gap() -> None:
    found = report(window=window(created=END - timedelta(days=1)))
    assert (found.usage.complete, found.gaps) == (False, ("the log begins 2026-11-21 12:00Z",))


def test_lines_that_are_deleted_before_leave_a_gap() -> None:
    assert report(window=window(retention_days=1)).gaps == ("lines are deleted after 1 days",)
    assert report(window=window(retention_days=3)).gaps == ()


def test_a_silent_day_is_a_gap() -> None:
    found = report(silent=True)
    assert found.gaps == ("no line of the authenticator log on 2026-11-20, 2026-11-21",)
    short = report(silent=True, window=window(timedelta(hours=2)))
    assert short.gaps == ("no line of the authenticator log on 2026-11-22",)


def test_silent_days_beyond_five_are_counted() -> None:
    found = report(silent=True, window=window(timedelta(days=9)))
    assert found.gaps[-1].endswith("2026-11-18 and 3 more days")


def test_without_the_authenticators_log_requests_are_counted() -> None:
    assert report(window=window(types=frozenset({"audit"}))).counted == "requests"
    assert report(window=window(types=frozenset())).gaps == (
        "neither the authenticator's log nor the audit log is on",
    )


def test_a_window_within_two_days_is_silent_only_where_neither_day_has_a_line() -> None:
    short = Window(END - timedelta(hours=20), END, BOTH, LogGroup(0, LONG_AGO))
    assert report(window=short).gaps == ()
    assert len(report(window=short, silent=True).gaps) == 1
