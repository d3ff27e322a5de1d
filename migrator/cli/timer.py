"""``migrate timer``: what a rehearsal's Job runs inside the cluster."""

import os
from pathlib import Path

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import events_of, output_of


@click.command(
    "timer",
    cls=MigrateCommand,
    short_help="In the cluster: put aws-auth back unless a rehearsal goes on.",
)
@click.option(
    "--service-account",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/var/run/secrets/kubernetes.io/serviceaccount"),
    show_default=True,
    help="Where the pod's service account is mounted.",
)
@click.pass_context
def command(ctx: click.Context, /, *, service_account: Path) -> int:
    """Put aws-auth back as it was unless the rehearsal keeps renewing its Lease. `migrate rehearse`
    starts this as a Job; it is of no use anywhere else.
    """
    from migrator.adapters.clock import open_waiting_clock
    from migrator.adapters.kubernetes_api import KubernetesConfigMaps
    from migrator.adapters.kubernetes_client import open_in_cluster
    from migrator.adapters.kubernetes_objects import KubernetesObjects
    from migrator.run.dead_man import TimerPorts, hold

    settings = settings_of(ctx)
    client = open_in_cluster(os.environ, mount=service_account)
    ports = TimerPorts(
        config_maps=KubernetesConfigMaps(client),
        objects=KubernetesObjects(client),
        clock=open_waiting_clock(os.environ),
        events=events_of(settings),
    )
    ended = hold(ports)
    output_of(settings).show(document=lambda: {"timer": ended}, table=lambda: f"timer: {ended}\n")
    return 0
