"""The report on a fleet as a document: complete, and as its published schema says."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrator.fleet.model.files.audit import fleet_access_schema, fleet_drift_schema
from migrator.fleet.model.files.records import outcome_schema
from migrator.fleet.model.files.report import FORMAT, fleet_report_schema, report_document
from migrator.fleet.model.report import FleetReport
from migrator.model.canonical import pretty_bytes
from tests.support.fleet_reports import done, hostile, large
from tests.support.golden import assert_golden
from tests.support.plans import HOSTILE

SCHEMAS = Path(__file__).parents[4] / "examples" / "schemas"


def test_the_published_schema_is_the_one_in_force() -> None:
    Draft202012Validator.check_schema(fleet_report_schema())
    assert_golden(SCHEMAS / "fleet-report.schema.json", pretty_bytes(fleet_report_schema()))


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("fleet-access", fleet_access_schema()),
        ("fleet-drift", fleet_drift_schema()),
        ("fleet-outcome", outcome_schema()),
    ],
)
def test_the_schema_of_a_reading_is_the_one_in_force(name: str, schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert_golden(SCHEMAS / f"{name}.schema.json", pretty_bytes(schema))


@pytest.mark.parametrize(
    "report", [large(6, 30), done(), hostile(*HOSTILE)], ids=["large", "done", "hostile"]
)
def test_every_report_is_a_document_of_the_schema(report: FleetReport) -> None:
    document = json.loads(pretty_bytes(report_document(report)))
    assert document["format"] == FORMAT
    Draft202012Validator(fleet_report_schema()).validate(document)


def test_the_document_has_every_cluster_question_and_wave() -> None:
    report = large(20, 60)
    document = report_document(report)
    assert [each["arn"] for each in document["clusters"]] == [
        row.cluster.arn for row in report.rows
    ]
    assert sorted(arn for group in document["sameFindings"] for arn in group["clusters"]) == sorted(
        each["arn"] for each in document["clusters"]
    )
    assert len(document["questions"]) == len(report.questions)
    assert document["accountsExpected"] == 20
    assert document["accountsAnswered"] == 19
    assert [run["command"] for run in document["runs"]] == ["plan", "apply", "verify", "cutover"]
    blocked = next(each for each in document["clusters"] if each["stage"] == "blocked")
    assert {"code", "severity", "principalArn", "source", "message"} == set(blocked["findings"][0])
    assert blocked["command"][:3] == ["migrate", "fleet", "plan"]
