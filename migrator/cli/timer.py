"""``migrate timer``: what a rehearsal's Job runs inside the cluster."""

from pathlib import Path

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.terminal import output_of


@click.command(
    "timer",
    cls=MigrateCommand,
    short_help="In the cluster: put aws-auth back unless a rehearsal runs.",
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
    from migrator.app.timer import timer

    settings = settings_of(ctx)
    ended = timer(service_account, operator_of(settings))
    output_of(settings).show(document=lambda: {"timer": ended}, table=lambda: f"timer: {ended}\n")
    return 0
