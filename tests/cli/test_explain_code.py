"""``migrate explain CODE``: what a finding or an error means."""

import io
import json
import sys
from pathlib import Path

import pytest

from migrator.app.explain_code import explain_code
from migrator.cli.main import run
from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.model.error_catalogue import ERRORS
from tests.decide.remedies.as_a_person import FILLED, decisions_of


def explained(*arguments: str) -> tuple[int, str]:
    stderr = io.StringIO()
    code = run(["explain", *arguments], stderr=stderr)
    return code, stderr.getvalue()


@pytest.mark.parametrize("code", sorted({*CATALOGUE, *ERRORS}))
def test_every_code_says_what_why_and_what_to_do(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(code) == (0, "")
    text = capsys.readouterr().out
    assert text.startswith(f"{code}  (")
    assert all(f"\n{label}" in text for label in ("what:", "why:", "do:"))
    words = text.partition("\nexample:")[0]
    assert all(len(line) <= 100 for line in words.splitlines() if "https://" not in line)


def test_finding_says_how_its_rule_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained("row-shadowed")[0] == 0
    assert "\nrule: recorded: the real authenticator" in capsys.readouterr().out
    assert explained("row-shadowed", "--output", "json")[0] == 0
    assert json.loads(capsys.readouterr().out)[0]["evidence"] == "recorded"
    plan = Path(__file__).parents[2] / "examples" / "eksctl-written" / "plan.json"
    assert explained(str(plan), "mapRoles[0]")[0] == 0
    assert "\n    rule field report\n" in capsys.readouterr().out
    assert explained(str(plan), "mapRoles[0]", "--output", "json")[0] == 0
    reasons = json.loads(capsys.readouterr().out)["reasons"]
    assert [reason["evidence"] for reason in reasons] == ["field report", "documented"]


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_example_of_a_finding_is_one_that_decisions_yaml_takes(code: str) -> None:
    example = explain_code(code)[0].example
    filled = {**FILLED, "<path>": "teams", "<type>": "EC2_LINUX", "<name>": "dev"}
    filled |= {"<username>": "dev", "<group bound to cluster-admin>": "admins"}
    for placeholder, word in filled.items():
        example = example.replace(placeholder, word)
    decisions_of(example)


def test_code_that_is_a_finding_and_an_error_says_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert explained("rehearsal-unfinished")[0] == 0
    text = capsys.readouterr().out
    assert "(finding, block)" in text
    assert "(error, exit code 4)" in text


@pytest.mark.parametrize("written", ["[plan-blocked]", "`plan-blocked`", "PLAN-BLOCKED "])
def test_code_is_found_as_people_copy_it(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(written)[0] == 0
    assert capsys.readouterr().out.startswith("plan-blocked ")


def test_unknown_code_suggests_the_nearest_and_ends_with_64() -> None:
    code, said = explained("plan-blockd")
    assert code == 64
    assert "Nearest: plan-blocked" in said
    assert "do:    migrate explain plan-blocked" in said
    code, said = explained("\x1b[31mxyzzy")
    assert code == 64
    assert "\x1b" not in said
    assert "playbooks/reference/errors.md" in said


def test_plan_without_a_principal_asks_for_one(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    code, said = explained(str(plan))
    assert code == 64
    assert f"migrate explain {plan} PRINCIPAL" in said


def test_json_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "locked", "--output", "json"], stderr=sys.stderr) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert (document["code"], document["sort"], document["weight"]) == (
        "locked",
        "error",
        "exit code 4",
    )
