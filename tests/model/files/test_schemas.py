"""The published schemas are the ones the code has. ``UPDATE_GOLDEN=1`` writes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrator.model.canonical import pretty_bytes
from migrator.model.files.log_line import log_line_schema
from migrator.model.files.schemas import (
    access_schema,
    decisions_schema,
    drift_schema,
    evidence_schema,
    journal_schema,
    plan_schema,
    snapshot_schema,
    terraform_check_schema,
    terraform_fleet_check_schema,
    usage_schema,
)
from migrator.model.files.security_note import security_note_schema
from tests.support.golden import assert_golden

SCHEMAS = Path(__file__).parents[3] / "examples" / "schemas"


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("plan", plan_schema),
        ("snapshot", snapshot_schema),
        ("decisions", decisions_schema),
        ("security-note", security_note_schema),
        ("access", access_schema),
        ("drift", drift_schema),
        ("journal", journal_schema),
        ("evidence", evidence_schema),
        ("usage", usage_schema),
        ("terraform-check", terraform_check_schema),
        ("terraform-fleet-check", terraform_fleet_check_schema),
        ("log", log_line_schema),
    ],
)
def test_a_published_schema_is_the_one_in_force(
    name: str, schema: Callable[[], dict[str, Any]]
) -> None:
    Draft202012Validator.check_schema(schema())
    assert_golden(SCHEMAS / f"{name}.schema.json", pretty_bytes(schema()))
