"""A fleet's command is the single command on many clusters: same options, or a reason why not."""

import ast
import dataclasses
import importlib
import inspect

import click
import pytest

from migrator.app.apply import ApplyRequest
from migrator.app.cut_over import CutOverRequest
from migrator.app.rehearse import RehearseRequest
from migrator.app.retire import RetireRequest
from migrator.app.roll_back import RollBackRequest
from migrator.app.verify import VerifyRequest
from migrator.cli.main import COMMANDS
from migrator.fleet.app import jobs, rehearsal
from migrator.fleet.cli.group import COMMANDS as FLEET_COMMANDS

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
    "--cluster-arn": "goes with --config-map",
    "--config-map": "is one cluster's file",
    "--snapshot": "is one cluster's file",
    "--out": "a fleet's plans are in its state",
    "-o": "a fleet's plans are in its state",
    "--detailed-exitcode": "a fleet's exit code is 0 or 8; fleet status counts what is pending",
    "--write-decisions": "fleet report gathers the questions of all clusters",
}
ONE_CLUSTER_ONLY_IN = {
    ("verify", "--yes"): "answers for the canary pods; --canary-pods answers it in a fleet",
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
    ("plan", "--output"): "adds jsonl and matrix for pipelines",
    ("report", "--json"): "is one document for programs; the files of a single migration are JSON",
}

# Fields of requests that jobs do not set, with the option that they are.
NOT_IN_A_FLEET = {
    "become": "--as",
    "break_lock": "--break-lock",
    "only": "--only",
    "abandon_rollback": "--abandon-rollback",
    "own_probes": "--probes",
    "usage": "--usage",
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


@pytest.mark.parametrize(
    "request_class",
    [
        ApplyRequest,
        VerifyRequest,
        RehearseRequest,
        CutOverRequest,
        RetireRequest,
        RollBackRequest,
    ],
)
def test_job_sets_every_field_of_the_request_or_leaves_an_option_out(request_class: type) -> None:
    given = _given_in_jobs()[request_class.__name__]
    left_out = {each.name for each in dataclasses.fields(request_class)} - given
    assert left_out <= set(NOT_IN_A_FLEET)
    assert all(NOT_IN_A_FLEET[name] in ONE_CLUSTER_ONLY for name in left_out)


def _given_in_jobs() -> dict[str, set[str]]:
    """Class of a request -> the fields that the jobs of a fleet give it."""
    found: dict[str, set[str]] = {}
    for module in (jobs, rehearsal):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = {keyword.arg for keyword in node.keywords if keyword.arg}
                found.setdefault(node.func.id, set()).update(names)
    return found
