"""String literals of CEL, Rego and JMESPath that can be names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.access.expression_names import Language, is_about_users, names_in


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        ("cel", "x == 'a' || x == \"b\"", ["a", "b"]),
        ("cel", "x in ['a', 'b']", ["a", "b"]),
        ("cel", "// 'no'\nx == 'a'", ["a"]),
        ("cel", "x == ''", []),
        ("cel", "x == '''alice'''", ["alice"]),
        ("cel", "x == r'a\\b'", ["a\\b"]),
        ("cel", "x == 'a\\'b'", ["a'b", "a\\'b"]),
        ("cel", "x == '\\u0061b'", ["ab", "\\u0061b"]),
        ("cel", "x == '\\ud800b'", ["\\ud800b"]),
        ("cel", "x == 'a\\nb'", ["a\\nb"]),
        ("cel", "username.startsWith('dev:')", ["dev:*"]),
        ("cel", "username.endsWith('@x.io')", ["*@x.io"]),
        ("cel", "username.contains('x')", ["*x*"]),
        ("cel", "object.metadata.name.contains('/')", []),
        ("cel", "userInfo.groups.exists(g, g.startsWith('a'))", ["a*"]),
        ("cel", "'a:' + x + ':b'", ["a:*", "*:b"]),
        ("cel", "['a'] + ['b']", ["a", "b"]),
        ("cel", "username.matches('^dev:.*$')", ["*dev:*"]),
        ("cel", "username.matches('[a-z]')", ["*"]),
        ("cel", "username.matches('.*')", ["*"]),
        ("cel", "name.matches('.*')", []),
        ("cel", "name.matches('a|team\\\\.x')", ["*team.x*", "*team\\*"]),
        ("cel", "x == '*'", []),
        ("cel", "f(g('a'), 'b')) == 'c'", ["a", "b", "c"]),
        ("cel", "x == 'unfinished", ["unfinished"]),
        ("cel", "x == '" + "a" * 300 + "'", []),
        ("rego", 'x == "a" # "no"\ny == `b`', ["a", "b"]),
        ("rego", "# don't\nx == \"a\" # isn't", ["a"]),
        ("rego", 'startswith(input.review.userInfo.username, "system:")', ["system:*"]),
        ("rego", 'sprintf("dev:%s", [x])', ["dev:*"]),
        ("rego", 'regex.match("^ops", user)', ["*ops*"]),
        ("rego", 'glob.match("system:*", [], x)', ["*system*"]),
        ("jmespath", "request.userInfo.username == 'a' && `\"b\"`", ["a", "b"]),
        ("jmespath", "starts_with(request.userInfo.username, 'dev')", ["dev*"]),
        ("jmespath", "`", []),
    ],
)
def test_literals_are_names_or_patterns(language: Language, text: str, names: list[str]) -> None:
    assert list(names_in(text, language)) == names


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("request.userInfo.username", True),
        ("input.review.userInfo", True),
        ("{{ serviceAccountName }}", True),
        ("object.spec.serviceAccountName == 'x' && object.apiGroups == ''", False),
    ],
)
def test_only_expressions_about_users_count(text: str, about: bool) -> None:
    assert is_about_users(text) is about


@given(
    st.text(max_size=200) | st.text("'\"`\\()+.a #/{}%*u", max_size=200),
    st.sampled_from(["cel", "rego", "jmespath"]),
)
def test_any_text_is_scanned_without_an_error(text: str, language: Language) -> None:
    for name in names_in(text, language):
        assert name
        name.encode()


@given(st.text("abc:-", min_size=3, max_size=10), st.text("ab '\"()+.\\", max_size=20))
def test_a_literal_is_found_before_any_text(name: str, rest: str) -> None:
    assert any(name in found for found in names_in(f"x == '{name}' {rest}", "cel"))
