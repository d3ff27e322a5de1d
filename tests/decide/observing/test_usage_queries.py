"""What Insights counted, as logins and requests; rows that are none of ours are left out."""

from migrator.decide.observing.usage import Tally
from migrator.decide.observing.usage_queries import add_rows, query_of

ARN = "arn:aws:iam::111122223333:role/sre"
LOGIN = {
    "arn": ARN,
    "n": "3",
    "first": "1763800000000",
    "last": "2025-11-22 08:26:40.123",
    "username": '"sre:jo"',
}


def counted(kind: str, **changes: str) -> int:
    tally = Tally()
    add_rows(tally, kind, [LOGIN | changes], as_login=True)  # type: ignore[arg-type]
    return tally.lines


def test_rows_without_an_arn_a_number_or_a_time_are_left_out() -> None:
    assert counted("authenticator") == 3
    assert counted("audit", groups='["devs"]') == 3
    for broken in (
        {"arn": ""},
        {"n": ""},
        {"n": "many"},
        {"n": "1e999"},
        {"first": "soon"},
        {"last": ""},
    ):
        assert counted("authenticator", **broken) == 0
    assert counted("authenticator", first="9" * 30) == 0


def test_groups_that_are_no_list_of_texts_are_no_groups() -> None:
    for groups in ("", "[", '{"a": 1}', "[1, null]", "[" * 100_000):
        assert counted("audit", groups=groups) == 3


def test_query_asks_for_the_window_and_for_names_only_where_no_other_log_has_them() -> None:
    authenticator = query_of("authenticator", 10, 20, as_login=True)
    audit, as_login = (query_of("audit", 10, 20, as_login=each) for each in (False, True))
    assert all("10" in text and "20" in text for text in (authenticator, audit, as_login))
    assert "user.username, groups" in as_login
    assert "user.username, groups" not in audit
    assert not any(word in text for text in (audit, as_login) for word in ("PARSE", "NAMES"))


def test_log_in_that_was_denied_is_counted_as_refused() -> None:
    tally = Tally()
    add_rows(tally, "authenticator", [LOGIN | {"outcome": "denied", "error": ""}], as_login=True)
    assert (tally.lines, tally.document()["logins"]) == (3, [])


def test_decision_about_an_impersonated_user_is_none_about_the_caller() -> None:
    decided = []
    for spoken in ("", "true"):
        tally = Tally(0)
        row = LOGIN | {"by": "RBAC: allowed", "spoken": spoken, "allowed": "3"}
        add_rows(tally, "audit", [row], as_login=False)
        decided.append(tally.document()["decided"])
    assert decided[0] != decided[1]


def test_tally_is_read_from_what_it_wrote() -> None:
    tally = Tally(0)
    add_rows(tally, "audit", [LOGIN | {"by": "RBAC: allowed"}], as_login=True)
    add_rows(tally, "authenticator", [LOGIN, LOGIN | {"outcome": "denied"}], as_login=True)
    document = tally.document()
    assert Tally.of_document(document).document() == document
