"""Templates: what they can become, compared as patterns."""

import re

from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.templates import (
    can_become,
    colon_before_session,
    literal_prefix,
    rendered_row,
    templates_in,
)
from migrator.model.aws_auth import RowMapping


def test_only_the_exact_spelling_is_a_template() -> None:
    assert templates_in("{{SessionName}}x{{AccountID}}") == ("{{SessionName}}", "{{AccountID}}")
    assert templates_in("{{ SessionName }}{{Session}}{{sessionname}}") == ()


def test_text_before_the_first_template() -> None:
    assert literal_prefix("dev:{{SessionName}}") == "dev:"
    assert literal_prefix("plain") == "plain"


def test_rendering_of_what_is_the_same_for_every_login() -> None:
    row = RowMapping(
        "mapRoles", 0, 1, 1, "", "{{AccountID}}-a{{SessionName}}", ("b{{SessionNameRaw}}",)
    )
    assert rendered_row(row, "arn:aws:iam::111122223333:user/ana") == ("111122223333-a", ("b",))
    assert rendered_row(row, "arn:aws:iam::111122223333:role/dev") == (
        "111122223333-a{{SessionName}}",
        ("b{{SessionNameRaw}}",),
    )


def test_colon_must_stand_before_the_first_session_name() -> None:
    assert colon_before_session("no template")
    assert colon_before_session("a:{{SessionName}}")
    assert not colon_before_session("a{{SessionName}}:{{SessionNameRaw}}")


def test_session_name_becomes_what_sts_allows() -> None:
    assert can_become("dev:{{SessionName}}", "dev:ana.b")
    assert not can_become("dev:{{SessionName}}", "dev:a b")
    assert not can_become("dev:{{SessionName}}", "ops:ana")
    assert not can_become("{{SessionName}}", "ana@example.com")
    assert can_become("{{SessionNameRaw}}", "ana@example.com")
    assert can_become("{{AccountID}}", "111122223333")
    assert not can_become("{{AccountID}}", "abc")


def test_plain_names_are_equal_or_not() -> None:
    assert can_become("ana", "ana")
    assert not can_become("ana", "Ana")


def test_templates_of_both_texts_are_compared() -> None:
    assert can_become("{{AccountID}}2", "1{{AccountID}}")
    assert not can_become("{{AccountID}}b", "1{{AccountID}}")


def test_star_stands_for_any_text() -> None:
    assert can_become("team/a", "team*")
    assert can_become("x{{SessionName}}", "*y")
    assert can_become("x{{SessionName}}z", "x*")
    assert not can_become("a{{SessionName}}", "b*")
    assert can_become("{{SessionName}}", "*")


@given(
    st.lists(st.sampled_from(["a", "b", ":", "{{SessionName}}"]), max_size=5),
    st.text("ab:.", max_size=8),
)
def test_template_becomes_a_name_exactly_when_its_pattern_matches(
    parts: list[str], name: str
) -> None:
    pattern = "".join(r"[\w+=,.-]*" if part.startswith("{{") else re.escape(part) for part in parts)
    assert can_become("".join(parts), name) == (re.fullmatch(pattern, name, re.ASCII) is not None)


@given(st.text("ab:", max_size=6), st.text("ab:*", max_size=6))
def test_wildcard_matches_as_a_glob_does(name: str, glob: str) -> None:
    pattern = "".join(".*" if char == "*" else re.escape(char) for char in glob)
    assert can_become(name, glob) == (re.fullmatch(pattern, name) is not None)
