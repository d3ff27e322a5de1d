"""The faster way to indented JSON gives the same bytes."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from migrator.model.canonical import pretty_bytes
from migrator.model.files.wire import pretty

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
