"""Tests that take long are named, the list of those that may has no others, and none says how quick
something has to be.
"""

import ast
from pathlib import Path

import pytest

from tests.support.asserted_durations import asserted_durations
from tests.support.processor_time import LISTED, SECONDS, above, listed

ROOT = Path(__file__).parents[2]


def test_a_test_above_the_limit_is_named_unless_it_is_listed() -> None:
    taken = {"a.py::quick": 0.1, "a.py::slow[1]": SECONDS + 1, "a.py::slower": SECONDS + 2}
    assert list(above(taken, frozenset())) == ["a.py::slower", "a.py::slow[1]"]
    assert list(above(taken, frozenset({"a.py::slow"}))) == ["a.py::slower"]


def test_listed_tests_exist() -> None:
    for test in listed(LISTED.read_text(encoding="utf-8")):
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


@pytest.mark.parametrize(
    "body",
    [
        "begun = time.monotonic(); assert time.monotonic() - begun < 10",
        "begun = time.monotonic(); assert 10 >= time.monotonic() - begun",
        "begun = time.monotonic(); assert 1 < time.monotonic() - begun < 10",
        "begun = time.perf_counter(); took = time.perf_counter() - begun; assert took <= 10",
        "a, begun = 1, time.time(); t = []; t.append(time.time() - begun); assert max(t) < 2",
    ],
)
def test_an_upper_limit_of_a_duration_is_seen(body: str) -> None:
    assert asserted_durations(f"def test() -> None:\n    {body}\n") == [2]


@pytest.mark.parametrize(
    "body",
    [
        "until = time.monotonic() + 60; assert time.monotonic() < until",
        "begun = time.monotonic(); assert time.monotonic() - begun >= 1.5",
        "begun = clock.now(); assert clock.now() - begun < 10",
    ],
)
def test_a_last_moment_a_lower_limit_and_the_labs_time_are_allowed(body: str) -> None:
    assert asserted_durations(f"def test() -> None:\n    {body}\n") == []


def test_no_test_says_how_quick_something_has_to_be() -> None:
    """On a machine that does other things as well it would fail; ratios of benchmarks do not."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if "benchmarks" not in path.parts
        for line in asserted_durations(path.read_text(encoding="utf-8"))
    ]
    assert found == []
