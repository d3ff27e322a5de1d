"""``migrate doctor``: can this machine reach the API server, and may this caller do the job."""

import json

import click

from migrator.cli import exit_codes
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import cluster_argument, yes_option
from migrator.cli.terminal import output_of


@click.command(
    "doctor", cls=MigrateCommand, short_help="Can this machine and this caller do the job?"
)
@cluster_argument
@yes_option
@click.option(
    "--policy", is_flag=True, help="Print an IAM policy that allows everything, and check nothing."
)
@click.pass_context
def command(ctx: click.Context, /, cluster: str, *, yes: bool, policy: bool) -> int:
    """Check everything that a migration of CLUSTER needs, and change nothing but, with
    --open-endpoint-for-me and for as long as it runs, publicAccessCidrs.

    Who the caller is, the ways to the API server, IAM and Kubernetes permissions, each with what to
    do.
    """
    from migrator.app.diagnose import diagnose, required_policy
    from migrator.render.diagnosis import diagnosis_document, diagnosis_text

    settings = settings_of(ctx)
    if policy:
        click.echo(json.dumps(required_policy(cluster, settings), indent=2))
        return exit_codes.DONE
    diagnosis = diagnose(cluster, operator_of(settings, yes=yes))
    output = output_of(settings)
    output.show(
        document=lambda: diagnosis_document(diagnosis),
        table=lambda: diagnosis_text(diagnosis, width=output.width, color=output.color),
    )
    return exit_codes.DONE if diagnosis.healthy else exit_codes.FAILED
