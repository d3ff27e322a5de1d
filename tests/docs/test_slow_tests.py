"""Tests that take long are named, and the list of those that may has no others."""

import ast
from pathlib import Path

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
