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
from migrator.errors import Failed
from migrator.model.canonical import pretty_bytes
from migrator.model.files.plan import decode_plan_with_digest, plan_digest, plan_to_document
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


@pytest.mark.parametrize("form", ["table", "markdown"])
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_plan_is_shown_as_it_was_when_it_was_made(name: str, form: str) -> None:
    """Each row with its line, in a folder that has neither the snapshot nor the ConfigMap."""
    made = forked_clis().run(
        ["plan", "--snapshot", str(EXAMPLES / name / "snapshot.json"), "--output", form],
        Path.cwd(),
        os.environ,
    )
    saved = str(EXAMPLES / name / "plan.json")
    shown = forked_clis().run(["show", saved, "--output", form], Path.cwd(), os.environ)
    assert " line " in made.stdout
    assert shown.stdout.partition("\nFor the SOC:")[0].rstrip() == made.stdout.rstrip()


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_of_before_without_lines_is_read_with_its_digest(name: str) -> None:
    document = plan_of(name)
    for principal in document["principals"]:
        principal.pop("lines", None)
    document["planDigest"] = plan_digest(document)
    plan, digest = decode_plan_with_digest(pretty_bytes(document))
    assert digest == document["planDigest"]
    assert plan_to_document(plan) == document


def test_a_plan_whose_rows_do_not_have_a_line_each_is_refused() -> None:
    document = plan_of("forty-two-roles")
    document["principals"][0]["lines"].append(1)
    document["planDigest"] = plan_digest(document)
    with pytest.raises(Failed, match="contradicts itself") as caught:
        decode_plan_with_digest(pretty_bytes(document))
    assert caught.value.code == "plan-inconsistent"
