"""``migrate fleet``: the commands over many clusters, each in a separate file."""

import click

from migrator.cli.lazy import LazyGroup
from migrator.fleet.cli.examples import EXAMPLES

COMMANDS = {
    "discover": (
        "migrator.fleet.cli.discover",
        "Which accounts answer, and which clusters are in them.",
    ),
    "plan": ("migrator.fleet.cli.plan", "Plan every cluster: the dry run."),
    "apply": ("migrator.fleet.cli.apply", "Make the access entries of the plans, wave by wave."),
    "verify": ("migrator.fleet.cli.verify", "Prove access on every cluster."),
    "rehearse": (
        "migrator.fleet.cli.rehearse",
        "Try API mode on every cluster, reversibly, wave by wave.",
    ),
    "cutover": (
        "migrator.fleet.cli.cutover",
        "Switch to access entries only, wave by wave. One-way.",
    ),
    "retire": (
        "migrator.fleet.cli.retire",
        "Delete the inert aws-auth after the cut-over, wave by wave.",
    ),
    "rollback": (
        "migrator.fleet.cli.rollback",
        "Until the cut-over: back to what was there, wave by wave.",
    ),
    "access": (
        "migrator.fleet.cli.access",
        "Who can log in to every cluster now, and by what.",
    ),
    "drift": (
        "migrator.fleet.cli.drift",
        "What changed in every cluster since its migration.",
    ),
    "status": ("migrator.fleet.cli.status", "Where every cluster stands."),
    "report": ("migrator.fleet.cli.report", "What repeats, what is open, what is left."),
}


EXIT_CODES = """\b
Exit codes:
   0  every account answered, and every cluster is done
   2  drift --detailed-exitcode: something changed on a cluster
   7  interrupted; the same command continues from there
   8  some accounts did not answer, or some clusters are not done: they are listed with the reasons
  64  wrong usage; the others are of the command as a whole, as in migrate --help
"""


@click.group(
    "fleet",
    cls=LazyGroup,
    table=COMMANDS,
    examples=EXAMPLES,
    words=("fleet",),
    short_help="The same over accounts, Regions and clusters.",
    epilog=EXIT_CODES,
)
def command() -> None:
    """The same over accounts, Regions and clusters.

    FLEET is a fleet.yaml (examples/fleet.yaml) or an accounts file of Cloud Custodian's c7n-org.
    Every cluster has its own folder in the state, with the files of a single migration: every other
    command works on it. A command that was interrupted, or met failures, continues where it was
    when it is run again; clusters that are done are not done again.
    """
