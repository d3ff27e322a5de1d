"""Foreign text in errors: one line, cut, and nothing in it that could log somebody in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.foreign_text import LIMIT, foreign


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('said {"SessionId":"s","TokenValue":"AAEAAx/+z=="}', "AAEAAx"),
        ("asked with Proxy-Authorization: Basic YW5uOnNlY3JldA==", "YW5u"),
        ("token k8s-aws-v1.aHR0cHM6Ly9zdHM_abc-9 refused", "aHR0cHM6"),
        ("GET /?X-Amz-Security-Token=FwoGZXIvYXdzEB%2Babc&X-Amz-Signature=00ff", "FwoGZXIv"),
        ("X-Amz-Signature=0011223344556677 is wrong", "0011223344556677"),
        ("x-amz-security-token:IQoJb3JpZ2luX2VjEA== x", "IQoJb3JpZ2lu"),
        ("Authorization: Bearer abc.def-ghi_jkl", "abc.def"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUt"),
        ('{"SessionToken": "FQoGZXIvYXdzEBYaDEXAMPLE"}', "FQoGZXIv"),
        ("The key ASIAIOSFODNN7EXAMPLE is unknown", "ASIAIOSFODNN7EXAMPLE"),
        ("eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJzdWIiOiJhIn0.c2ln", "eyJzdWIi"),
        ("proxy http://user:hunter2@proxy.example:3128 refuses", "hunter2"),
    ],
)
def test_what_looks_like_a_credential_is_removed(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in foreign(text)


def test_text_is_one_line_of_at_most_256_characters() -> None:
    shown = foreign("a\n\tb " * 500)
    assert shown.startswith("a b a b")
    assert len(shown) == LIMIT
    assert shown.endswith("…")


def test_harmless_text_stays_as_it_is() -> None:
    text = (
        "User: arn:aws:iam::111122223333:user/a is not authorized to perform: eks:DescribeCluster"
    )
    assert foreign(text) == text


@given(st.text())
def test_any_text_becomes_one_short_line(text: str) -> None:
    shown = foreign(text)
    assert len(shown) <= LIMIT
    assert len(shown.splitlines()) <= 1
