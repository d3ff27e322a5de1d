"""Logins that somebody made themselves, as proof of an entry."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from migrator.decide.proving.login_proof import judge_logins, with_requests
from migrator.decide.proving.node_proof import SPREAD
from migrator.model.observation import SeenLogin, SeenRequest

ARN = "arn:aws:iam::111122223333:role/sre"
MADE = datetime(2026, 11, 22, 8, 0, tzinfo=timezone.utc)
MARKER = "migrator-probe:0123456789abcdef"


def login(after: timedelta, *groups: str, name: str = "sre:jo", refused: str = "") -> SeenLogin:
    return SeenLogin(ARN, "" if refused else name, groups, MADE + after, "authenticator", refused)


def test_a_login_with_the_marker_proves_the_entry() -> None:
    found = judge_logins(
        "sre:{{SessionName}}", ("oncall", MARKER), [login(SPREAD, "oncall", MARKER)], since=MADE
    )
    assert found is not None
    assert (found.attribution, found.differences) == ("marker", ())
    assert found.how == "seen once in the authenticator's log, last at 2026-11-22 08:01:00Z"


def test_a_login_without_it_came_through_the_row_and_so_the_entry_is_dead() -> None:
    found = judge_logins(
        "sre:{{SessionName}}", ("oncall", MARKER), [login(SPREAD, "oncall")], since=MADE
    )
    assert found is not None
    assert found.differences == (f"the group '{MARKER}' is missing",)


def test_before_the_entry_is_in_force_for_sure_a_login_can_only_speak_for_it() -> None:
    soon = SPREAD - timedelta(seconds=1)
    assert judge_logins("sre:jo", ("oncall", MARKER), [login(soon, "oncall")], since=MADE) is None
    assert (
        judge_logins("sre:jo", ("oncall", MARKER), [login(soon, "oncall", MARKER)], since=MADE)
        is not None
    )
    assert judge_logins("sre:jo", ("oncall",), [login(-soon, "oncall")], since=MADE) is None


def test_without_a_marker_a_login_is_tied_to_nothing_unless_no_row_is_asked() -> None:
    seen = [login(SPREAD, "oncall")]
    loose = judge_logins("sre:jo", ("oncall",), seen, since=MADE)
    tied = judge_logins("sre:jo", ("oncall",), seen, since=MADE, only_entry="api-mode")
    assert loose is not None
    assert tied is not None
    assert (loose.attribution, tied.attribution) == ("none", "api-mode")


def test_the_newest_login_decides() -> None:
    right, wrong = login(SPREAD, "oncall"), login(2 * SPREAD, "oncall", name="somebody")
    found = judge_logins("sre:{{SessionName}}", ("oncall",), [wrong, right], since=MADE)
    assert found is not None
    assert found.differences == ("the username is 'somebody', not 'sre:{{SessionName}}'",)
    again = judge_logins(
        "sre:{{SessionName}}", ("oncall",), [wrong, right, login(3 * SPREAD, "oncall")], since=MADE
    )
    assert again is not None
    assert (again.differences, again.count) == ((), 3)


def test_a_refused_login_speaks_against_the_entry() -> None:
    found = judge_logins(
        "sre:jo", (), [login(SPREAD, refused="identity is not mapped")], since=MADE
    )
    assert found is not None
    assert (found.subject, found.differences) == (
        None,
        ("the login was refused: identity is not mapped",),
    )


def test_a_group_with_a_blank_is_compared_as_the_authenticator_prints_it() -> None:
    found = judge_logins("sre:jo", ("on call",), [login(SPREAD, "on", "call")], since=MADE)
    assert found is not None
    assert found.differences == ()


def request(after: timedelta, *, allowed: bool = True, by: str = "access-policy") -> SeenRequest:
    return SeenRequest(ARN, "sre:jo", (), MADE + after, allowed, by, "list", "secrets")  # type: ignore[arg-type]


def test_a_request_that_an_access_policy_allowed_shows_the_policy() -> None:
    judged = judge_logins("sre:jo", (), [login(SPREAD)], since=MADE)
    assert judged is not None
    shown = with_requests(judged, [request(SPREAD)], since=MADE, admin=True)
    assert shown is not None
    assert (shown.attribution, shown.differences) == ("policy", ())
    assert with_requests(judged, [request(-SPREAD)], since=MADE, admin=True) is None
    assert with_requests(judged, [request(SPREAD, by="rbac")], since=MADE, admin=True) is None


def test_an_administrator_is_denied_nothing() -> None:
    judged = judge_logins("sre:jo", (), [login(SPREAD)], since=MADE)
    assert judged is not None
    denied = [request(SPREAD), request(SPREAD, allowed=False, by="other")]
    shown = with_requests(judged, denied, since=MADE, admin=True)
    assert shown is not None
    assert "list secrets was denied" in shown.differences[0]
    other = with_requests(judged, denied, since=MADE, admin=False)
    assert other is not None
    assert other.differences == ()


def test_log_in_that_was_refused_has_no_subject_and_says_so() -> None:
    found = judge_logins("sre:jo", (), [login(SPREAD, refused="access denied")], since=MADE)
    assert found is not None
    assert found.subject is None
    assert found.differences == ("the login was refused: access denied",)
    assert found.how == "was refused, last at 2026-11-22 08:01:00Z"


def test_log_ins_of_the_audit_log_are_counted() -> None:
    seen = replace(login(SPREAD, "on call"), source="audit")
    found = judge_logins("sre:jo", ("on call",), [seen, seen], since=MADE)
    assert found is not None
    assert found.subject is not None
    assert (found.subject.username, found.differences) == ("sre:jo", ())
    assert found.how.startswith("seen 2 times in the audit log")
