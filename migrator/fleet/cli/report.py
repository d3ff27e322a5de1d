"""``migrate fleet report``: what repeats across clusters, what is open, what is left, in files."""

from typing import TYPE_CHECKING

import click

from migrator.cli.lazy import MigrateCommand, OutputFile, settings_of
from migrator.fleet.cli.options import fleet_argument

if TYPE_CHECKING:
    from migrator.fleet.model.report import FleetReport


@click.command(
    "report",
    cls=MigrateCommand,
    formats=(),
    short_help="What repeats, what is open, what is left.",
)
@fleet_argument
@click.option(
    "--html",
    type=OutputFile(),
    metavar="FILE",
    help="One self-contained HTML file: the dashboard.",
)
@click.option("--json", "json_file", type=OutputFile(), metavar="FILE", help="One JSON document.")
@click.option(
    "--markdown",
    type=OutputFile(),
    metavar="FILE",
    help="For a pull request or a change ticket.",
)
@click.pass_context
def command(ctx: click.Context, /, fleet_file: str, **files: str | None) -> None:
    """Write the report on FLEET: where every cluster stands, clusters with the same findings,
    principals that one answer settles everywhere, who administers what, what is left of each
    account, and what happened in each wave.

    It is made from the state; nothing is asked of AWS. A file named - is standard output.
    """
    from migrator.cli.files import write_files
    from migrator.cli.operator import operator_of
    from migrator.cli.terminal import events_of
    from migrator.fleet.app.report import FleetReportRequest
    from migrator.fleet.app.report import report as report_on
    from migrator.fleet.cli.files import read_fleet

    places = [place for place in files.values() if place]
    if not places:
        raise click.UsageError("Give --html FILE, --markdown FILE or --json FILE.", ctx)
    if len(set(places)) < len(places):
        raise click.UsageError("Two forms cannot go to the same place.", ctx)
    settings = settings_of(ctx)
    request = FleetReportRequest(file=read_fleet(fleet_file), named=fleet_file)
    report = report_on(request, operator_of(settings))
    write_files({place: _form(form, report) for form, place in files.items() if place})
    for place in places:
        named = "stdout" if place == "-" else place
        events_of(settings).say(
            "done",
            f"report on {len(report.rows)} clusters written to {named}",
            event="file-written",
        )


def _form(form: str, report: "FleetReport") -> bytes:
    """The report in one of its forms."""
    if form == "html":
        from migrator.fleet.render.page import fleet_html

        return fleet_html(report).encode()
    if form == "markdown":
        from migrator.fleet.render.markdown import fleet_markdown

        return fleet_markdown(report).encode()
    from migrator.fleet.model.files.report import report_document
    from migrator.model.files.wire import pretty

    return pretty(report_document(report))
