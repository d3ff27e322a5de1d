"""``migrate lab``: the commands of the lab, each in a separate file."""

import click

from migrator.cli.lazy import LazyGroup
from migrator.lab.cli.examples import EXAMPLES

COMMANDS = {
    "up": ("migrator.lab.cli.up", "Start a lab."),
    "env": ("migrator.lab.cli.env", "Print what a shell needs to use the lab."),
    "shell": ("migrator.lab.cli.shell", "A separate shell that uses the lab."),
    "credentials": ("migrator.lab.cli.credentials", "The same as any principal of the lab."),
    "kubeconfig": ("migrator.lab.cli.kubeconfig", "Print a kubeconfig for a cluster of the lab."),
    "fault": ("migrator.lab.cli.fault", "Inject faults, list them, clear them."),
    "clock": ("migrator.lab.cli.clock", "Show or step the lab's clock."),
    "effects": ("migrator.lab.cli.effects", "What clients have changed so far."),
    "kill": ("migrator.lab.cli.kill", "Kill a client at its n-th effect."),
    "down": ("migrator.lab.cli.down", "Stop the lab."),
    "demo": ("migrator.lab.cli.demo", "A whole migration, from nothing to proof."),
}


@click.group(
    "lab",
    cls=LazyGroup,
    table=COMMANDS,
    examples=EXAMPLES,
    words=("lab",),
    short_help="An EKS on this machine, to learn and rehearse on.",
)
def command() -> None:
    """An EKS on this machine: the same APIs over the wire, the same rules, made-up principals.

    Its state is in MIGRATE_LAB_DIR, or .migrate/lab. Nothing of it is reachable from other
    machines.
    """
