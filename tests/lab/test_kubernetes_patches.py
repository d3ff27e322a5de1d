"""JSON, merge and strategic merge patches: the standards' own rules, and the merge keys of built-in
types.
"""

import pytest

from migrator.lab.kubernetes.json_types import Value
from migrator.lab.kubernetes.patches import json_patch, merge_patch, strategic_merge_patch
from migrator.lab.kubernetes.status import ApiError


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ],
)
def test_merge_patch_as_rfc_7386_says(target: Value, patch: Value, result: Value) -> None:
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("target", "steps", "result"),
    [
        (
            {"foo": "bar"},
            [{"op": "add", "path": "/baz", "value": "qux"}],
            {"foo": "bar", "baz": "qux"},
        ),
        (
            {"foo": ["a", "c"]},
            [{"op": "add", "path": "/foo/1", "value": "b"}],
            {"foo": ["a", "b", "c"]},
        ),
        ({"foo": ["a"]}, [{"op": "add", "path": "/foo/-", "value": "b"}], {"foo": ["a", "b"]}),
        (
            {"a/b": 1, "m~n": 2},
            [{"op": "remove", "path": "/a~1b"}, {"op": "test", "path": "/m~0n", "value": 2}],
            {"m~n": 2},
        ),
        ({"foo": ["a", "b"]}, [{"op": "remove", "path": "/foo/0"}], {"foo": ["b"]}),
        (
            {"a": {"b": 1}, "c": {}},
            [{"op": "move", "from": "/a/b", "path": "/c/d"}],
            {"a": {}, "c": {"d": 1}},
        ),
        (
            {"a": {"b": 1}},
            [{"op": "copy", "from": "/a", "path": "/c"}],
            {"a": {"b": 1}, "c": {"b": 1}},
        ),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ],
)
def test_json_patch_as_rfc_6902_says(target: Value, steps: Value, result: Value) -> None:
    before = str(target)
    assert json_patch(target, steps) == result
    assert str(target) == before


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ({"op": "add"}, 400),
        (["x"], 400),
        ([{"op": "add", "path": "/a"}], 422),
        ([{"op": "remove", "path": "/none"}], 422),
        ([{"op": "replace", "path": "/list/7", "value": 1}], 422),
        ([{"op": "replace", "path": "/list/-", "value": 1}], 422),
        ([{"op": "replace", "path": "/none/x", "value": 1}], 422),
        ([{"op": "test", "path": "/list/7", "value": 1}], 422),
        ([{"op": "remove", "path": "/list/-1"}], 422),
        ([{"op": "add", "path": "/list/9", "value": 1}], 422),
        ([{"op": "add", "path": "/text/x", "value": 1}], 422),
        ([{"op": "add", "path": "no-slash", "value": 1}], 422),
        ([{"op": "paint", "path": "/a", "value": 1}], 422),
        ([{"op": "replace", "path": "", "value": []}], 422),
        ([{"op": "remove", "path": ""}], 422),
    ],
)
def test_a_json_patch_that_cannot_be_applied_is_refused(steps: Value, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch({"list": [1], "text": "t"}, steps)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        (
            {"data": {"a": "1", "b": "2"}},
            {"data": {"a": None, "c": "3"}},
            {"data": {"b": "2", "c": "3"}},
        ),
        ({"data": {"a": "1"}}, {"data": {"$patch": "replace", "b": "2"}}, {"data": {"b": "2"}}),
        ({"data": {"a": "1"}}, {"data": {"$patch": "delete"}}, {"data": {}}),
        (
            {"containers": [{"name": "a", "image": "1"}, {"name": "b"}]},
            {
                "containers": [
                    {"name": "a", "image": "2"},
                    {"name": "b", "$patch": "delete"},
                    {"name": "c"},
                ]
            },
            {"containers": [{"name": "a", "image": "2"}, {"name": "c"}]},
        ),
        (
            {"containers": [{"name": "a"}]},
            {
                "containers": [{"name": "b"}],
                "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
            },
            {"containers": [{"name": "b"}, {"name": "a"}]},
        ),
        (
            {"containers": [{"name": "a"}]},
            {"containers": [{"$patch": "replace"}, {"name": "b"}]},
            {"containers": [{"name": "b"}]},
        ),
        (
            {"finalizers": ["a", "b"]},
            {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]},
            None,
        ),
        (
            {"subjects": [{"name": "a"}]},
            {"subjects": [{"name": "b"}]},
            {"subjects": [{"name": "b"}]},
        ),
        (
            {"strategy": {"a": 1, "b": 2}},
            {"strategy": {"$retainKeys": ["b"], "b": 3}},
            {"strategy": {"b": 3}},
        ),
    ],
)
def test_strategic_merge_knows_merge_keys_and_directives(
    target: Value, patch: Value, result: Value
) -> None:
    merged = strategic_merge_patch(target, patch)
    if result is None:
        assert sorted(merged["finalizers"]) == ["b", "c"]
    else:
        assert merged == result
