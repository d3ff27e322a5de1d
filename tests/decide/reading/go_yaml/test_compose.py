"""libyaml's events become the nodes that go-yaml would have made."""

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.go_yaml.compose import MAX_LEVELS, MAX_NODES, compose, compose_all
from migrator.decide.reading.go_yaml.nodes import Node
from migrator.decide.reading.go_yaml.problems import YamlProblem


def root_of(text: str) -> Node:
    root = compose(text).root
    assert root is not None
    return root


def texts(text: str) -> list[str]:
    return [node.text for node in compose(text).nodes if node.kind == "scalar"]


def problem_of(text: str) -> tuple[str, int, int, str]:
    with pytest.raises(YamlProblem) as caught:
        compose(text)
    problem = caught.value
    return problem.kind, problem.line, problem.column, problem.message


def test_nodes_know_their_place() -> None:
    root = root_of("- a: 1\n  b: [x,\n    y]\n")
    mapping = root.children[0]
    assert (root.line, root.column) == (1, 1)
    assert [(node.line, node.column) for node in mapping.children] == [
        (1, 3),
        (1, 6),
        (2, 3),
        (2, 6),
    ]
    assert [(node.line, node.column) for node in mapping.children[3].children] == [(2, 7), (3, 5)]
    assert mapping.children[3].flow
    assert not mapping.flow


def test_aliases_know_how_deep_they_are() -> None:
    root = root_of("- &a x\n- b: [*a]\n")
    assert root.children[1].children[1].children[0].depth == 3


def test_children_stand_before_their_parents() -> None:
    document = compose("a: [1, {b: c}]\n")
    place = {id(node): number for number, node in enumerate(document.nodes)}
    assert document.nodes[-1] is document.root
    assert all(
        place[id(child)] < place[id(node)] for node in document.nodes for child in node.children
    )


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "\ufeff"])
def test_nothing_has_no_root(text: str) -> None:
    assert compose(text).root is None


def test_only_the_first_document_counts() -> None:
    assert texts("- a\n---\n- b\n") == ["a"]
    assert texts("- a\n...\n\t%%% broken [\n") == ["a"]


def test_all_documents_can_be_asked_for() -> None:
    assert [
        [node.text for node in document.nodes]
        for document in compose_all("a\n---\n---\nb:c\n...\n")
    ] == [
        ["a"],
        [""],
        ["b:c"],
    ]


def test_documents_before_a_problem_are_given_once() -> None:
    read = []
    with pytest.raises(YamlProblem):
        for document in compose_all("[a:b]\n---\n[c:d]\n---\n[e:f]\n---\n\t- x\n"):
            read += [node.text for node in document.nodes if node.kind == "scalar"]
    assert read == ["a:b", "c:d", "e:f"]
    assert [len(document.nodes) for document in compose_all("a\n---\n[b :c]\n---\n[d :e]\n")] == [
        1,
        2,
        2,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[system:masters]", ["system:masters"]),
        ("[system:masters, 'a:b', \"c:d\", eks:x]", ["system:masters", "a:b", "c:d", "eks:x"]),
        ("{a:b: c:d}", ["a:b", "c:d"]),
        ("{a:b}", ["a:b", ""]),
        ("[a:]", ["a:"]),
        ("[a:, b]", ["a:", "b"]),
        ("[a :b]", ["a :b"]),
        ("[a b:c d:e]", ["a b:c d:e"]),
        ("[&x a:b, !t c:d, !!str e:f]", ["a:b", "c:d", "e:f"]),
        ("[!<tag:yaml.org,2002:str> e:f]", ["e:f"]),
        ("%TAG ! tag:example.com,2000:app/\n---\n[!x a:b]", ["a:b"]),
        ('{"a":b}', ["a", "b"]),
        ('{"a":b:c}', ["a", "b:c"]),
        ('["x:y"]\n', ["x:y"]),
        ("[a::b]", ["a::b"]),
        ("[x, a:\u00a0b]", ["x", "a:\u00a0b"]),
        ("- a:b\n- [c:d]\n- 'e:f'\n- |\n g:h\n# i:j\n", ["a:b", "c:d", "e:f", "g:h\n"]),
        ("[a:b,\r\n c:d]", ["a:b", "c:d"]),
        ("[a*:b*:c!, d:e]", ["a*:b*:c!", "d:e"]),
        (
            "[arn:aws:iam::1:role/*, arn:aws:iam::1:role/a&b]",
            ["arn:aws:iam::1:role/*", "arn:aws:iam::1:role/a&b"],
        ),
    ],
)
def test_a_colon_in_a_word_of_a_flow_collection_is_part_of_it(
    text: str, expected: list[str]
) -> None:
    assert texts(text) == expected


def test_the_stand_in_for_a_colon_is_a_character_that_the_text_has_not() -> None:
    assert texts("['\uf171', \"\\uf172 \\uF173\", a:b]") == ["\uf171", "\uf172 \uf173", "a:b"]
    everything = "".join(chr(code) for code in range(0xF171, 0xF171 + 32))
    assert problem_of(f"[{everything}, a:b]")[0] == "doubtful"


def test_a_tag_keeps_its_colon() -> None:
    root = root_of("[!<tag:yaml.org,2002:str> a:b, !!int c:d]")
    assert [node.tag for node in root.children] == [
        "tag:yaml.org,2002:str",
        "tag:yaml.org,2002:int",
    ]


def test_an_escaped_single_quote_is_one_of_go_yaml() -> None:
    assert texts('- "it\\\'s"\n- "a\\\\\'b"\n') == ["it's", "a\\'b"]


def test_an_escaped_slash_is_none_of_go_yaml() -> None:
    assert problem_of('- a\n- "b\\/c"\n')[:3] == ("lost", 2, 3)
    assert texts("- 'b\\/c'\n- \"d\\\\/e\"\n") == ["b\\/c", "d\\/e"]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("- a: 1\n\tb: 2\n", 2, 1, "a tab cannot indent"),
        (
            "- a: b: c\n",
            1,
            7,
            "not allowed in this context (a value with ': ' in it must be quoted)",
        ),
        ("- a: {{Session}}name\n", 1, 17, "a template at the start of a value must be quoted"),
        (
            "- [a\n",
            2,
            1,
            "did not find expected ',' or ']' (a bracket that is not closed, or a comma that is "
            "missing)",
        ),
        ("- 'a\n", 2, 1, "unexpected end of stream (a quote that is not closed)"),
        ('- "\\q"\n', 1, 4, "unknown escape character"),
        ("- *a\n", 1, 3, "unknown anchor 'a'"),
        ("- a\n- \x01\n", 2, 3, "control characters are not allowed"),
        ("%YAML 1.2\n---\n- a\n", 1, 1, "incompatible"),
        ("- !x!y z\n", 1, 3, "undefined tag handle"),
    ],
)
def test_what_go_refuses_is_lost_at_its_place(
    text: str, line: int, column: int, message: str
) -> None:
    kind, *place, said = problem_of(text)
    assert (kind, place) == ("lost", [line, column])
    assert message in said


@pytest.mark.parametrize(
    "text",
    [
        "- a\n\ufeff- b\n",
        "- \ud800\n",
        "%YAML 1.001\n---\n- a\n",
        "[]: a\n",
        "- {}: a\n",
        "- a\n---\n- \x01\n",
        "- a\n...\n\x01\n",
        "%\n" * 101,
    ],
)
def test_what_parsers_read_differently_is_doubtful(text: str) -> None:
    assert problem_of(text)[0] == "doubtful"


_ENDS = st.sampled_from(["---", "--- ", "...", "%YAML 1.1", "%TAG ! tag:x,2000:", "%x"])
_BREAKS = st.sampled_from(["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029"])
# C0 and C1 characters, and noncharacters, that no YAML text may hold.
_REFUSED = st.sampled_from("\x01\x08\x0b\x0c\x1f\x7f\x80\x8e\x9f\ufffe\uffff")


@given(_ENDS, _BREAKS, _REFUSED, st.integers(0, 900))
def test_character_behind_what_may_end_the_first_document_is_never_certainly_lost(
    end: str, line_break: str, refused: str, comment: int
) -> None:
    """go-yaml reads as far as it needs, and may have the rows before."""
    text = f"- a{line_break}{end}{line_break}# {'x' * comment}{line_break}# {refused}{line_break}"
    assert problem_of(text)[0] == "doubtful"


@given(_BREAKS, _REFUSED, st.integers(0, 900))
def test_character_before_any_end_is_lost(line_break: str, refused: str, comment: int) -> None:
    text = f"- a{line_break}# {'x' * comment}{line_break}# {refused}{line_break}"
    assert problem_of(text)[0] == "lost"


def test_a_yaml_1_1_directive_is_fine() -> None:
    assert texts("%YAML 1.1\n---\n- a\n") == ["a"]


def test_an_empty_collection_that_is_no_key_is_fine() -> None:
    assert len(compose("- []\n- {}\n- a: []\n- ? a\n  : {}\n").nodes) == 9


@pytest.mark.parametrize(
    "text",
    [
        "a" * (1 << 20) + "a",
        "[" + "a," * MAX_NODES + "]",
        "- " * (MAX_LEVELS + 2) + "a",
        "[" * 9_000 + "[]," * 20_000,
        "[" + "a :b," * 100_000 + "]",
    ],
)
def test_too_much_work_is_doubtful(text: str) -> None:
    assert problem_of(text)[0] == "doubtful"


def test_go_stops_at_ten_thousand_flow_levels() -> None:
    assert problem_of("[" * (MAX_LEVELS + 1))[0] == "lost"
    assert len(compose("[" * 5_000 + "]" * 5_000).nodes) == 5_000


def test_many_repairs_in_a_short_text_are_made() -> None:
    words = ", ".join(f"a{n} :b" for n in range(200))
    assert texts(f"[{words}]") == [f"a{n} :b" for n in range(200)]


@given(
    st.lists(
        st.from_regex(r"[a-z]{1,4}(:[a-z0-9/*]{1,3}){0,3}", fullmatch=True), min_size=1, max_size=8
    )
)
def test_words_mean_the_same_in_flow_and_in_block(words: list[str]) -> None:
    assert (
        texts("[" + ", ".join(words) + "]")
        == texts("".join(f"- {word}\n" for word in words))
        == words
    )


@given(st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"%#\\/ \n\t~<.0\ufeff\x01"), max_size=60))
def test_any_text_gives_nodes_or_a_problem(text: str) -> None:
    try:
        document = compose(text)
    except YamlProblem as problem:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
    else:
        assert (document.root is None) == (not document.nodes)


def test_a_text_that_was_read_leaves_no_garbage() -> None:
    compose("- {a: b}")  # what is made once
    gc.collect()
    gc.disable()
    try:
        assert compose("- {a: [b, c], d: &e f}\n- {a: *e}").root is not None
        with pytest.raises(YamlProblem):
            compose("- {a: b")
        assert gc.collect() == 0
    finally:
        gc.enable()
