"""Pipelines of one cluster: valid by their schemas, run against a lab, findings at their rows."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.cli_lab import WAIVERS, CliLab, running
from tests.support.example_snapshots import EXAMPLES
from tests.support.forked_programs import folder_of

FOLDER = EXAMPLES / "pipelines"
PIPELINES = ("github-actions.yml", "gitlab-ci.yml", "buildspec-plan.yml", "buildspec-apply.yml")


def read(name: str) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = YAML(typ="safe", pure=True).load((FOLDER / name).read_text())
    return loaded


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    """The lab, and a repository as the README says."""
    with running(tmp_path) as found:
        (found.work / "pipelines").symlink_to(FOLDER)
        (found.work / "decisions.yaml").write_text(WAIVERS, encoding="utf-8")
        yield found


def scripts_of(document: Mapping[str, Any]) -> list[str]:
    """Every shell script of a pipeline, in its order."""
    jobs = document.get("jobs", {}).values()
    steps = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    gitlab = [
        each for name in ("plan", "apply") for each in document.get(name, {}).get("script", ())
    ]
    phases = [each for phase in document.get("phases", {}).values() for each in phase["commands"]]
    return [*steps, *gitlab, *phases]


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("vendor.github-workflows", "github-actions.yml"),
        ("vendor.github-workflows", "github-drift.yml"),
        ("vendor.github-workflows", "github-image.yml"),
        ("vendor.gitlab-ci", "gitlab-ci.yml"),
    ],
)
def test_a_pipeline_is_one_by_its_schema(schema: str, name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*command, FOLDER / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_pipeline_runs_the_same_two_scripts() -> None:
    run = {name: " ".join(scripts_of(read(name))) for name in PIPELINES}
    planning = {name for name, script in run.items() if "sh pipelines/plan.sh" in script}
    applying = {name for name, script in run.items() if "sh pipelines/apply.sh" in script}
    assert planning == set(PIPELINES) - {"buildspec-apply.yml"}
    assert applying == set(PIPELINES) - {"buildspec-plan.yml"}
    assert not [script for script in run.values() if "${{" in script]


def test_apply_waits_for_a_person_and_has_a_role_of_its_own() -> None:
    jobs = read("github-actions.yml")["jobs"]
    assert [name for name, job in jobs.items() if "environment" in job] == ["apply"]
    assert jobs["apply"]["needs"] == "plan"
    roles = {
        name: [
            step["with"]["role-to-assume"] for step in job["steps"] if "aws-actions" in str(step)
        ]
        for name, job in jobs.items()
    }
    assert roles == {
        "plan": ["${{ vars.AWS_PLAN_ROLE }}"],
        "apply": ["${{ vars.AWS_APPLY_ROLE }}"],
    }
    gitlab = read("gitlab-ci.yml")
    assert gitlab["apply"]["rules"][0]["when"] == "manual"
    assert gitlab["apply"]["environment"]["name"] == "eks-access"


def _sh(lab: CliLab, script: str, *programs: Path) -> subprocess.CompletedProcess[str]:
    places = [*programs, folder_of("migrate"), Path(sys.executable).parent, os.environ["PATH"]]
    path = os.pathsep.join(map(str, places))
    environment = lab.environment(CLUSTER="small", PATH=path)
    return subprocess.run(
        ["sh", "-c", script],
        cwd=lab.work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_scripts_take_a_cluster_from_plan_to_proven_entries(lab: CliLab) -> None:
    planned = _sh(lab, "sh pipelines/plan.sh")
    assert planned.returncode == 0, planned.stderr
    assert lab.effects() == []
    assert "# Access entries for small" in (lab.work / "plan.md").read_text()
    assert "## Note for the SOC" in (lab.work / "soc.md").read_text()
    applied = _sh(lab, "sh pipelines/apply.sh")
    assert applied.returncode == 0, applied.stderr
    assert 'failures="0"' in (lab.work / "junit.xml").read_text()
    assert {each["operation"] for each in lab.effects()} >= {"eks:CreateAccessEntry"}


def test_the_scheduled_script_fails_where_the_access_changed(lab: CliLab) -> None:
    jobs = read("github-drift.yml")["jobs"]
    assert [step.get("run") for step in jobs["drift"]["steps"]][2] == "sh pipelines/drift.sh"
    saved = _sh(lab, "migrate access small --out access.json; migrate plan small --out plan.json")
    assert saved.returncode == 0, saved.stderr
    document = lab.document("access.json")
    document["principals"].pop()
    place = lab.work / ".migrate" / "aws" / "111122223333" / "eu-central-1" / "small"
    place.mkdir(parents=True, exist_ok=True)
    (place / "access.json").write_text(json.dumps(document), encoding="utf-8")
    done = _sh(lab, "sh pipelines/drift.sh")
    assert done.returncode == 2, done.stderr
    assert "## row-added" in (lab.work / "drift.md").read_text(encoding="utf-8")


def test_a_plan_that_cannot_be_made_fails_the_pipeline(lab: CliLab) -> None:
    (lab.work / "decisions.yaml").write_text("no: such answer\n")
    assert _sh(lab, "sh pipelines/plan.sh").returncode not in (0, 3)
    assert not (lab.work / "plan.json").exists()


def test_a_blocked_plan_is_annotated_and_fails_the_pipeline(lab: CliLab) -> None:
    example = EXAMPLES / "map-accounts"
    program = lab.work / "bin" / "migrate"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncp {example}/plan.json plan.json\necho $1\nexit 3\n")
    program.chmod(0o700)
    (lab.work / "aws-auth.yaml").write_bytes((example / "config-map.yaml").read_bytes())
    done = _sh(lab, "sh pipelines/plan.sh", program.parent)
    assert done.returncode == 3
    assert done.stdout.startswith("::error file=aws-auth.yaml,line=")
    assert (lab.work / "plan.md").read_text() == "plan\n"
    assert (lab.work / "soc.md").read_text() == "show\n"


def _annotations() -> ModuleType:
    spec = importlib.util.spec_from_file_location("annotations", FOLDER / "annotations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("example", "level", "source", "content"),
    [
        ("map-accounts", "error", "mapAccounts[0]", '- "444455556666"'),
        ("map-accounts", "error", "mapAccounts[1]", "- 012345678901"),
        ("stripped-rows", "warning", "mapRoles[1]", "rolearn: arn:aws:iam::111122223333:role/"),
    ],
)
def test_a_finding_stands_at_its_row_of_the_manifest(
    example: str, level: str, source: str, content: str
) -> None:
    plan = json.loads((EXAMPLES / example / "plan.json").read_text())
    manifest = (EXAMPLES / example / "config-map.yaml").read_text()
    lines = list(_annotations().annotations(plan, manifest, "aws-auth.yaml"))
    (found,) = {each.partition(",title=")[0] for each in lines if f" {source}::" in each}
    command, _, number = found.rpartition(",line=")
    assert command == f"::{level} file=aws-auth.yaml"
    assert content in manifest.splitlines()[int(number) - 1]


def test_every_manifest_that_migrate_reads_is_annotated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for manifest in sorted(EXAMPLES.glob("*/config-map.yaml")):
        arguments = ["annotations.py", str(manifest.with_name("plan.json")), str(manifest)]
        monkeypatch.setattr("sys.argv", arguments)
        _annotations().main()
    assert "::warning file=" in capsys.readouterr().out


def test_text_of_a_finding_cannot_begin_another_command() -> None:
    evil = "a\n::error::b\r%0A,x:y\x1b"
    finding = dict.fromkeys(("code", "source", "message", "remedy"), evil)
    plan = {"findings": [{**finding, "severity": "block", "line": None}]}
    (line,) = _annotations().annotations(plan, "", "f")
    assert "\n" not in line
    assert line.isprintable()
    assert line.startswith("::error file=f,line=1,title=a%0A%3A%3Aerror%3A%3Ab%0D%250A%2Cx%3Ay")


DOCKER = """\
#!/bin/sh
echo "$*" >> "$CALLS"
[ "$1" != "$FAILS" ]
"""


def build_image(tmp_path: Path, *, fails: str = "", change: str = "") -> tuple[int, list[str], str]:
    """Run the script in a repository with a ``docker`` that notes what it is asked: how the script
    ended, the calls, and the commit.
    """
    clone = tmp_path / "clone"
    (clone / "examples").mkdir(parents=True)
    (clone / "Dockerfile").write_text("FROM scratch\n")
    (clone / "examples" / "pipelines").mkdir()
    shutil.copy(FOLDER / "image.sh", clone / "examples" / "pipelines")
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CALLS": str(tmp_path / "calls"),
        "FAILS": fails,
        "MIGRATE_REPOSITORY": "registry.example/migrate",
    }
    author = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "first"]):
        subprocess.run(["git", *arguments], cwd=clone, env=environment, check=True)
    if change:
        (clone / change).write_text("changed")
    done = subprocess.run(
        ["sh", "examples/pipelines/image.sh"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    calls = tmp_path / "calls"
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    asked = calls.read_text().splitlines() if calls.exists() else []
    return done.returncode, asked, commit.stdout.strip()


def test_the_image_is_built_from_the_checkout_tried_and_pushed(tmp_path: Path) -> None:
    code, asked, commit = build_image(tmp_path)
    image = f"registry.example/migrate:{commit}"
    assert code == 0
    assert asked == [f"build --tag {image} .", f"run --rm {image} --version", f"push {image}"]


@pytest.mark.parametrize("fails", ["build", "run"])
def test_an_image_that_does_not_run_is_not_pushed(fails: str, tmp_path: Path) -> None:
    code, asked, _ = build_image(tmp_path, fails=fails)
    assert code == 1
    assert [line.split()[0] for line in asked] == ["build", "run"][: len(asked)]


def test_no_image_is_made_of_what_no_commit_holds(tmp_path: Path) -> None:
    code, asked, _ = build_image(tmp_path, change="Dockerfile")
    assert (code, asked) == (64, [])


def test_the_pipelines_image_comes_from_the_script() -> None:
    assert scripts_of(read("github-image.yml")) == ["sh examples/pipelines/image.sh"]
