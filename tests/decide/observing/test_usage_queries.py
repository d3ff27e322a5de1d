"""What Insights counted, as logins and requests; rows that are none of ours are left out."""

from migrator.decide.observing.usage import Tally
from migrator.decide.observing.usage_queries import add_rows

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
