"""``migrate fleet``: the commands over many clusters, each in a file of its own."""

import click

from migrator.cli.lazy import LazyGroup

COMMANDS = {
    "discover": ("migrator.cli.fleet_discover", "Which accounts answer, and which clusters are in them."),
    "plan": ("migrator.cli.fleet_plan", "Plan every cluster: the dry run."),
    "apply": ("migrator.cli.fleet_apply", "Make the access entries of the plans, wave by wave."),
    "verify": ("migrator.cli.fleet_verify", "Prove access on every cluster."),
    "rehearse": ("migrator.cli.fleet_rehearse", "Try API mode on every cluster, reversibly, wave by wave."),
    "cutover": ("migrator.cli.fleet_cutover", "Switch to access entries only, wave by wave. One-way."),
    "status": ("migrator.cli.fleet_status", "Where every cluster stands."),
    "report": ("migrator.cli.fleet_report", "What repeats, what is open, what is left."),
}


@click.group("fleet", cls=LazyGroup, table=COMMANDS, short_help="The same over accounts, Regions and clusters.")
def command() -> None:
    """The same over accounts, Regions and clusters.

    FLEET is a fleet.yaml or an accounts file of Cloud Custodian's c7n-org. Every cluster has its own folder in the
    state, with the files of a single migration: every other command works on it. A command that was interrupted, or
    met failures, goes on where it was when it is run again; clusters that are done are not done again.
    """
