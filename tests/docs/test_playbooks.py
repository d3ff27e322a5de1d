"""Every ``$ migrate`` line of the playbooks is run, in order, against a lab; every AWS CLI line
names real options.
"""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest
from ruamel.yaml import YAML

from migrator.fleet.model.files.decisions import decode_fleet_decisions
from tests.support.cli_lab import WORLD, running
from tests.support.fleet_world import fleet_file, fleet_world
from tests.support.page_reader import Reader
from tests.support.printed_policy import CLUSTER, for_a_reader
from tests.support.terminal import at_terminal

ROOT = Path(__file__).parents[2]
# Decisions are records of the project: no reader follows them.
PLAYBOOKS = sorted(
    page for page in (ROOT / "playbooks").glob("*/*.md") if page.parent.name != "decisions"
)
# Commands of the AWS CLI that are no operations.
OF_THE_CLI = ("update-kubeconfig", "wait")
FLEET = "fleet"
# Run line by line with a shell, on clusters that are hard to reach: tests/docs/test_reach_pages.py
REACH = (
    "address-filter",
    "calico-cluster",
    "company-proxy",
    "in-vpc-host",
    "inside-the-cluster",
    "node-join",
    "privoxy",
    "security-groups",
    "session-manager",
)
# Run line by line by a reader of their own, on worlds of their own.
BACK = "roll-back-of-a-fleet"
# tests/docs/test_pages_of_principals.py
PRINCIPALS = (
    "break-glass",
    "fargate",
    "identity-center",
    "karpenter-and-own-nodes",
    "service-linked-roles",
)
READ = (*PRINCIPALS, FLEET, BACK, "lab-worlds", "first-migration")


def commands(text: str, fence: str, prompt: str) -> list[list[str]]:
    """The commands in fenced blocks of one kind, continued lines joined."""
    blocks = re.findall(rf"^ *```{fence}\n(.*?)^ *```", text, re.S | re.M)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [
        shlex.split(line.strip().removeprefix(prompt), comments=True)
        for line in lines
        if line.strip().startswith(prompt)
    ]


def test_there_are_playbooks() -> None:
    assert {path.stem for path in PLAYBOOKS} >= {
        "single-cluster",
        "roll-back",
        "break-glass",
        "private-endpoint",
    }


# Of each wave one cluster, the one that a person must decide about, and the one out of reach: all
# twelve take minutes of a processor.
FEWER = ("orders-dev", "games-test", "shared", "vault")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "only", [FEWER, pytest.param((), marks=pytest.mark.long)], ids=["fewer", "all"]
)
def test_every_command_of_the_fleets_playbook_works(only: tuple[str, ...], tmp_path: Path) -> None:
    page = ROOT / "playbooks" / "tutorials" / f"{FLEET}.md"
    take = "cp .migrate/lab/fleet.yaml fleet.yaml"
    reader = Reader(tmp_path)
    try:
        reader.follow(page, stop_before=take)
        reader.run(take)
        if only:
            file = (tmp_path / "fleet.yaml").read_text()
            chosen = file.replace("select:", f"select:\n  clusters: [{', '.join(only)}]\n  #", 1)
            (tmp_path / "fleet.yaml").write_text(chosen)
        reader.follow(page, start_after=take, stop_before="migrate lab down")
        status = reader.run("migrate fleet status fleet.yaml --output json")
        assert json.loads(status.out)["stages"] == {"retired": len(only or range(12)) - 1}
    finally:
        reader.run("migrate lab down")
    reader.run('eval "$(migrate lab env --unset)"')
    assert "AWS_ENDPOINT_URL" not in reader.environment


def test_every_command_of_the_page_of_worlds_works(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    done = reader.follow(ROOT / "playbooks" / "reference" / "lab-worlds.md")
    assert "Principals: 4" in next(ran.out for line, ran in done if line == "migrate plan one")
    assert "AWS_ENDPOINT_URL" not in reader.environment


@pytest.mark.timeout(300)
def test_every_command_of_the_first_migration_works(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    page = ROOT / "playbooks" / "tutorials" / "first-migration.md"
    try:
        done = reader.follow(page, stop_before="migrate lab down")
        # The width of the terminal breaks long lines.
        said = {line: " ".join(ran.out.split()) for line, ran in done}
        assert (
            "no principal gains access, no principal loses access"
            in (said["migrate plan one --out plan.json"])
        )
        assert "shadowed-by-entry" in said["migrate access one"]
        assert "All 9 gates are open." in said["migrate cutover plan.json --gates"]
        assert (tmp_path / "report.html").is_file()
        status = reader.run("migrate status plan.json --output json")
        assert json.loads(status.out)["mode"] == "API"
    finally:
        reader.run("migrate lab down")


def test_every_command_of_the_way_back_for_a_fleet_works(tmp_path: Path) -> None:
    world = json.dumps(fleet_world(1, 2, regions=("eu-central-1",), shapes=("plain",)))
    with running(tmp_path, world) as lab:
        fleet = json.dumps(fleet_file(1, regions=["eu-central-1"]))
        (lab.work / "fleet.yaml").write_text(fleet, encoding="utf-8")
        reader = Reader(lab.work, lab.environment())
        reader.follow(ROOT / "playbooks" / "how-to" / f"{BACK}.md")
        status = reader.run("migrate fleet status fleet.yaml --output json")
        assert json.loads(status.out)["stages"] == {"planned": 2}


def test_answers_in_the_fleets_playbook_are_read() -> None:
    (block, *_) = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "playbooks" / "tutorials" / f"{FLEET}.md").read_text(), re.S
    )
    answers = decode_fleet_decisions(YAML(typ="safe", pure=True).load(block))
    assert [part.where.tags for part in answers.selected] == [{"stage": "prod"}]


def test_commands_of_a_shell_in_the_fleets_playbook_have_options_that_exist() -> None:
    text = (ROOT / "playbooks" / "tutorials" / f"{FLEET}.md").read_text()
    for program in ("dask ", "migrate "):
        found = commands(text, "sh", program)
        assert found
        for name, *rest in found:
            words = [sys.executable, "-m", program.strip(), name]
            if program == "migrate ":
                words = [sys.executable, "-m", "migrator", name, rest[0]]
            done = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True)
            asked = {word for word in rest if word.startswith("--")}
            assert asked
            assert not [word for word in asked if word not in done.stdout]


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in PLAYBOOKS
        if commands(path.read_text(), "console", "$ ") and path.stem not in (*READ, *REACH)
    ],
    ids=lambda path: path.stem,
)
def test_every_command_of_a_playbook_works(path: Path, tmp_path: Path) -> None:
    # The page for the time after the cut-over is read by people who followed the one for a cluster.
    single = ROOT / "playbooks" / "how-to" / "single-cluster.md"
    retire = "migrate retire plan.json --yes"
    with running(tmp_path, for_a_reader(WORLD)) as lab:
        # The reader has a real cluster, and no lab until the page starts one.
        environment = lab.environment()
        # The reader's shell finds the program of this tree.
        for name in ("MIGRATE_LAB_DIR", "PATH"):
            environment.pop(name)
        reader = Reader(lab.work, environment)
        if path.stem == "after-cut-over":
            reader.follow(single, stop_before=retire)
        if path.stem == "log-lines":
            reader.run(f"migrate plan {CLUSTER} --out plan.json")
        reader.follow(path)


# What the README's reader types at a question of a command.
TYPED = {
    "apply": (f"Apply this to cluster {CLUSTER}? [y/N]", "y"),
    "cutover": ("the cluster's name:", CLUSTER),
}


def test_every_command_of_the_readme_works_at_a_terminal(tmp_path: Path) -> None:
    found = commands((ROOT / "README.md").read_text(), "console", "$ ")
    lines = [command[1:] for command in found if command[0] == "migrate"]
    assert {"plan", "apply", "rehearse", "cutover"} <= {line[0] for line in lines}
    with running(tmp_path, for_a_reader(WORLD)) as lab:
        read = lab.run("snapshot", CLUSTER, "--out", "-")
        rows = json.loads(read.out)["configMap"]
        (lab.work / "aws-auth.yaml").write_text(json.dumps(rows), encoding="utf-8")
        for line in lines:
            if line[0] in TYPED:
                seen = at_terminal(lab, line, *TYPED[line[0]])
                assert seen.code == 0, f"{shlex.join(line)}: {seen.code}\n{seen.text}{seen.after}"
                continue
            ran = lab.run(*line)
            # A first look without the cluster has principals that a person must decide.
            expected = 3 if "--config-map" in line else 0
            assert ran.code == expected, f"{shlex.join(line)}: {ran.code}\n{ran.out}\n{ran.err}"
        assert json.loads(lab.run("--output", "json", "status", CLUSTER).out)["mode"] == "API"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_aws_command_names_an_operation_and_options_that_exist(path: Path) -> None:
    session = botocore.session.Session()
    for service, operation, *options in commands(path.read_text(), "sh", "aws "):
        if operation in OF_THE_CLI:
            continue
        model = session.get_service_model(service)
        name = "".join(part.capitalize() for part in operation.split("-"))
        assert name in model.operation_names, operation
        shape = model.operation_model(name).input_shape
        known = {
            re.sub(r"(?<!^)([A-Z])", r"-\1", member).lower()
            for member in (shape.members if shape else {})
        }
        named = {option.removeprefix("--") for option in options if option.startswith("--")}
        assert named <= known | {"query", "output"}
