"""``migrate observe``: who really uses the cluster, from its control-plane logs."""

import re
from datetime import timedelta

import click

from migrator.cli.files import write_file
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import cluster_argument, out_option, yes_option
from migrator.cli.terminal import output_of

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _duration(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
    """``90m``, ``12h``, ``30d``, ``2w`` as a duration."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", value)
    if match is None:
        raise click.BadParameter(
            f"{value!r} is no duration; write 90m, 12h, 30d or 2w.", ctx, param
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command(
    "observe", cls=MigrateCommand, short_help="Who really uses the cluster, from its logs."
)
@cluster_argument
@click.option(
    "--since",
    metavar="TIME",
    callback=_duration,
    default="30d",
    show_default=True,
    help="How far back to look.",
)
@click.option(
    "--scan",
    type=click.Choice(["auto", "insights", "filter"]),
    default="auto",
    show_default=True,
    help="Let Logs Insights count (charged by the byte), or read events page by page.",
)
@click.option(
    "--fresh", is_flag=True, help="Begin again, instead of going on with a scan that stopped."
)
@out_option("Write the usage document to this file, for `plan --usage`; - is stdout.")
@yes_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    cluster: str,
    *,
    since: timedelta,
    scan: str,
    fresh: bool,
    out: str | None,
    yes: bool,
) -> None:
    """Read the control-plane logs of CLUSTER: who logs in, as what and how often, and what decides
    their requests.

    Shows principals behind mapAccounts and templates, rows without logins, logins that no row
    explains, and denials. What a scan costs is shown before it begins. One that was interrupted
    continues with the same command.
    """
    from migrator.app.observe import ObserveRequest, observe
    from migrator.model.files.wire import pretty
    from migrator.render.usage import usage_document, usage_text

    settings = settings_of(ctx)
    request = ObserveRequest(cluster=cluster, since=since, scan=scan, fresh=fresh)  # type: ignore[arg-type]
    report, arn = observe(request, operator_of(settings, yes=yes))
    if out is not None:
        write_file(out, pretty(usage_document(report, cluster=arn)))
    if out == "-":
        return
    output = output_of(settings)
    output.show(
        document=lambda: usage_document(report, cluster=arn),
        table=lambda: usage_text(report, width=output.width, color=output.color),
    )
