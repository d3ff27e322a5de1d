"""The policy set for OPA and Conftest: answers of a Rego interpreter to plans, as recorded."""

import json

import pytest

from migrator.decide.findings.finding_kinds.decision_kinds import KINDS
from tests.support.record_rego_answers import ADMIN, ANSWERS, CASES, LISTED, POLICY, digest, of_case

_RECORDED = json.loads(ANSWERS.read_text(encoding="utf-8"))
_DECIDE = "c mapRoles[0]: a person must decide first"
# What is denied, what is warned of.
_EXPECTED: dict[str, tuple[list[str], list[str]]] = {
    "nothing to say": ([], []),
    "another format": (["format migrator/plan/v2 is not migrator/plan/v1"], []),
    "a finding blocks": ([_DECIDE], []),
    "a finding warns": ([], []),
    "a population of log-ins is gained": (
        [
            "gain-accepted mapRoles[0]: logins gain or lose access",
            "log-in-population-gained mapRoles[0]: logins gain or lose access",
        ],
        [],
    ),
    "a principal is blocked": ([f"{ADMIN} is blocked"], []),
    "a principal gains access": ([f"{ADMIN} gains access"], []),
    "a principal loses access": ([f"{ADMIN} loses access"], []),
    "an administrator is made": (
        [f"{LISTED} becomes an administrator and was in no group system:masters"],
        [],
    ),
    "an administrator is not listed": ([], [f"{ADMIN} is an administrator and is not on the list"]),
    "no break-glass principal": ([], ["the plan names no break-glass principal"]),
    "a principal gets no entry": ([], [f"{ADMIN} gets no entry"]),
}


def test_the_recorded_answers_are_those_to_this_policy_set() -> None:
    again = "run python -m tests.support.record_rego_answers"
    assert _RECORDED["policy"] == digest(POLICY.read_bytes()), again
    assert {name: case["input"] for name, case in _RECORDED["cases"].items()} == {
        name: of_case(name) for name in CASES
    }, again


@pytest.mark.parametrize("name", CASES)
def test_a_policy_says_what_it_is_about_and_nothing_else(name: str) -> None:
    deny, warn = _EXPECTED[name]
    answer = _RECORDED["cases"][name]
    assert (answer["deny"], answer["warn"]) == (deny, warn)


def test_the_policy_set_knows_every_finding_of_an_accepted_change() -> None:
    """What a person accepts is in the findings, and not always in the rows of access."""
    policy = POLICY.read_text(encoding="utf-8")
    accepted = {
        kind.code
        for kind in KINDS
        if kind.code.endswith(("-gained", "-accepted", "-grant")) and "not" not in kind.code
    }
    assert len(accepted) >= 5
    assert {code for code in accepted if f'"{code}"' not in policy} == set()
