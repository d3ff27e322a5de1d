"""``migrate access``: who can log in now, as what, and by which row, entry or policy."""

import click

from migrator.cli.answers import decisions_in
from migrator.cli.commands_to_copy import below, command_lines, in_its_region
from migrator.cli.files import write_file
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import (
    cluster_argument,
    decisions_option,
    out_option,
    save_option,
    yes_option,
)
from migrator.cli.settings import ALL_FORMATS
from migrator.cli.terminal import output_of


@click.command(
    "access", cls=MigrateCommand, formats=ALL_FORMATS, short_help="Who can log in now, and by what."
)
@cluster_argument
@decisions_option
@save_option
@out_option("Also write the document as JSON into this file (mode 0600), for `drift --against`.")
@yes_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    cluster: str,
    *,
    decisions: str | None,
    save: bool,
    out: str | None,
    yes: bool,
) -> int:
    """Show who can log in to CLUSTER now, as what, and by which row, access entry or policy.

    It reads in every authentication mode: access entries, rows of aws-auth with those that give
    nothing, mapAccounts, and the cluster's hidden creator. The JSON is sorted: two readings of an
    unchanged cluster differ in takenAt alone. What cannot be read is unknown, and the exit code is
    1 then.
    """
    from migrator.app.access import AccessRequest, access
    from migrator.model.files.access_document import access_to_document, encode_access
    from migrator.render.access import access_markdown, access_text

    settings = settings_of(ctx)
    request = AccessRequest(cluster=cluster, answers=decisions_in(decisions), save=save)
    found = access(request, operator_of(settings, yes=yes))
    if out is not None:
        write_file(out, encode_access(found))
    if out == "-":
        return found.exit_code
    output = output_of(settings)
    at = found.cluster.ref
    there = in_its_region(settings, cluster, at.name, at.region)
    do = command_lines(there, (each.command for each in found.unknown), "PLAN", {})

    def table() -> str:
        return below(access_text(found, width=output.width, color=output.color), dict.fromkeys(do))

    output.show(
        document=lambda: access_to_document(found),
        table=table,
        markdown=lambda: access_markdown(found),
    )
    return found.exit_code
