"""``migrate fleet plan``: every cluster planned, each into its own folder of the state."""

import sys
from typing import Any

import click

from migrator.cli.fleet_options import fleet_argument, run_options
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import decisions_option

OUTPUTS = ("table", "json", "jsonl", "yaml")


@click.command("plan", cls=MigrateCommand, short_help="Plan every cluster: the dry run.")
@fleet_argument
@run_options
@decisions_option
@click.option("--strategy", default="preserve", show_default=True, type=click.Choice(["preserve", "policies"]))
@click.option("--target", default="API", show_default=True, type=click.Choice(["API", "API_AND_CONFIG_MAP"]))
@click.option(
    "--output", "form", type=click.Choice(OUTPUTS), help="Format on stdout; jsonl: one job a cluster. [table]"
)
@click.pass_context
def command(ctx: click.Context, /, fleet_file: str, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Discover the clusters of FLEET, read each one and plan it. No cluster is changed.

    Snapshot, plan and answers of each cluster go into its folder of the state. --output jsonl prints a line for each
    planned cluster, ready as a matrix for GitHub Actions or an AWS Step Functions Distributed Map.
    """
    from migrator.cli.fleet_ended import fleet_ended
    from migrator.cli.fleet_files import read_fleet, read_fleet_decisions
    from migrator.cli.fleet_wiring import Asked, Jobs, discover_fleet, fleet_ports, inputs_of, open_fleet, selection_of
    from migrator.run.run_fleet import FleetOptions, run_fleet

    form = given["form"] or settings_of(ctx).output
    settings = settings_of(ctx).with_given({"output": "json" if form == "jsonl" else form})
    asked = Asked.of(given)
    file, decisions = read_fleet(fleet_file), read_fleet_decisions(given["decisions"])
    fleet, found = discover_fleet(open_fleet(settings, file), asked)
    jobs = Jobs(fleet, found.inventory, found)
    how = {"decisions": decisions, "strategy": given["strategy"], "target": given["target"]}
    outcome = run_fleet(
        file,
        found.inventory,
        "plan",
        lambda cluster: jobs.make(cluster, "plan_cluster", **how),
        fleet_ports(fleet, asked),
        FleetOptions(
            inputs_of("plan", how, selection_of(file, asked.clusters)), asked.fresh, part=bool(asked.clusters)
        ),
    )
    _tell_unused(settings, decisions, outcome)
    if form != "jsonl":
        return fleet_ended(settings, outcome)
    from migrator.model.files.fleet_records import jsonl
    from migrator.render.fleet_matrix import matrix

    sys.stdout.buffer.write(jsonl(matrix(file, outcome)))
    sys.stdout.flush()
    return outcome.exit_code


def _tell_unused(settings: Any, decisions: Any, outcome: Any) -> None:  # noqa: ANN401
    from migrator.cli.terminal import events_of
    from migrator.decide.fleet.answers import questions_of
    from migrator.model.files.fleet_decisions import decode_fleet_decisions

    asked = {tuple(question) for result in outcome.results for question in result.detail.get("asked", ())}
    for section, key in questions_of(decode_fleet_decisions(decisions)):
        if (section, key) not in asked:
            events_of(settings).say("warn", f"decisions.yaml answers what no cluster asks: {section}: {key}")
