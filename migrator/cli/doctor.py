"""``migrate doctor``: can this machine reach the API server, and may this caller do the job."""

import json

import click

from migrator.app.settings import Settings
from migrator.cli import exit_codes
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import yes_option
from migrator.cli.pod_option import pod_in, pod_options
from migrator.cli.terminal import output_of

_ALL = "\0all"  # --policy without a command


@click.command(
    "doctor", cls=MigrateCommand, short_help="Can this machine and this caller do the job?"
)
@click.argument("cluster", metavar="CLUSTER", required=False)
@yes_option
@click.option(
    "--policy",
    multiple=True,
    is_flag=False,
    flag_value=_ALL,
    metavar="[COMMAND]",
    help="Print an IAM policy for a command (repeatable), or for all, and check nothing. With the "
    "cluster's ARN as CLUSTER it needs no credentials; a command of a fleet ('fleet plan') needs "
    "no CLUSTER either.",
)
@click.option(
    "--close-endpoint",
    is_flag=True,
    help="Remove from publicAccessCidrs what commands with --open-endpoint-for-me added and did "
    "not remove; asked.",
)
@pod_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    cluster: str | None,
    *,
    yes: bool,
    policy: tuple[str, ...],
    close_endpoint: bool,
    pod: str | None,
    pod_labels: str,
) -> int:
    """Check everything that a migration of CLUSTER needs, and change nothing but, with
    --open-endpoint-for-me for as long as it runs, and with --close-endpoint, publicAccessCidrs.

    Who the caller is, the ways to the API server, IAM and Kubernetes permissions, each with what to
    do.
    """
    from migrator.app.diagnose import (
        diagnose,
        refuse_unknown,
        required_fleet_policy,
        required_policy,
    )
    from migrator.render.diagnosis import diagnosis_document, diagnosis_text

    settings = settings_of(ctx)
    asked = pod_in(ctx, pod, pod_labels)
    commands = tuple(each for each in policy if each != _ALL)
    # A wrong command is named first: nothing of the cluster is needed to see it.
    refuse_unknown(commands)
    if any(each.startswith("fleet ") for each in commands):
        click.echo(json.dumps(required_fleet_policy(settings, commands), indent=2))
        return exit_codes.DONE
    if cluster is None:
        raise click.UsageError("Missing argument 'CLUSTER'.", ctx)
    if policy:
        document = required_policy(
            cluster, settings, () if _ALL in policy else commands, closing=close_endpoint
        )
        click.echo(json.dumps(document, indent=2))
        return exit_codes.DONE
    if close_endpoint:
        return _close_endpoint(settings, cluster, yes=yes)
    diagnosis = diagnose(cluster, operator_of(settings, yes=yes), asked)
    output = output_of(settings)
    output.show(
        document=lambda: diagnosis_document(diagnosis),
        table=lambda: diagnosis_text(diagnosis, width=output.width, color=output.color),
    )
    return exit_codes.DONE if diagnosis.healthy else exit_codes.FAILED


def _close_endpoint(settings: Settings, cluster: str, *, yes: bool) -> int:
    """Remove what commands left in publicAccessCidrs, and say what is still open."""
    from migrator.app.diagnose import close_endpoint
    from migrator.render.closed_endpoint import closed_document, closed_text

    closed = close_endpoint(cluster, operator_of(settings, yes=yes))
    output_of(settings).show_effect(
        document=lambda: closed_document(closed), table=lambda: closed_text(closed)
    )
    return exit_codes.INTERRUPTED if closed.left else exit_codes.DONE
