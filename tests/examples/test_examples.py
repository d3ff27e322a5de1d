"""Every folder of ``examples/`` is a golden test: its snapshot gives exactly its plan.
``UPDATE_GOLDEN=1`` writes.
"""

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import migrator
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.read_manifest import read_manifest
from migrator.model.canonical import pretty_bytes
from migrator.model.files.schemas import plan_schema, snapshot_schema
from tests.support.example_snapshots import EXAMPLES, FACTS, snapshot_of
from tests.support.forked_cli import forked_clis
from tests.support.golden import assert_golden

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/snapshot.json"))


def plan_of(name: str) -> dict[str, Any]:
    snapshot = json.loads((EXAMPLES / name / "snapshot.json").read_bytes())
    return migrator.plan(snapshot, now=NOW)


def test_every_example_is_tested() -> None:
    assert sorted(FACTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_snapshot_is_made_from_the_config_map_beside_it(name: str) -> None:
    document = snapshot_of(name)
    Draft202012Validator(snapshot_schema()).validate(document)
    assert_golden(EXAMPLES / name / "snapshot.json", pretty_bytes(document))


@pytest.mark.parametrize("name", NAMES)
def test_the_snapshot_gives_exactly_the_plan_beside_it(name: str) -> None:
    document = plan_of(name)
    Draft202012Validator(plan_schema()).validate(document)
    assert_golden(EXAMPLES / name / "plan.json", pretty_bytes(document))


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_in_exactly_one_principal_or_in_a_finding(name: str) -> None:
    plan = plan_of(name)
    config_map = read_manifest((EXAMPLES / name / "config-map.yaml").read_bytes())
    aws_auth = read_aws_auth(config_map["data"])
    sources = [source for principal in plan["principals"] for source in principal["sources"]]
    found = {finding["source"] for finding in plan["findings"]}
    assert len(sources) == len(set(sources)), "a row in two principals"
    rows = [row.source for row in aws_auth.rows]
    rows += [row.source for row in aws_auth.dropped]
    rows += [row.source for row in aws_auth.accounts]
    assert {row for row in rows if row not in sources} <= found


@pytest.mark.parametrize("name", NAMES)
def test_the_command_prints_the_same_bytes_as_the_library(name: str) -> None:
    arguments = ["plan", "--snapshot", str(EXAMPLES / name / "snapshot.json"), "--output", "json"]
    first = subprocess.run(
        [sys.executable, "-m", "migrator", *arguments], capture_output=True, check=False
    )
    second = forked_clis().run(arguments, Path.cwd(), os.environ)
    assert first.stdout == (EXAMPLES / name / "plan.json").read_bytes()
    assert second.stdout.encode() == first.stdout
    blocked = any(finding["severity"] == "block" for finding in plan_of(name)["findings"])
    assert first.returncode == (3 if blocked else 0), first.stderr
