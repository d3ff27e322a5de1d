"""The library: every command as a call, without a terminal, loaded when it is used."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import migrator
from tests.support.cli_lab import running

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ast.parse((ROOT / "migrator" / "__init__.py").read_text(encoding="utf-8"))
PROGRAM = """
import json
import sys

import migrator

operator = migrator.Operator(migrator.Settings(), migrator.AnsweredBefore(yes=True))
planned = migrator.plan_cluster(migrator.PlanRequest(of="small"), operator)
change = {"plan": planned.plan, "digest": planned.digest}
applied = migrator.apply(migrator.ApplyRequest(**change), operator)
verified = migrator.verify(migrator.VerifyRequest(**change), operator)
standing = migrator.status(migrator.StatusRequest(of="small"), operator)
back = migrator.roll_back(migrator.RollBackRequest(**change), operator)
print(json.dumps({
    "planned": planned.exit_code,
    "applied": [applied.exit_code, applied.complete],
    "verified": [verified.exit_code, verified.verdict],
    "standing": [standing.mode, standing.done == standing.total, standing.next],
    "back": back.exit_code,
    "loaded": sorted({"click", "rich", "migrator.cli", "migrator.render"} & set(sys.modules)),
}))
"""


def test_program_migrates_a_cluster_and_goes_back_by_calls_alone(tmp_path: Path) -> None:
    with running(tmp_path) as lab:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=lab.work,
            env=lab.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
    assert told == {
        "planned": 0,
        "applied": [0, True],
        "verified": [0, "ok"],
        "standing": ["API_AND_CONFIG_MAP", True, "cut over"],
        "back": 0,
        "loaded": [],
    }


def test_question_that_nobody_answered_is_refused() -> None:
    approver = migrator.AnsweredBefore()
    with pytest.raises(migrator.MigratorError) as error:
        approver.confirm("Switch?")
    assert (error.value.code, error.value.exit_code) == ("not-confirmed", 4)
    with pytest.raises(migrator.MigratorError):
        migrator.AnsweredBefore(yes=True).type_again("the name of the cluster", "prod")
    migrator.AnsweredBefore(typed="prod").type_again("the name of the cluster", "prod")


def test_every_name_of_the_library_is_imported_and_explains_itself() -> None:
    for name in set(migrator.__all__) - {"__version__"}:
        assert getattr(migrator, name).__doc__, name
    assert set(migrator.__all__) <= set(dir(migrator))
    with pytest.raises(AttributeError, match="no attribute 'typo'"):
        _ = migrator.typo  # type: ignore[attr-defined]  # the name that is not there


def test_names_are_loaded_from_where_a_type_checker_finds_them() -> None:
    block = next(each for each in SOURCE.body if isinstance(each, ast.If))
    imported = {
        str(each.module): tuple(alias.name for alias in each.names)
        for each in block.body
        if isinstance(each, ast.ImportFrom)
    }
    assert imported == dict(migrator._HOMES)
    there = {name for names in imported.values() for name in names}
    own = {"MigratorError", "__version__", "plan", "plan_cluster", "read_aws_auth"}
    assert set(migrator.__all__) == there | own


def test_names_on_the_page_are_those_of_the_library() -> None:
    page = (ROOT / "playbooks" / "reference" / "library.md").read_text(encoding="utf-8")
    named = set(re.findall(r"migrator\.(\w+)", page)) | set(
        re.findall(r"^\| `(\w+)\(", page, re.MULTILINE)
    )
    assert len(named) > 15
    assert named <= set(migrator.__all__) | {"model"}
