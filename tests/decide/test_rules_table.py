"""The table of rules names tests that exist, and every test of a plan's decisions is a rule or says one."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("rules.md")


def _rules() -> dict[str, list[str]]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ") and "| tests |" not in line]
    return {
        rule.strip(): [t.strip() for t in tests.split(",")] for _, rule, tests, _ in (ln.split("|") for ln in lines)
    }


def _functions() -> set[str]:
    return {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def test_every_rule_has_tests_that_exist() -> None:
    rules, functions = _rules(), _functions()
    assert len(rules) > 50
    missing = {rule: [t for t in tests if t not in functions] for rule, tests in rules.items()}
    assert {rule: tests for rule, tests in missing.items() if tests} == {}


def test_every_rule_is_said_once_and_every_test_states_a_rule_by_its_name() -> None:
    rules = _rules()
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ") and "| tests |" not in line]
    assert len(lines) == len(rules)
    assert all(re.fullmatch(r"test_\w+_\w+_\w+", test) for tests in rules.values() for test in tests)
