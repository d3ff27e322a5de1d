"""The table of evidence and findings: whole, and true of the worlds of all findings."""

import ast
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.errors import Failed
from migrator.model.finding import Finding
from migrator.model.snapshot import Snapshot
from tests.decide.evidence import EVIDENCE
from tests.decide.remedies.as_a_person import decisions_of
from tests.decide.remedies.remedy_worlds import REMEDIED, Remedied
from tests.support.tables import TESTS, table_rows
from tests.support.worlds import findings, planned

TABLE = Path(__file__).with_name("evidence.md")
HERE = "test_finding_changes_without_the_evidence"
# Of what and when the snapshot is, a view of another field, and why fields are not known.
NO_EVIDENCE = frozenset({"taken_at", "cluster", "aws_auth_data", "unread"})


def cells(evidence: str = "") -> list[tuple[str, str, str]]:
    """Every cell: evidence, finding, and what is said of the two."""
    return [
        (name, code.strip(), says)
        for name, codes, says in table_rows(TABLE)
        for code in codes.split(",")
        if evidence in ("", name)
    ]


@cache
def sources_of_tests() -> dict[str, str]:
    """Each test function of the suite by its name, with its decorators, as text."""
    found: dict[str, str] = {}
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found


def without(case: Remedied, evidence: str) -> tuple[Finding, ...] | None:
    """The case's findings of its kind without the evidence; None where no plan can be made."""
    snapshot = EVIDENCE[evidence](case.world)
    try:
        plan = planned(snapshot, decisions_of(case.answers), **case.options)
    except Failed:
        return None
    return findings(plan, case.code)


@cache
def with_all(number: int) -> tuple[Finding, ...]:
    """The findings of a case as it is."""
    case = REMEDIED[number]
    plan = planned(case.world, decisions_of(case.answers), **case.options)
    return findings(plan, case.code)


def changed_without(evidence: str) -> set[str]:
    """The kinds of findings that some world has otherwise without the evidence."""
    return {
        case.code
        for number, case in enumerate(REMEDIED)
        if EVIDENCE[evidence](case.world) != case.world
        and without(case, evidence) != with_all(number)
    }


def test_every_field_of_the_snapshot_is_a_piece_of_evidence() -> None:
    named = {evidence.partition(".")[0] for evidence in EVIDENCE}
    assert {field.name for field in fields(Snapshot)} - NO_EVIDENCE == named
    assert {name for name, _, _ in cells()} == set(EVIDENCE)


def test_every_finding_rests_on_some_evidence() -> None:
    used = {code for _, code, says in cells() if says.startswith("used: ")}
    assert used == CATALOGUE.keys()


def test_no_cell_is_said_twice_and_each_is_used_or_reasoned_away() -> None:
    pairs = [(evidence, code) for evidence, code, _ in cells()]
    assert len(set(pairs)) == len(pairs)
    for evidence, code, says in cells():
        assert says.startswith(("used: test_", "not: ")), (evidence, code)
        assert code in CATALOGUE, code


def test_each_named_test_exists_and_speaks_of_the_finding() -> None:
    sources = sources_of_tests()
    for evidence, code, says in cells():
        name = says.removeprefix("used: ")
        if says.startswith("used: ") and name != HERE:
            assert f'"{code}"' in sources.get(name, ""), (evidence, code, name)


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_finding_changes_without_the_evidence(evidence: str) -> None:
    """What is said to be used changes something, and what changes is said to be used."""
    said = {code: says for _, code, says in cells(evidence)}
    changed = changed_without(evidence)
    missing = sorted(code for code in changed if not said.get(code, "").startswith("used: "))
    assert missing == [], "these findings rest on the evidence: say so in evidence.md"
    shown_here = {code for code, says in said.items() if says == f"used: {HERE}"}
    assert shown_here <= changed
