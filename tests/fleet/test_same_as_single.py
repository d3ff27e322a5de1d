"""A fleet's command is the single command on many clusters: same options, or a reason why not."""

import ast
import dataclasses
import importlib
import inspect
from pathlib import Path
from types import FunctionType
from typing import cast

import click
import pytest

from migrator.app.plan import PlanRequest
from migrator.cli.main import COMMANDS
from migrator.cli.request_fields import request_fields
from migrator.fleet.app import jobs
from migrator.fleet.app.jobs import ON_PLANS
from migrator.fleet.cli.group import COMMANDS as FLEET_COMMANDS
from migrator.fleet.model.fleet import Command

# Options of a single command that its fleet counterpart does not have.
ONE_CLUSTER_ONLY = {
    "--as": "names a principal of one cluster; verify_as in decisions.yaml holds for many",
    "--only": "names principals of one cluster; --cluster chooses it",
    "--break-lock": "names the owner of one cluster's lock, who has to be known to be dead",
    "--abandon-rollback": "is about one cluster's unfinished roll-back",
    "--leftovers": "shows what is left in one cluster, and asks about it",
    "--junit": "is one test suite about one plan; fleet report has every verdict",
    "--probes": "asks about principals of one cluster",
    "--usage": "is observed in one cluster",
    "--accept-gap": "accepts that administrators of one cluster have no access for a moment",
    "--accept-timer-reach": "accepts what is not known of the policies of one cluster",
    "--cluster-arn": "goes with --config-map",
    "--config-map": "is one cluster's file",
    "--snapshot": "is one cluster's file",
    "--out": "a fleet's plans are in its state",
    "--against": "names the document of one cluster; those of a fleet are in its state",
    "--write-decisions": "fleet report gathers the questions of all clusters",
}
ONE_CLUSTER_ONLY_IN = {
    (
        "plan",
        "--detailed-exitcode",
    ): "a fleet's exit code is 0 or 8; fleet status counts what is pending",
    ("access", "--yes"): "answers --open-endpoint-for-me, which is about one cluster",
    ("drift", "--yes"): "answers --open-endpoint-for-me, which is about one cluster",
    ("access", "--decisions"): "the answers of a cluster are in its folder of the state",
    ("drift", "--decisions"): "the answers of a cluster are in its folder of the state",
    ("verify", "--yes"): "answers for the canary pods; --canary-pods answers it in a fleet",
    ("plan", "--yes"): "answers --open-endpoint-for-me, which is about one cluster",
    ("cutover", "--yes"): "answers --open-endpoint-for-me, which is about one cluster",
    ("status", "--yes"): "answers --open-endpoint-for-me, which is about one cluster",
    ("report", "--yes"): "answers --open-endpoint-for-me, which is about one cluster",
    ("status", "--decisions"): "the answers of a cluster are in its folder of the state",
    ("report", "--decisions"): "the answers of a cluster are in its folder of the state",
}

# Options of a fleet's command about which clusters, in which order and by which machine.
MANY_CLUSTERS = {
    "--approve",
    "--cluster",
    "--concurrency",
    "--executor",
    "--fresh",
    "--insecure-scheduler",
    "--scheduler",
    "--stop-file",
    "--tls-ca",
    "--tls-cert",
    "--tls-key",
    "--worker-wait",
    "--workers",
}
MANY_CLUSTERS_IN = {
    ("plan", "-o"): "adds jsonl and matrix for pipelines",
    ("plan", "--output"): "adds jsonl and matrix for pipelines",
    ("report", "--json"): "is one document for programs; the files of a single migration are JSON",
}

# Fields of requests that come from the state, from decisions.yaml, or from the fleet's workflow.
PLAN_AND_ANSWERS = {"plan", "digest", "answers"}
NO_OPTION = {"mode_only"}
# Of a plan: the job reads the snapshot, and the answers are a file.
READ_BY_THE_JOB = {"of", "decisions"}
# Fields of requests that no option of a fleet sets, with the option that they are.
NOT_IN_A_FLEET = {
    "become": "--as",
    "break_lock": "--break-lock",
    "only": "--only",
    "abandon_rollback": "--abandon-rollback",
    "own_probes": "--probes",
    "usage": "--usage",
    "accept_gap": "--accept-gap",
    "accept_timer_reach": "--accept-timer-reach",
}

PAIRS = sorted(set(COMMANDS) & set(FLEET_COMMANDS))


def _options(module: str) -> set[str]:
    command = importlib.import_module(module).command
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
    }


def test_every_writing_command_has_a_counterpart() -> None:
    writing = {"apply", "verify", "rehearse", "cutover", "retire", "rollback"}
    assert writing <= set(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_options_are_the_same_or_have_a_reason(name: str) -> None:
    single, fleet = _options(COMMANDS[name][0]), _options(FLEET_COMMANDS[name][0])
    missing = {
        option
        for option in single - fleet
        if option not in ONE_CLUSTER_ONLY and (name, option) not in ONE_CLUSTER_ONLY_IN
    }
    further = {
        option
        for option in fleet - single
        if option not in MANY_CLUSTERS and (name, option) not in MANY_CLUSTERS_IN
    }
    assert (missing, further) == (set(), set())


def test_no_reason_is_left_over() -> None:
    missing = {
        (name, option)
        for name in PAIRS
        for option in _options(COMMANDS[name][0]) - _options(FLEET_COMMANDS[name][0])
    }
    assert set(ONE_CLUSTER_ONLY) <= {option for _, option in missing}
    assert set(ONE_CLUSTER_ONLY_IN) <= missing


@pytest.mark.parametrize("name", sorted(set(PAIRS) & set(ON_PLANS)))
def test_options_set_every_field_of_the_request_or_have_a_reason(name: str) -> None:
    request = ON_PLANS[cast(Command, name)].request
    given = {option: None for option in _parameters(FLEET_COMMANDS[name][0])}
    fields = {each.name for each in dataclasses.fields(request)}
    left_out = fields - set(request_fields(request, given)) - PLAN_AND_ANSWERS - NO_OPTION
    assert left_out <= set(NOT_IN_A_FLEET)
    assert all(NOT_IN_A_FLEET[field] in ONE_CLUSTER_ONLY for field in left_out)


def test_single_command_and_fleet_make_the_same_fields_of_the_same_options() -> None:
    for name in sorted(set(PAIRS) & set(ON_PLANS)):
        request = ON_PLANS[cast(Command, name)].request
        fields = {each.name for each in dataclasses.fields(request)}
        single, fleet = (_parameters(table[name][0]) for table in (COMMANDS, FLEET_COMMANDS))
        assert fleet & fields <= single & fields, name


def test_options_of_a_plan_set_every_field_of_its_request_or_have_a_reason() -> None:
    fields = {each.name for each in dataclasses.fields(PlanRequest)}
    left_out = fields - _parameters(FLEET_COMMANDS["plan"][0]) - READ_BY_THE_JOB
    assert left_out <= set(NOT_IN_A_FLEET)
    assert all(NOT_IN_A_FLEET[field] in ONE_CLUSTER_ONLY for field in left_out)


@pytest.mark.parametrize("name", sorted(set(PAIRS) & {"plan", *ON_PLANS}))
def test_job_calls_the_function_that_the_single_command_calls(name: str) -> None:
    single = _app_functions(Path(inspect.getfile(importlib.import_module(COMMANDS[name][0]))))
    fleet = {
        found
        for module in Path(inspect.getfile(jobs)).parent.glob("*.py")
        for found in _app_functions(module)
    }
    assert _FUNCTION_OF.get(name, name) in {found.__name__ for found in single & fleet}


# A function has its name in words, where the command is one word.
_FUNCTION_OF = {"cutover": "cut_over", "rollback": "roll_back"}


def _app_functions(module: Path) -> set[FunctionType]:
    """The functions of the application layer that a module imports and calls by their name."""
    tree = ast.parse(module.read_text())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found = (
        getattr(importlib.import_module(node.module), each.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("migrator.app.")
        for each in node.names
        if node.module and (each.asname or each.name) in used
    )
    return {each for each in found if isinstance(each, FunctionType)}


def _parameters(module: str) -> set[str]:
    """The names by which click gives the options of a command."""
    command = importlib.import_module(module).command
    return {str(each.name) for each in command.params if isinstance(each, click.Option)}
