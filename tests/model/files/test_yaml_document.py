"""YAML that people write: what a few lines stand for is counted before it is built."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.model.files.yaml_document import MOST_BYTES, YamlError, load_yaml, refuse_expansion

LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
MERGES = "a0: &a0 {k: v}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 10)}], k{i}: 1}}\n" for i in range(1, 10)
)
BOMBS = {
    "aliases": LAUGHS,
    "merge keys": MERGES,
    "itself": "a: &a [*a]\n",
    "merges itself": "a: &a {<<: *a}\n",
    "open brackets": "[" * 100_000,
    "open braces": "{a: " * 100_000,
    "dashes": "- " * 20_000,
    "indentation": "".join(" " * depth + "a:\n" for depth in range(2_000)),
    "a long number": "a: " + "9" * 100_000,
    "too long": "a: b\n" * (MOST_BYTES // 5 + 1),
}


# Without limits the first of them takes hours, and all memory.
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", BOMBS)
def test_a_document_that_stands_for_too_much_is_refused(name: str) -> None:
    with pytest.raises(YamlError) as caught:
        load_yaml(BOMBS[name])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize("name", ["aliases", "merge keys", "itself", "merges itself"])
@pytest.mark.parametrize("pure", [True, False])
def test_both_parsers_refuse_what_aliases_repeat(name: str, pure: bool) -> None:
    with pytest.raises(YamlError):
        load_yaml(BOMBS[name], pure=pure)
    with pytest.raises(YamlError):
        refuse_expansion(BOMBS[name])


def test_aliases_and_merge_keys_of_an_honest_document_are_read() -> None:
    text = (
        "by: &me {by: sre, reason: move}\nprincipals:\n  one: *me\n  two: {<<: *me, action: skip}\n"
    )
    assert load_yaml(text) == {
        "by": {"by": "sre", "reason": "move"},
        "principals": {
            "one": {"by": "sre", "reason": "move"},
            "two": {"by": "sre", "reason": "move", "action": "skip"},
        },
    }


@pytest.mark.parametrize(
    "content", [b"\xff\xfea", b"a: \x80", "a: [", "a: 1\na: 2\n", "---\na\n---\nb\n", "a: !!x y"]
)
def test_what_is_no_document_is_refused_in_one_line(content: bytes | str) -> None:
    with pytest.raises(YamlError) as caught:
        load_yaml(content)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_and_an_empty_document_are_read() -> None:
    assert load_yaml(b"\xef\xbb\xbfa: 1\n") == {"a": 1}
    assert load_yaml(b"# nothing\n") is None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_yaml_error(content: bytes) -> None:
    try:
        load_yaml(content)
    except YamlError as error:
        assert str(error)
