"""Scalars get the type that go-yaml v2 gives them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.go_yaml.resolve import (
    BINARY_TAG,
    BOOL_TAG,
    FLOAT_TAG,
    INT_TAG,
    NULL_TAG,
    STR_TAG,
    TIMESTAMP_TAG,
    CannotDecodeError,
    NotCertainError,
    NotText,
    ScalarValue,
    resolve,
    resolve_plain,
)


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_empty_and_null_words_are_null(text: str) -> None:
    assert resolve_plain(text) is None


@pytest.mark.parametrize(
    "text", ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]
)
def test_yaml_1_1_words_are_true(text: str) -> None:
    assert resolve_plain(text) == NotText("bool", True)


@pytest.mark.parametrize(
    "text", ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]
)
def test_yaml_1_1_words_are_false(text: str) -> None:
    assert resolve_plain(text) == NotText("bool", False)


@pytest.mark.parametrize(
    "text",
    [
        "yEs", "oN", "nULL", "tRue", "1:20", "190:20:30", "arn:aws:iam::1:role/x", "2001-01-01", "1.2.3", "0xZ", "0b12",  # noqa: E501
        "0o8", "08x", "+", "-", ".", "..", "<<", "1e", "e1", "0x", "1e999", "-1e999", ".1e999", "x1", "_1", "i-0123",  # noqa: E501
        ".5.", "0b-" + "1" * 70, "+_", "é",
    ],
)  # fmt: skip
def test_everything_else_is_text(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("0", "int", 0),
        ("123456789012", "int", 123456789012),
        ("004217", "int", 0o4217),
        ("0o17", "int", 15),
        ("0x1F", "int", 31),
        ("0b101", "int", 5),
        ("0b-101", "int", -5),
        ("-0b101", "int", -5),
        ("+5", "int", 5),
        ("1_000", "int", 1000),
        ("-9223372036854775808", "int", -(2**63)),
        ("9223372036854775808", "uint", 2**63),
        ("18446744073709551615", "uint", 2**64 - 1),
        ("18446744073709551616", "float", 2.0**64),
        ("-9223372036854775809", "float", -(2.0**63)),
        ("08", "float", 8.0),
        ("1e3", "float", 1000.0),
        ("1.", "float", 1.0),
        (".5", "float", 0.5),
        ("+.5", "float", 0.5),
        ("0.1e-400", "float", 0.0),
        (".inf", "float", math.inf),
        ("+.Inf", "float", math.inf),
        ("-.INF", "float", -math.inf),
    ],
)
def test_numbers_are_no_text(text: str, kind: str, value: float) -> None:
    assert resolve_plain(text) == NotText(kind, value)  # type: ignore[arg-type]


def test_only_finite_numbers_fit_json() -> None:
    def jsonable(value: ScalarValue) -> bool:
        assert isinstance(value, NotText)
        return value.jsonable

    assert [jsonable(resolve_plain(text)) for text in ("1", "yes", "1.5")] == [True] * 3
    assert [jsonable(resolve_plain(text)) for text in (".nan", ".inf", "-.inf")] == [False] * 3


@pytest.mark.parametrize(
    "text", ["0x" + "f" * 17, "-0x" + "f" * 17, "9" * 400, "0b" + "1" * 65, ".5_0"]
)
def test_what_versions_of_go_yaml_read_differently_is_not_certain(text: str) -> None:
    with pytest.raises(NotCertainError):
        resolve_plain(text)


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        (STR_TAG, "123", "123"),
        (STR_TAG, "", ""),
        ("!", "yes", "yes"),
        ("!mine", "1", "1"),
        ("tag:yaml.org,2002:set", "~", "~"),
        (INT_TAG, "5", NotText("int", 5)),
        (INT_TAG, "18446744073709551615", NotText("uint", 2**64 - 1)),
        (FLOAT_TAG, "5", NotText("float", 5.0)),
        (FLOAT_TAG, "1e3", NotText("float", 1000.0)),
        (BOOL_TAG, "y", NotText("bool", True)),
        (NULL_TAG, "~", None),
        (TIMESTAMP_TAG, "2001-01-01", "2001-01-01"),
        (BINARY_TAG, "cm9sZWFybg==", "rolearn"),
        (BINARY_TAG, "cm9s\nZWFybg==\r\n", "rolearn"),
        (BINARY_TAG, "", ""),
    ],
)
def test_a_tag_decides_what_a_text_may_be(tag: str, text: str, value: ScalarValue) -> None:
    assert resolve(tag, text) == value


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (INT_TAG, "x"),
        (INT_TAG, "1.5"),
        (FLOAT_TAG, "x"),
        (FLOAT_TAG, "18446744073709551615"),
        (FLOAT_TAG, "yes"),
        (BOOL_TAG, "2"),
        (NULL_TAG, "x"),
        (TIMESTAMP_TAG, "yes"),
        (BINARY_TAG, "a"),
        (BINARY_TAG, "AA=A"),
        (BINARY_TAG, "AAAA===="),
        (BINARY_TAG, "é000"),
    ],
)
def test_a_tag_that_does_not_fit_gives_the_document_up(tag: str, text: str) -> None:
    with pytest.raises(CannotDecodeError):
        resolve(tag, text)


@pytest.mark.parametrize(("tag", "text"), [(TIMESTAMP_TAG, "2001-13-40"), (BINARY_TAG, "/w==")])
def test_a_tag_that_may_fit_is_not_certain(tag: str, text: str) -> None:
    with pytest.raises(NotCertainError):
        resolve(tag, text)


@given(st.text(max_size=30) | st.from_regex(r"[-+.0-9_eExXobBofn]{1,25}", fullmatch=True))
def test_a_scalar_has_a_value_or_is_not_certain(text: str) -> None:
    try:
        value = resolve_plain(text)
    except NotCertainError:
        return
    assert value is None or isinstance(value, (str, NotText))
    if isinstance(value, str):
        assert value == text


@given(st.integers(-(2**63), 2**64 - 1))
def test_every_number_that_go_can_hold_is_an_integer(number: int) -> None:
    value = resolve_plain(str(number))
    assert isinstance(value, NotText)
    assert value.kind in ("int", "uint")
    assert value.value == number
