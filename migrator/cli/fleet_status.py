"""``migrate fleet status``: where every cluster stands, from the files."""

import click

from migrator.cli import exit_codes
from migrator.cli.fleet_options import fleet_argument
from migrator.cli.lazy import MigrateCommand, settings_of


@click.command("status", cls=MigrateCommand, short_help="Where every cluster stands.")
@fleet_argument
@click.pass_context
def command(ctx: click.Context, /, fleet_file: str) -> int:
    """Show where every account and cluster of FLEET stands: done, left, what is next, what is not known.

    It is read from the state, and nothing is asked of AWS; `migrate fleet discover` asks who answers now.
    """
    from migrator.cli.fleet_files import read_fleet
    from migrator.cli.fleet_wiring import fleet_status_ports
    from migrator.cli.terminal import output_of
    from migrator.model.files.fleet_report import report_document
    from migrator.render.fleet_markdown import fleet_markdown
    from migrator.render.fleet_status_text import fleet_status_text
    from migrator.run.fleet_status import fleet_report

    settings = settings_of(ctx)
    report = fleet_report(fleet_status_ports(settings, read_fleet(fleet_file)), fleet_file)
    output = output_of(settings)
    output.show(
        document=lambda: report_document(report),
        table=lambda: fleet_status_text(report, width=output.width, color=output.color),
        markdown=lambda: fleet_markdown(report),
    )
    return exit_codes.DONE if report.known else exit_codes.FLEET_INCOMPLETE
