"""The faster way to indented JSON gives the same bytes."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migrator.model.canonical import canonical_bytes, pretty_bytes
from migrator.model.files.wire import compact, indented, pretty, read_back

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
@example(
    {"a": [], "b": {}, "c": [{}], "d": '\ud800é\u202e"\\/', "e": 1e300, "f": 10**30, "g": -0.0}
)
def test_indented_json_is_the_same_bytes_either_way(value: object) -> None:
    assert pretty(value) == pretty_bytes(value)
    assert json.loads(pretty(value)) == value


WITHOUT_FRACTIONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(WITHOUT_FRACTIONS)
@example({"b": {"z": (1, ("x",)), "a": None}, "a": 'DEL \x7f " \\ / \t \x01'})
@example({"a": "\ud800", "b": 10**30, "c": -(2**63)})
@example({"é": 1, "z": 2, "Z": 3, "\U0001f600": 4, "\uffff": 5})
def test_compact_json_is_the_same_bytes_either_way(value: object) -> None:
    content = canonical_bytes(value)
    assert compact(value) == content
    assert read_back(content) == json.loads(content)
    assert indented(content) == pretty_bytes(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_json_is_not_indented(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        pretty({"a": number})
