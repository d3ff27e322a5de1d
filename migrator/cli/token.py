"""``migrate token``: a login for kubectl, as an exec plugin wants it."""

import json

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import cluster_argument


@click.command(
    "token", cls=MigrateCommand, formats=(), short_help="Print an ExecCredential for kubectl."
)
@cluster_argument
@click.option("--as", "role", metavar="ARN", help="Assume this role first.")
@click.pass_context
def command(ctx: click.Context, /, cluster: str, role: str | None) -> None:
    """Print an ExecCredential with a fresh token for CLUSTER.

    The token is a credential: it is for kubectl's exec plugin, and is written nowhere else.
    """
    from migrator.app.token import TokenRequest, token

    request = TokenRequest(cluster=cluster, role=role)
    click.echo(json.dumps(token(request, settings_of(ctx))))
