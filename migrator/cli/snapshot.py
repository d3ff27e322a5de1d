"""``migrate snapshot``: everything that a plan needs, in one file of raw API shapes."""

import click

from migrator.cli.files import write_file
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import cluster_argument, out_option, yes_option
from migrator.cli.terminal import events_of


@click.command(
    "snapshot", cls=MigrateCommand, formats=(), short_help="Read a cluster into one file."
)
@cluster_argument
@out_option("Where the snapshot goes; - is stdout.", required=True)
@yes_option
@click.pass_context
def command(ctx: click.Context, /, cluster: str, *, out: str, yes: bool) -> None:
    """Read everything about CLUSTER that a plan depends on, and change nothing.

    What may not be read is left out, which means unknown, and is said on stderr.
    """
    from migrator.app.snapshot import snapshot
    from migrator.model.files.wire import pretty

    settings = settings_of(ctx)
    write_file(out, pretty(snapshot(cluster, operator_of(settings, yes=yes))))
    events_of(settings).say(
        "done",
        f"snapshot of {cluster} written to {'stdout' if out == '-' else out}",
        event="file-written",
    )
