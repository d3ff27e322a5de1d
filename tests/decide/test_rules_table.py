"""The table of rules names tests that exist, and every test of a plan's decisions is a rule or says
one.
"""

import re
from pathlib import Path

from tests.support.tables import functions_of_tests, table_rows

TABLE = Path(__file__).with_name("rules.md")


def _rules() -> dict[str, list[str]]:
    return {rule: [test.strip() for test in tests.split(",")] for rule, tests in table_rows(TABLE)}


def test_every_rule_has_tests_that_exist() -> None:
    rules, functions = _rules(), functions_of_tests()
    assert len(rules) > 50
    missing = {rule: [t for t in tests if t not in functions] for rule, tests in rules.items()}
    assert {rule: tests for rule, tests in missing.items() if tests} == {}


def test_every_rule_is_said_once_and_every_test_states_a_rule_by_its_name() -> None:
    rules = _rules()
    assert len(table_rows(TABLE)) == len(rules)
    assert all(
        re.fullmatch(r"test_\w+_\w+_\w+", test) for tests in rules.values() for test in tests
    )
