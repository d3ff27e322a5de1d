"""The workflow, the state machine and the image of a fleet: valid by their schemas, and run against
a lab.
"""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from migrator.cli.main import cli
from tests.support.cli_lab import CliLab, running
from tests.support.example_snapshots import EXAMPLES
from tests.support.fleet_world import account_ids, fleet_file, fleet_world

FOLDER = EXAMPLES / "fleet-in-containers"
# The state machine of a fleet, and that of one of its clusters.
OF_THE_FLEET = FOLDER / "step-functions.asl.json"
OF_ONE_CLUSTER = EXAMPLES / "pipelines" / "step-functions.asl.json"
MACHINES = (OF_THE_FLEET, OF_ONE_CLUSTER)
WORKFLOW = FOLDER / "github-actions.yml"
EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    """Two clusters in two accounts, one of them the canary, and the files that the image holds."""
    with running(
        tmp_path, json.dumps(fleet_world(2, 2, shapes=("plain",), regions=("eu-central-1",)))
    ) as found:
        waves = [{"name": "first", "size": 1}, {"name": "rest"}]
        (found.work / "fleet.yaml").write_text(
            json.dumps(fleet_file(2, regions=["eu-central-1"], waves=waves))
        )
        (found.work / "decisions.yaml").write_text("# no answer is needed\n")
        yield found


def states_of(lab: CliLab) -> set[str]:
    """Where the clusters of the fleet stand."""
    ran = lab.run("fleet", "status", "fleet.yaml", "--output", "json", "--state-dir", "state")
    assert ran.code == 0, ran.err
    return set(json.loads(ran.out)["stages"])


# the image


def image() -> dict[str, Any]:
    """Instructions of the Dockerfile; those in JSON form are read."""
    found: dict[str, Any] = {}
    for line in (FOLDER / "Dockerfile").read_text().replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word.isupper():
            found[word] = json.loads(rest) if rest.startswith("[") else rest
    return found


def test_the_images_entry_point_is_a_script_of_this_distribution() -> None:
    script = Path(sys.executable).parent / image()["ENTRYPOINT"][0]
    done = subprocess.run([script, *image()["CMD"]], capture_output=True, text=True, check=True)
    assert "fleet" in done.stdout
    assert image()["USER"] != "root"
    assert "MIGRATE_STATE_DIR" not in image()["ENV"]


# GitHub Actions


def workflow() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = YAML(typ="safe", pure=True).load(WORKFLOW.read_text())
    return loaded


def test_the_workflow_is_one_by_githubs_schema() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        str(WORKFLOW),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_script_of_the_workflow_has_an_expression_in_it() -> None:
    scripts = [
        step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step
    ]
    assert len(scripts) > 4
    assert not [script for script in scripts if "${{" in script]


def test_only_the_cut_over_waits_for_a_person_and_nothing_reaches_it_before_every_cluster() -> None:
    jobs = workflow()["jobs"]
    assert {name for name, job in jobs.items() if "environment" in job} == {"cut-over"}
    assert set(jobs["cut-over"]["needs"]) == set(jobs) - {"cut-over"}
    writes = [
        name
        for name, job in jobs.items()
        if any("cutover" in step.get("run", "") for step in job["steps"])
    ]
    assert writes == ["cut-over"]
    assert workflow()["permissions"] == {"contents": "read", "id-token": "write"}


class Actions:
    """As much of GitHub Actions as the workflow uses: jobs in their order, matrices, outputs,
    environments.
    """

    def __init__(self, lab: CliLab) -> None:
        self.lab = lab
        self.files = {name: lab.work / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        self.values = {
            "vars.MIGRATE_STATE_DIR": "state",
            "vars.FLEET_NAME": "test",
            "vars.MIGRATE_IMAGE": "example/migrate:1",
            "github.job": "",
            "inputs.cut-over": "true",
        }

    def run(self) -> None:
        document = workflow()
        for name, job in document["jobs"].items():
            matrix = job.get("strategy", {}).get("matrix", {"cluster": ""})["cluster"]
            for item in (
                json.loads(self.text(matrix).removeprefix("fromJSON(").removesuffix(")"))
                if matrix
                else [{}]
            ):
                here = {f"matrix.cluster.{key}": str(value) for key, value in item.items()}
                for step in job["steps"]:
                    self.step(
                        name,
                        step,
                        {**document["env"], **job.get("env", {}), **step.get("env", {})},
                        here,
                    )

    def text(self, text: str, here: Mapping[str, str] | None = None) -> str:
        """With its expressions filled in."""
        known = {**self.values, **(here or {})}

        def value(match: re.Match[str]) -> str:
            inner = re.fullmatch(r"fromJSON\((.+)\)", match.group(1))
            return known[inner.group(1) if inner else match.group(1)]

        return EXPRESSION.sub(value, text)

    def step(
        self, job: str, step: Mapping[str, Any], given: Mapping[str, str], here: Mapping[str, str]
    ) -> None:
        if "run" not in step:
            return
        environment = self.lab.environment(
            **{name: self.text(text, here) for name, text in given.items()},
            **{name: str(path) for name, path in self.files.items()},
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        )
        self.files["GITHUB_OUTPUT"].write_text("")
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            shell, cwd=self.lab.work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{step['run']}\n{done.stdout}\n{done.stderr}"
        for line in self.files["GITHUB_OUTPUT"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.values[f"needs.{job}.outputs.{name}"] = value


@pytest.mark.long
def test_the_workflow_takes_a_fleet_from_aws_auth_to_api_mode(lab: CliLab) -> None:
    actions = Actions(lab)
    actions.run()
    canary, rest = (
        json.loads(actions.values[f"needs.plan.outputs.{name}"]) for name in ("canary", "rest")
    )
    assert [(item["wave"], item["name"]) for item in (*canary, *rest)] == [
        ("first", "c0000"),
        ("rest", "c0001"),
    ]
    assert states_of(lab) == {"cut over"}
    for name in (
        "baseline.json",
        "apply.json",
        "verify.json",
    ):  # of the last cluster, as one container has them
        assert lab.document(name)["clusters"] == {"total": 1, "done": 1}
    assert "2 accounts expected, 2 answered" in actions.files["GITHUB_STEP_SUMMARY"].read_text()
    assert (lab.work / "report.md").is_file()


def test_a_line_of_the_matrix_leads_the_commands_for_one_cluster_into_its_account(
    lab: CliLab,
) -> None:
    ran = lab.run("fleet", "plan", "--output", "jsonl", "--quiet")
    item = json.loads(ran.out.splitlines()[0])
    assert (lab.work / ".migrate/fleet/test/matrix.jsonl").read_text() == ran.out
    assert item["options"][:2] == ["--region", "eu-central-1"]
    assert item["options"][2:] == [
        "--assume-role",
        f"arn:aws:iam::{account_ids(2)[0]}:role/migration",
        "--external-id",
        "fleet-7",
    ]
    plan = str(Path(item["state"]) / item["plan"])
    shown = lab.run("status", plan, *item["options"])
    assert (shown.code, "c0000" in shown.out) == (7, True), shown.err
    without = lab.run("snapshot", item["name"], *item["options"][:-2], "--out", "snapshot.json")
    assert without.error_code == "iam-denied"
    odd = lab.run(
        "snapshot", item["name"], *item["options"], "--external-id", "b", "--out", "snapshot.json"
    )
    assert (odd.code, odd.error_code) == (64, "external-id-without-role")


# Step Functions


def definition(path: Path = OF_THE_FLEET) -> dict[str, Any]:
    """A state machine with its placeholders filled in."""
    text = path.read_text()
    values = {
        "Partition": "aws",
        "Bucket": "bucket",
        "Prefix": "eks",
        "Fleet": "test",
        "EcsCluster": "tools",
    }
    return dict(
        json.loads(
            re.sub(r"\$\{(\w+)\}", lambda match: values.get(match[1], f"the-{match[1]}"), text)
        )
    )


def machines(machine: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The machine and those inside it."""
    yield machine
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from machines(state["ItemProcessor"])


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.parent.name)
def test_a_state_machine_is_one_by_the_schema_of_cloudformations_linter(path: Path) -> None:
    origin = importlib.util.find_spec("cfnlint")
    assert origin and origin.origin
    schema = Path(origin.origin).parent / "data/schemas/other/step_functions/statemachine.json"
    validator = Draft202012Validator(json.loads(schema.read_bytes()))
    assert [error.message for error in validator.iter_errors(definition(path))] == []
    broken = definition(path)
    broken["States"]["Plan"]["Tolerated"] = 1
    assert not validator.is_valid(broken)


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.parent.name)
def test_every_state_leads_to_one_that_is_there_and_each_is_reached(path: Path) -> None:
    for machine in machines(definition(path)):
        states = machine["States"]
        reached, todo = set(), [machine["StartAt"]]
        while todo:
            name = todo.pop()
            assert name in states
            if name not in reached:
                reached.add(name)
                state = states[name]
                ends = [state[key] for key in ("Next",) if key in state]
                ends += [catch["Next"] for catch in state.get("Catch", ())]
                assert bool(ends) != bool(
                    state.get("End") or state["Type"] in ("Succeed", "Fail")
                ), name
                todo += ends
        assert reached == set(states)


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.parent.name)
def test_no_two_states_have_one_name(path: Path) -> None:
    # A name is unique within the whole machine, its inner ones included (Amazon States Language,
    # "States").
    names = [name for machine in machines(definition(path)) for name in machine["States"]]
    assert len(names) == len(set(names))


def test_the_matrix_is_read_as_lines_from_where_the_plan_keeps_it() -> None:
    for state in definition()["States"].values():
        if state["Type"] == "Map":
            reader = state["ItemReader"]
            assert reader["ReaderConfig"]["InputType"] == "JSONL"
            assert reader["Parameters"] == {
                "Bucket": "bucket",
                "Key": "eks/fleet/test/matrix.jsonl",
            }
            assert state["ItemProcessor"]["ProcessorConfig"] == {
                "Mode": "DISTRIBUTED",
                "ExecutionType": "STANDARD",
            }
            assert state["ToleratedFailureCount"] == 0


class Machine:
    """As much of Step Functions as the machine uses: every task's container is a process with its
    environment.
    """

    def __init__(self, lab: CliLab) -> None:
        self.lab = lab
        self.commands: list[list[str]] = []
        self.approvals: list[Mapping[str, Any]] = []

    def run(self, machine: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        name = machine["StartAt"]
        while name is not None:
            state = machine["States"][name]
            if state["Type"] == "Map":
                self.each(state)
            elif state["Type"] == "Task" and ":ecs:runTask.sync" in state["Resource"]:
                self.container(state["Parameters"]["Overrides"]["ContainerOverrides"][0], given)
            elif state["Type"] == "Task":
                assert "waitForTaskToken" in state["Resource"]
                self.approvals.append(state["Parameters"]["Message"])
            name = state.get("Next")

    def each(self, state: Mapping[str, Any]) -> None:
        key = str(state["ItemReader"]["Parameters"]["Key"]).removeprefix("eks/")
        lines = (self.lab.work / "state" / key).read_text().splitlines()
        for line in lines[: state["ItemReader"]["ReaderConfig"].get("MaxItems")]:
            self.run(state["ItemProcessor"], json.loads(line))

    def container(self, override: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        command = override.get("Command") or list(self.array(override["Command.$"], given))
        environment = {each["Name"]: each["Value"] for each in override["Environment"]}
        assert environment == {"MIGRATE_STATE_DIR": "s3://bucket/eks"}
        ran = self.lab.run(*command, environment=self.lab.environment(MIGRATE_STATE_DIR="state"))
        assert ran.code == 0, f"{command}\n{ran.out}\n{ran.err}"
        self.commands.append(command)

    @staticmethod
    def array(text: str, given: Mapping[str, Any]) -> Iterator[str]:
        """The intrinsic function States.Array over texts and paths."""
        inner = re.fullmatch(r"States\.Array\((.*)\)", text)
        assert inner, text
        for part in inner[1].split(", "):
            yield str(given[part[2:]]) if part.startswith("$.") else part.strip("'")


@pytest.mark.long
def test_the_state_machine_takes_a_fleet_from_aws_auth_to_api_mode(lab: CliLab) -> None:
    machine = Machine(lab)
    machine.run(definition(), {})
    assert states_of(lab) == {"cut over"}
    applied = [
        command[4].rpartition("/")[2] for command in machine.commands if command[1] == "apply"
    ]
    assert applied == [
        "c0000",
        "c0000",
        "c0001",
    ]  # the canary before everybody, and then nothing is left to do on it
    assert [message["fleet"] for message in machine.approvals] == ["test"]
    assert machine.commands[-1][:2] == ["fleet", "cutover"]


def test_one_cluster_waits_for_a_person_between_its_plan_and_the_first_change() -> None:
    machine = definition(OF_ONE_CLUSTER)
    states, order = machine["States"], [machine["StartAt"]]
    while "Next" in states[order[-1]]:
        order.append(states[order[-1]]["Next"])
    assert order == ["Plan", "Approval", "Baseline", "Apply", "Verify", "Done"]
    assert states["Approval"]["Resource"].endswith(":sns:publish.waitForTaskToken")
    assert states["Approval"]["Parameters"]["Message"]["cluster.$"] == "$.cluster"
    # Every command is for the cluster of the input, and none cuts over.
    ran = [command for command in commands() if "CLUSTER" in command]
    assert [command[1] for command in ran] == ["plan", "verify", "apply", "verify"]


@pytest.mark.long
def test_the_state_machine_of_one_cluster_leaves_the_others_alone(lab: CliLab) -> None:
    machine = Machine(lab)
    arn = f"arn:aws:eks:eu-central-1:{account_ids(2)[1]}:cluster/c0001"
    machine.run(definition(OF_ONE_CLUSTER), {"cluster": arn})
    assert len(machine.approvals) == 1
    where = lab.environment(MIGRATE_STATE_DIR="state")
    # A run of one cluster makes no list of the fleet.
    assert lab.run("fleet", "discover", "fleet.yaml", environment=where).code == 0
    ran = lab.run("fleet", "status", "fleet.yaml", "--output", "json", environment=where)
    assert json.loads(ran.out)["stages"] == {"verified": 1, "not planned": 1}


# both


def commands() -> list[list[str]]:
    """Every command of the workflow and of the state machines."""
    scripts = "\n".join(
        str(step.get("run", "")) for job in workflow()["jobs"].values() for step in job["steps"]
    )
    found = [
        shlex.split(line.split(" > ")[0].split(" >> ")[0])
        for line in re.findall(r"migrate (.+)", scripts)
    ]
    given = {"arn": "ARN", "cluster": "CLUSTER"}
    for machine in [each for path in MACHINES for each in machines(definition(path))]:
        for state in machine["States"].values():
            for override in (
                state.get("Parameters", {}).get("Overrides", {}).get("ContainerOverrides", ())
            ):
                text = override.get("Command.$")
                found.append(list(Machine.array(text, given)) if text else override["Command"])
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_is_one(command: list[str]) -> None:
    context = cli.make_context("migrate", list(command), resilient_parsing=False)
    arguments = (
        [*context._protected_args, *context.args]
        if hasattr(context, "_protected_args")
        else context.args
    )
    for _ in range(2):  # fleet, and its command
        name, found, rest = context.command.resolve_command(context, list(arguments))  # type: ignore[attr-defined]
        assert found is not None
        context = found.make_context(name, rest, parent=context)
        arguments = [*getattr(context, "_protected_args", []), *context.args]
    assert context.command.name == command[1]
