"""The commands of a fleet to run next, as lines to copy."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from migrator.app.settings import Settings
from migrator.cli.commands_to_copy import command_lines, options_again
from migrator.fleet.model.outcome import ClusterResult, ClusterStatus, FleetOutcome
from migrator.fleet.model.report import FleetReport
from migrator.model.canary_pod import CANARY_IMAGE

# What is done about a cluster that ended so; for every other one it is the same command again.
_BY_STATUS: Mapping[ClusterStatus, str] = {
    "blocked": "plan",
    "changed": "plan",
    "unproven": "status",
}
# A new plan would give again what another writer withdrew from an entry that is half-made.
_WITHDRAWN = "policy-withdrawn"
_TAKE_DECISIONS = ("plan", "apply", "verify", "rehearse", "cutover")
# Which clusters, and how the work is done: the same for the next command.
_HOW = {
    "clusters": "--cluster",
    "concurrency": "--concurrency",
    "stop_file": "--stop-file",
    "executor": "--executor",
    "scheduler": "--scheduler",
    "tls_ca": "--tls-ca",
    "tls_cert": "--tls-cert",
    "tls_key": "--tls-key",
    "insecure_scheduler": "--insecure-scheduler",
    "workers": "--workers",
    "worker_wait": "--worker-wait",
}
# What else the same command was given.
_AGAIN = {
    "image": "--image",
    "max_rate": "--max-rate",
    "keep_going": "--keep-going",
    "gates_only": "--gates",
    "baseline": "--baseline",
    "approve": "--approve",
    "probes": "--max-probes",
    "canary_pods": "--canary-pods",
    "canary_image": "--canary-image",
    "strategy": "--strategy",
    "target": "--target",
    "save": "--save",
    "detailed_exitcode": "--detailed-exitcode",
}
# Values that a command has anyway are not printed.
DEFAULTS = {
    "executor": "threads",
    "probes": 30,
    "canary_image": CANARY_IMAGE,
    "strategy": "preserve",
    "target": "API",
}
_ONE_CLUSTER = frozenset({"--cluster", "--state-dir"})


def lines_of_report(
    settings: Settings,
    report: FleetReport,
) -> list[str]:
    """One line for each command that some cluster waits for, over the fleet: clusters that are done
    are not done again.
    """
    found: dict[tuple[str, ...], None] = {}
    for row in report.rows:
        if row.is_open and row.command[:2] == ("migrate", "fleet"):
            found[_over_the_fleet(row.command[1:])] = None
    return command_lines(settings, found, "", {})


def _over_the_fleet(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command without what names one cluster; the global options are given again anyway. A
    decisions file is named where there is one.
    """
    from migrator.fleet.render.attention import without_options

    without = _ONE_CLUSTER
    if not Path("decisions.yaml").is_file():
        without |= {"--decisions"}
    return without_options(words, without)


def lines_of_outcome(
    settings: Settings,
    outcome: FleetOutcome,
    given: Mapping[str, Any],
) -> list[str]:
    """What to run where clusters are not done: the same command, a new plan, or the status."""
    if outcome.exit_code == 0:
        return []
    spelled = str(outcome.command).replace("gates", "cutover")
    names = dict.fromkeys(_next_of(each, spelled) for each in outcome.left)
    withdrawn = any(each.code == _WITHDRAWN for each in outcome.left)
    # An account that did not answer leaves no result.
    approved = tuple(given.get("approve") or ())
    if outcome.unapproved:
        given = {**given, "approve": (*approved, outcome.unapproved)}
    commands = []
    for name in names or (spelled,):
        asked = given
        if withdrawn and name == "plan":
            to_plan = [each.arn for each in outcome.left if _next_of(each, spelled) == name]
            asked = {**given, "clusters": tuple(to_plan)}
        commands.append(next_words(name, spelled, asked))
    return command_lines(settings, commands, "", {})


def _next_of(
    result: ClusterResult,
    command: str,
) -> str:
    if result.code == "no-plan":
        return "plan"
    if result.code == _WITHDRAWN:
        return command
    return _BY_STATUS.get(result.status, command)


def next_words(
    name: str,
    asked: str,
    given: Mapping[str, Any],
) -> tuple[str, ...]:
    """The words of the fleet's command ``name`` after ``asked`` was called with ``given``: the
    same command has the same options.
    """
    words = ("fleet", name, str(given["fleet_file"]))
    if name == "status":
        return words
    given = {key: value for key, value in given.items() if value != DEFAULTS.get(key)}
    more = options_again(given, **_HOW)
    if name in _TAKE_DECISIONS:
        more += options_again(given, decisions="--decisions")
    if name != asked:
        return (*words, *more)
    length = given.get("length")
    if isinstance(length, timedelta):
        more += ("--for", f"{int(length.total_seconds())}s")
    again = options_again(given, **_AGAIN)
    return (*words, *more, *again)
