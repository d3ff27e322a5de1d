"""``migrate fleet plan``: every cluster planned, each into its own folder of the state."""

import sys
from typing import TYPE_CHECKING, Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import decisions_option
from migrator.fleet.cli.options import fleet_argument, run_options

if TYPE_CHECKING:
    from migrator.fleet.model.fleet import FleetFile
    from migrator.fleet.model.outcome import FleetOutcome
    from migrator.fleet.ports import FleetPorts

OUTPUTS = ("table", "json", "jsonl", "yaml")


@click.command("plan", cls=MigrateCommand, short_help="Plan every cluster: the dry run.")
@fleet_argument
@run_options
@decisions_option
@click.option(
    "--strategy", default="preserve", show_default=True, type=click.Choice(["preserve", "policies"])
)
@click.option(
    "--target", default="API", show_default=True, type=click.Choice(["API", "API_AND_CONFIG_MAP"])
)
@click.option(
    "--output",
    "form",
    type=click.Choice(OUTPUTS),
    help="Format on stdout; jsonl: one job a cluster. [table]",
)
@click.pass_context
def command(ctx: click.Context, /, fleet_file: str, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Discover the clusters of FLEET, read each one and plan it. No cluster is changed.

    Snapshot, plan and answers of each cluster go into its folder of the state. --output jsonl
    prints a line for each planned cluster, in the order of the waves, ready as a matrix for GitHub
    Actions or an AWS Step Functions Distributed Map; it is kept in the state as
    fleet/NAME/matrix.jsonl, too.
    """
    from migrator.fleet.app.asked import Asked
    from migrator.fleet.app.connect import (
        discover_fleet,
        fleet_ports,
        inputs_of,
        open_fleet,
        selection_of,
    )
    from migrator.fleet.app.executor import Jobs
    from migrator.fleet.cli.files import read_fleet, read_fleet_decisions
    from migrator.fleet.cli.print_outcome import fleet_ended
    from migrator.fleet.run.run_fleet import FleetOptions, run_fleet

    form = given["form"] or settings_of(ctx).output
    settings = settings_of(ctx).with_given({"output": "json" if form == "jsonl" else form})
    asked = Asked.of(given)
    file, decisions = read_fleet(fleet_file), read_fleet_decisions(given["decisions"])
    fleet, found = discover_fleet(open_fleet(settings, file), asked)
    ports = fleet_ports(fleet, asked)
    jobs = Jobs(fleet, found, ports, own_machine=asked.scheduler is None)
    how = {"decisions": decisions, "strategy": given["strategy"], "target": given["target"]}
    outcome = run_fleet(
        file,
        found.inventory,
        "plan",
        lambda cluster: jobs.make(cluster, "plan_cluster", **how),
        ports,
        FleetOptions(
            inputs_of("plan", how, selection_of(file, asked.clusters)),
            asked.fresh,
            part=bool(asked.clusters),
        ),
    )
    _tell_unused(settings, decisions, outcome)
    lines = _matrix(file, outcome, ports, part=bool(asked.clusters))
    if form != "jsonl":
        return fleet_ended(settings, outcome)
    sys.stdout.buffer.write(lines)
    sys.stdout.flush()
    return outcome.exit_code


def _matrix(
    file: "FleetFile", outcome: "FleetOutcome", ports: "FleetPorts", *, part: bool
) -> bytes:
    """The matrix, which is kept in the state, too: whoever reads it there needs no output of this
    command.
    """
    from migrator.fleet.decide.waves import waves_of
    from migrator.fleet.model.files.matrix import matrix
    from migrator.fleet.model.files.records import MATRIX_FILE, jsonl

    clusters = outcome.inventory.clusters
    waves = waves_of(
        clusters, "apply", file.waves, order_by=file.order_by, tolerance=file.failure_tolerance
    )
    wave_of = {cluster.arn: wave.name for wave in waves for cluster in wave.clusters}
    lines = jsonl(matrix(file, outcome, wave_of))
    if not part:
        ports.store.write(MATRIX_FILE, lines)
    return lines


def _tell_unused(settings: Any, decisions: Any, outcome: Any) -> None:  # noqa: ANN401
    from migrator.cli.terminal import events_of
    from migrator.fleet.decide.answers import questions_of
    from migrator.fleet.model.files.decisions import decode_fleet_decisions

    asked = {
        tuple(question) for result in outcome.results for question in result.detail.get("asked", ())
    }
    for section, key in questions_of(decode_fleet_decisions(decisions)):
        if (section, key) not in asked:
            events_of(settings).say(
                "warn", f"decisions.yaml answers what no cluster asks: {section}: {key}"
            )
