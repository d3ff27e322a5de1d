"""A plan's folder remembers the decisions file and reader roles it was made with, and the state is
found from the plan: a command works the same from wherever it runs.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.cli_lab import WAIVERS, CliLab, running

READER = "arn:aws:iam::111122223333:role/developer"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("plan-folder")) as found:
        plans = found.work / "plans"
        plans.mkdir()
        (plans / "decisions.yaml").write_text(WAIVERS)
        made = found.run(
            *("plan", "small", "--decisions", "plans/decisions.yaml"),
            *("--reader-role", READER, "--out", "plans/plan.json"),
        )
        assert made.code == 0, made.err
        yield found


def elsewhere(lab: CliLab, tmp_path: Path) -> CliLab:
    return replace(lab, work=tmp_path)


def test_later_command_uses_the_answers_and_says_so_in_one_line(lab: CliLab) -> None:
    ran = lab.run("cutover", "plans/plan.json", "--gates")
    said = [line for line in ran.err.splitlines() if "as the plan was made" in line]
    assert said == [f"as the plan was made: answers of plans/decisions.yaml; reader roles {READER}"]
    assert "nobody writes it" in ran.out or "a lab" in ran.out


def test_answers_are_found_from_another_folder(lab: CliLab, tmp_path: Path) -> None:
    plan = str(lab.work / "plans" / "plan.json")
    ran = elsewhere(lab, tmp_path).run("status", plan)
    assert f"answers of {lab.work}/plans/decisions.yaml" in ran.err


def test_option_comes_before_what_is_remembered(lab: CliLab) -> None:
    (lab.work / "other.yaml").write_text("")
    ran = lab.run("status", "plans/plan.json", "--decisions", "other.yaml")
    assert "answers of" not in ran.err
    none = lab.run("cutover", "plans/plan.json", "--gates", "--decisions", "")
    assert "answers of" not in none.err
    assert "nobody writes it" not in none.out


@pytest.fixture
def copied(lab: CliLab, tmp_path: Path) -> CliLab:
    shutil.copytree(lab.work / "plans", tmp_path / "copied")
    return replace(lab, work=tmp_path / "copied")


def test_changed_answers_are_said_even_quietly(copied: CliLab) -> None:
    place = copied.work / "decisions.yaml"
    place.write_text(place.read_text() + "# one more line\n")
    assert "decisions.yaml, which changed since" in copied.run("status", "plan.json", "--quiet").err


def test_answers_that_are_gone_are_said_and_none_are_used(copied: CliLab) -> None:
    (copied.work / "decisions.yaml").unlink()
    ran = copied.run("cutover", "plan.json", "--gates")
    assert "answers that are not there: decisions.yaml" in ran.err
    assert "nobody writes it" not in ran.out


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": "x"}', '{"format": "migrator/made-with/v1"}']
)
def test_damaged_memory_is_no_memory(copied: CliLab, text: str) -> None:
    (copied.work / "plan.made-with.json").write_text(text)
    ran = copied.run("status", "plan.json")
    assert ran.error_code == ""
    assert "as the plan was made" not in ran.err
    assert "plan.made-with.json cannot be read" in ran.err


def test_memory_of_another_plan_is_not_used(copied: CliLab) -> None:
    place = copied.work / "plan.made-with.json"
    document = {**json.loads(place.read_text()), "planDigest": "sha256:other"}
    place.write_text(json.dumps(document))
    assert "as the plan was made" not in copied.run("status", "plan.json").err


def test_plan_without_answers_forgets_those_of_the_one_before(copied: CliLab) -> None:
    assert copied.run("plan", "small", "--out", "plan.json").code == 0
    assert not (copied.work / "plan.made-with.json").exists()


def test_memory_is_for_its_owner_alone(lab: CliLab) -> None:
    assert (lab.work / "plans" / "plan.made-with.json").stat().st_mode & 0o777 == 0o600


def test_state_is_found_from_the_plan_wherever_a_command_runs(tmp_path: Path) -> None:
    with running(tmp_path / "lab") as lab:
        assert lab.run("plan", "small", "--out", "plan.json").code == 0
        (lab.work / "answers.yaml").write_text(WAIVERS)
        applied = lab.run("apply", "plan.json", "--yes")
        at_home = lab.run("status", "plan.json")
        away = elsewhere(lab, tmp_path)
        from_away = away.run("status", str(lab.work / "plan.json"))
        assert from_away.code == at_home.code == applied.code
        assert f"state: {lab.work}/.migrate, found from the plan" in from_away.err
        assert "state:" not in at_home.err
        assert not (tmp_path / ".migrate").exists()
        # A plan in a folder below finds the state upwards.
        (lab.work / "below").mkdir()
        shutil.copy(lab.work / "plan.json", lab.work / "below" / "plan.json")
        below = replace(lab, work=lab.work / "below").run("status", "plan.json")
        assert below.code == at_home.code


def test_new_state_of_a_plan_elsewhere_is_beside_the_plan(lab: CliLab, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    shutil.copytree(lab.work / "plans", tmp_path / "plans")
    ran = elsewhere(lab, tmp_path / "here").run("status", "../plans/plan.json")
    assert f"state: {tmp_path}/plans/.migrate" in ran.err
    above = elsewhere(lab, tmp_path).run("status", "plans/plan.json")
    assert "state:" not in above.err
