"""``migrate fleet rehearse``: API mode on trial on every cluster, wave by wave."""

from datetime import datetime
from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import decisions_option, rehearsal_options, yes_option
from migrator.fleet.cli.options import fleet_argument, run_options, wave_options
from migrator.fleet.model.outcome import ClusterFacts

QUESTION = (
    "Rehearse API mode on {clusters} clusters of fleet {fleet}? On each, aws-auth is blank "
    "meanwhile; a Job in the "
    "cluster puts it back if this process dies."
)


@click.command(
    "rehearse",
    cls=MigrateCommand,
    short_help="Try API mode on every cluster, reversibly, wave by wave.",
)
@fleet_argument
@run_options
@wave_options
@rehearsal_options
@yes_option
@decisions_option
@click.pass_context
def command(ctx: click.Context, /, fleet_file: str, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Blank aws-auth on each cluster of FLEET, watch, and put it back, as `migrate rehearse` does
    on one.

    So many at once as may be worked on at once (--concurrency): each of them mostly waits. Ctrl-C
    puts every map back within seconds and ends; the same command goes on. Clusters that passed
    within the last week are not rehearsed again, unless the plan changed.
    """
    from migrator.fleet.cli.run import RunOfPlans, run_plans
    from migrator.run.rehearse import EVIDENCE_AFTER

    length = given["length"]
    more = {"seconds": int(length.total_seconds()), "image": given["image"]}
    holds = (
        _passed_lately if length >= EVIDENCE_AFTER else None
    )  # a shorter one leaves nothing that would hold
    what = RunOfPlans("rehearse", "rehearse_cluster", more, QUESTION, holds=holds)
    return run_plans(settings_of(ctx), fleet_file, given, what)


def _passed_lately(facts: ClusterFacts, now: datetime) -> bool:
    """Whether the cut-over's gate would count the rehearsal, or has no use for one any more."""
    from migrator.decide.running.gates import REHEARSAL_AGE

    if facts.mode == "API":
        return True
    return facts.rehearsed is not None and now - facts.rehearsed <= REHEARSAL_AGE
