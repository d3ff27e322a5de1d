"""``migrate lab demo``, which ``make demo`` runs: from nothing to a cluster without aws-auth, in
one command.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from migrator.app.read_plan import read_plan
from migrator.decide.planning.code_entries import code_entries
from tests.support.demo_pictures import FOLDER, pictures
from tests.support.example_plans import DEMO
from tests.support.golden import assert_golden


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    place = tmp_path_factory.mktemp("demo")
    ran = subprocess.run(
        [sys.executable, "-m", "migrator", "lab", "demo"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return place / "demo", ran.stdout + ran.stderr


def test_every_principal_is_shown_before_and_after(demo: tuple[Path, str]) -> None:
    flat = re.sub(r"\s+", "", demo[1][demo[1].index("BEFORE, BY AWS-AUTH") :])
    shown = (
        "runner",
        "alice",
        "bob",
        "metrics-agent",
        "batch-nodes",
        "sre",
        "old-jenkins",
        "analyst",
        "developer",
    )
    assert all(name in flat for name in shown)
    assert "cannotlogincannotlogin" in flat


def test_the_recorded_plan_of_the_demo_makes_its_entries(demo: tuple[Path, str]) -> None:
    """Code is generated of the record in tests; ``UPDATE_GOLDEN=1`` takes the demo's plan."""
    content = (demo[0] / "plan.json").read_bytes()
    if os.environ.get("UPDATE_GOLDEN") == "1":
        DEMO.write_bytes(content)
    planned, recorded = (read_plan(each)[0] for each in (content, DEMO.read_bytes()))
    assert planned.principals == recorded.principals
    # Each demo reads its cluster at a time of its own.
    entries = replace(code_entries(planned), made_from=code_entries(recorded).made_from)
    assert entries == code_entries(recorded)


def test_everybody_is_verified_three_times_and_ok(demo: tuple[Path, str]) -> None:
    assert "baseline of 13 principals taken, 0 not as the plan reads them" in demo[1]
    assert "in mode API_AND_CONFIG_MAP: ok (12 ok)" in demo[1]
    assert "in mode API: ok (12 ok)" in demo[1]
    assert "verdict on the cluster in mode API: ok" in demo[1]


def test_the_cut_over_is_rehearsed_and_not_waived(demo: tuple[Path, str]) -> None:
    assert "rehearsal on demo: passed" in demo[1]
    assert re.search(r"^7 +pass +rehearsal:", demo[1], re.M)


def test_story_is_short_and_the_rest_is_in_files(demo: tuple[Path, str]) -> None:
    assert len(demo[1].splitlines()) <= 150
    shown = re.findall(r"^\$ migrate (\S+)", demo[1], re.M)
    kept = sorted((demo[0] / "output").iterdir())
    assert [path.stem for path in kept] == [f"{at:02}-{name}" for at, name in enumerate(shown, 1)]
    for path in kept:
        assert path.stat().st_size > 0


@pytest.mark.parametrize("name", ["access-light.svg", "access-dark.svg", "migration.cast"])
def test_pictures_in_the_readme_are_those_of_this_demo(demo: tuple[Path, str], name: str) -> None:
    """``UPDATE_GOLDEN=1`` writes them."""
    assert_golden(FOLDER / name, pictures(demo[1])[name].encode())


def test_pictures_are_files_that_a_page_and_a_player_read(demo: tuple[Path, str]) -> None:
    made = pictures(demo[1])
    root = ElementTree.fromstring(made["access-light.svg"])  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "http" not in made["access-dark.svg"].replace("http://www.w3.org/", "")
    header, *events = map(json.loads, made["migration.cast"].splitlines())
    assert (header["version"], header["width"]) == (2, 100)
    assert [at for at, _, _ in events] == sorted(at for at, _, _ in events)
    assert {kind for _, kind, _ in events} == {"o"}
    shown = "".join(text for _, _, text in events)
    assert "Done: no principal lost access" in shown
    assert str(demo[0]) not in shown
    readme = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    assert all(f"examples/demo/{name}" in readme for name in made)


def test_a_new_row_gives_nothing_any_more(demo: tuple[Path, str]) -> None:
    assert "refused (401)" in demo[1]


def test_it_says_where_everything_lies_and_it_lies_there(demo: tuple[Path, str]) -> None:
    for label in (
        "plan",
        "answers",
        "journal",
        "evidence",
        "backup",
        "report",
        "Markdown",
        "Terraform",
        "output",
    ):
        found = re.search(rf"^  {label} +(\S+)$", demo[1], re.M)
        assert found, label
        assert (demo[0].parent / found.group(1)).exists()


def test_the_report_is_one_file_with_the_verdict_the_proofs_and_the_gates(
    demo: tuple[Path, str],
) -> None:
    text = (demo[0] / "report.html").read_text()
    assert "<title>demo: migration to access entries, ok</title>" in text
    assert text.count("<article") == 14
    assert "As they were judged at the cut-over" in text
    assert "mapRoles[4] line " in text  # a row without a finding has its line from the backup
    assert (demo[0] / "report.html").stat().st_mode & 0o777 == 0o600


def test_output_is_at_most_100_columns_wide(demo: tuple[Path, str]) -> None:
    commands_and_talk = (
        "$ ",
        "  migrate ",
        "+ ",
        "- ",
        "! ",
        "waiting: ",
        "Added to",
        "Switch cluster",
    )
    for line in demo[1].splitlines():
        assert len(line) <= 100 or line.startswith(commands_and_talk), line


def test_the_lab_is_gone_and_no_credentials_are_left(demo: tuple[Path, str]) -> None:
    assert not (demo[0] / "lab").exists()
    for path in demo[0].rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "aws_secret_access_key" not in text
            assert "k8s-aws-v1." not in text


def test_a_second_demo_replaces_its_own_folder_only(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.tex").write_text("")
    ran = subprocess.run(
        [sys.executable, "-m", "migrator", "lab", "demo"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 4
    assert "[folder-exists]" in ran.stderr
    assert (tmp_path / "demo" / "thesis.tex").exists()
