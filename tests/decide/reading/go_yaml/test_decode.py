"""A document is decoded as go-yaml and the step to JSON decode it, and refused where they
refuse.
"""

from typing import Any

import pytest

from migrator.decide.reading.go_yaml.compose import compose
from migrator.decide.reading.go_yaml.decode import decode
from migrator.decide.reading.go_yaml.nodes import Node
from migrator.decide.reading.go_yaml.problems import YamlProblem
from migrator.decide.reading.go_yaml.resolve import NotText


def plain(node: Node) -> Any:  # noqa: ANN401 - plain values
    if node.kind == "mapping":
        return {key: plain(value) for key, value in node.items.items()}
    if node.kind == "sequence":
        return [plain(child.resolved) for child in node.children]
    return node.value.value if isinstance(node.value, NotText) else node.value


def read(text: str) -> Any:  # noqa: ANN401 - plain values
    root = decode(compose(text))
    assert root is not None
    return plain(root)


def problem_of(text: str) -> tuple[str, int, str]:
    with pytest.raises(YamlProblem) as caught:
        decode(compose(text))
    return caught.value.kind, caught.value.line, caught.value.message


def test_nothing_decodes_to_nothing() -> None:
    assert decode(compose("# nothing\n")) is None


def test_quoted_scalars_stay_text() -> None:
    assert read("['yes', \"1\", yes, 1, '', ]") == ["yes", "1", True, 1, ""]


def test_the_last_of_two_equal_keys_wins() -> None:
    assert read("{a: 1, b: 2, a: 3}") == {"a": 3, "b": 2}


def test_keys_of_different_types_are_different_keys() -> None:
    assert read("{1: a, '1': b, 1.0: c, true: d, 0x1: e}") == {
        ("int", 1): "e",
        "1": "b",
        ("float", 1.0): "c",
        ("bool", True): "d",
    }


def test_every_nan_is_a_key_of_its_own() -> None:
    assert list(read("{.nan: a, .nan: b}").values()) == ["a", "b"]


def test_a_merge_gives_way_to_what_follows_it_and_overwrites_what_stands_before() -> None:
    base = "- &x {a: 1, b: 2}\n"
    assert read(base + "- {<<: *x, b: 3}\n")[1] == {"a": 1, "b": 3}
    assert read(base + "- {b: 3, <<: *x}\n")[1] == {"a": 1, "b": 2}


def test_of_merged_mappings_the_first_wins() -> None:
    text = "- &x {a: 1, b: 2}\n- &y {b: 3, c: 4}\n- {<<: [*x, *y, {d: 5}]}\n"
    assert read(text)[2] == {"a": 1, "b": 2, "c": 4, "d": 5}


def test_an_inline_mapping_can_be_merged() -> None:
    assert read("{<<: {a: 1}, b: 2}") == {"a": 1, "b": 2}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert read('{"<<": {a: 1}}') == {"<<": {"a": 1}}
    assert read('{! "<<": {a: 1}}') == {"a": 1}
    assert read("{!!merge x: 1}") == {"x": 1}
    assert read("{!!merge <<: {a: 1}}") == {"a": 1}


@pytest.mark.parametrize("value", ["5", "x", "[5]", "*s", "[*s]"])
def test_only_mappings_can_be_merged(value: str) -> None:
    assert problem_of(f"- &s [a]\n- {{<<: {value}}}\n") == (
        "lost",
        2,
        "map merge requires map or sequence of maps as the value",
    )


def test_an_alias_is_what_its_anchor_was_last() -> None:
    assert read("[&a 1, *a, &a 2, *a]") == [1, 1, 2, 2]


def test_an_alias_as_a_key() -> None:
    assert read("- &a b\n- {*a : c}\n")[1] == {"b": "c"}


@pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "&a {<<: *a}", "&a [b, {c: [*a]}]"])
def test_an_anchor_cannot_contain_itself(text: str) -> None:
    assert problem_of(text)[2] == "anchor 'a' value contains itself"


@pytest.mark.parametrize("text", ["{[a]: b}", "{{a: b}: c}", "- &a [b]\n- {*a : c}"])
def test_a_collection_cannot_be_a_key(text: str) -> None:
    assert problem_of(text)[2].startswith("invalid map key")


def test_an_unquoted_template_is_named_as_the_usual_reason() -> None:
    assert problem_of("- username: {{SessionName}}\n") == (
        "lost",
        1,
        "invalid map key (an unquoted template?)",
    )


@pytest.mark.parametrize("text", ["{~: a}", "{? : a}", "[{null: a}]", "[1, [{? : a}]]"])
def test_json_has_no_null_key(text: str) -> None:
    assert problem_of(text)[::2] == ("lost", "JSON has no key for null")


def test_json_has_no_key_for_numbers_beyond_63_bits() -> None:
    assert (
        problem_of("{18446744073709551615: a}")[2] == "JSON has no key for a number beyond 63 bits"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [("- .nan\n", 1), ("- a: 1\n  b:\n  - x\n  - .inf\n", 4), ("{a: {b: -.Inf}}", 1)],
)
def test_json_has_no_nan_and_no_infinities(text: str, line: int) -> None:
    kind, place, message = problem_of(text)
    assert (kind, place) == ("lost", line)
    assert message.startswith("JSON has no value for")


def test_what_a_later_duplicate_replaces_does_no_harm() -> None:
    assert read("{a: .nan, a: 1}") == {"a": 1}


def test_a_tag_that_does_not_fit_loses_the_text() -> None:
    assert problem_of("- a\n- !!int b\n") == ("lost", 2, "cannot decode 'b' as !!int")


def test_a_scalar_that_is_not_certain_makes_the_text_doubtful() -> None:
    assert problem_of("- .1_0\n")[0] == "doubtful"


def laughs(levels: int, fan_out: int) -> str:
    lines = [f"- &l0 [{', '.join(['ha'] * fan_out)}]"]
    lines += [
        f"- &l{level} [{', '.join([f'*l{level - 1}'] * fan_out)}]" for level in range(1, levels)
    ]
    return "\n".join(lines)


def test_a_billion_laughs_are_refused() -> None:
    assert problem_of(laughs(9, 9))[2] == "document contains excessive aliasing"
    assert problem_of(laughs(30, 10))[2] == "document contains excessive aliasing"


def test_ordinary_aliases_are_not_excessive() -> None:
    assert len(read(laughs(3, 5))) == 3
    assert len(read("- &g [a, b]\n" + "- *g\n" * 90)) == 91


def test_in_a_large_document_aliases_may_do_less() -> None:
    large = "- &l [" + "a, " * 2_000 + "]\n- [" + "b, " * 100_000 + "]\n"
    assert problem_of(large + "- *l\n" * 2_000)[2] == "document contains excessive aliasing"
    assert len(read(large + "- *l\n" * 50)) == 52


def test_expanded_aliases_may_nest_too_deep_for_json() -> None:
    deep = "- &a " + "[" * 6_000 + "]" * 6_000 + "\n- " + "[" * 4_000 + "*a" + "]" * 4_000 + "\n"
    assert problem_of(deep)[2] == "exceeded max depth of 10000 in JSON"
    assert decode(compose("- &a " + "[" * 6_000 + "]" * 6_000 + "\n- [*a]\n")) is not None
