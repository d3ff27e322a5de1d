"""``migrate lab``: the commands of the lab, each in a file of its own."""

import click

from migrator.cli.lazy import LazyGroup

COMMANDS = {
    "up": ("migrator.cli.lab_up", "Start a lab."),
    "env": ("migrator.cli.lab_env", "Print what a shell needs to use the lab."),
    "credentials": ("migrator.cli.lab_credentials", "The same as any principal of the lab."),
    "kubeconfig": ("migrator.cli.lab_kubeconfig", "Print a kubeconfig for a cluster of the lab."),
    "fault": ("migrator.cli.lab_fault", "Inject faults, list them, clear them."),
    "clock": ("migrator.cli.lab_clock", "Show or step the lab's clock."),
    "effects": ("migrator.cli.lab_effects", "What clients have changed so far."),
    "kill": ("migrator.cli.lab_kill", "Kill a client at its n-th effect."),
    "down": ("migrator.cli.lab_down", "Stop the lab."),
    "demo": ("migrator.cli.lab_demo", "A whole migration, from nothing to proof."),
}


@click.group("lab", cls=LazyGroup, table=COMMANDS, short_help="An EKS on this machine, to learn and rehearse on.")
def command() -> None:
    """An EKS on this machine: the same APIs over the wire, the same rules, made-up principals.

    Its state is in MIGRATE_LAB_DIR, or .migrate/lab. Nothing of it is reachable from other machines.
    """
