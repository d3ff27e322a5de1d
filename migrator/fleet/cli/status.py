"""``migrate fleet status``: where every cluster stands, from the files."""

import click

from migrator.cli import exit_codes
from migrator.cli.commands_to_copy import below
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.settings import ALL_FORMATS
from migrator.fleet.cli.options import fleet_argument


@click.command(
    "status", cls=MigrateCommand, formats=ALL_FORMATS, short_help="Where every cluster stands."
)
@fleet_argument
@click.pass_context
def command(ctx: click.Context, /, fleet_file: str) -> int:
    """Show where every account and cluster of FLEET stands: done, left, what is next, what is not
    known.

    It is read from the state, and nothing is asked of AWS; `migrate fleet discover` asks who
    answers now.
    """
    from migrator.cli.operator import operator_of
    from migrator.cli.terminal import output_of
    from migrator.fleet.app.report import FleetReportRequest
    from migrator.fleet.app.report import report as report_on
    from migrator.fleet.cli.commands_to_copy import lines_of_report
    from migrator.fleet.cli.files import read_fleet
    from migrator.fleet.model.files.report import report_document
    from migrator.fleet.render.headline import fleet_tone
    from migrator.fleet.render.markdown import fleet_markdown
    from migrator.fleet.render.status_text import fleet_status_text

    settings = settings_of(ctx)
    request = FleetReportRequest(file=read_fleet(fleet_file), named=fleet_file)
    report = report_on(request, operator_of(settings))
    output = output_of(settings)
    do = lines_of_report(settings, report)

    def table() -> str:
        return below(fleet_status_text(report, width=output.width, color=output.color), do)

    output.show(
        document=lambda: report_document(report),
        table=table,
        markdown=lambda: fleet_markdown(report),
    )
    # What is not known or ended badly is listed above; what was planned or started is not finished.
    is_left = report.is_open or fleet_tone(report) == "bad"
    return exit_codes.FLEET_INCOMPLETE if is_left else exit_codes.DONE
