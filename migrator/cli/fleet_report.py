"""``migrate fleet report``: what repeats across clusters, what is open, what is left, in files."""

import click

from migrator.cli.fleet_options import fleet_argument
from migrator.cli.lazy import MigrateCommand, settings_of


@click.command("report", cls=MigrateCommand, short_help="What repeats, what is open, what is left.")
@fleet_argument
@click.option("--json", "json_file", metavar="FILE", help="One JSON document.")
@click.option("--markdown", metavar="FILE", help="For a change ticket.")
@click.pass_context
def command(ctx: click.Context, /, fleet_file: str, json_file: str | None, markdown: str | None) -> None:
    """Write the report on FLEET: clusters with the same findings, principals that one answer settles everywhere, who
    administers what, and what is left of each account.

    It is made from the state; nothing is asked of AWS. A file named - is standard output.
    """
    from migrator.cli.files import write_file
    from migrator.cli.fleet_files import read_fleet
    from migrator.cli.fleet_wiring import fleet_status_ports
    from migrator.cli.terminal import events_of
    from migrator.model.canonical import pretty_bytes
    from migrator.render.fleet_markdown import fleet_markdown
    from migrator.render.fleet_report import report_document
    from migrator.run.fleet_status import fleet_report

    if not (json_file or markdown):
        raise click.UsageError("Give --json FILE or --markdown FILE.", ctx)
    settings = settings_of(ctx)
    report = fleet_report(fleet_status_ports(settings, read_fleet(fleet_file)))
    if json_file:
        write_file(json_file, pretty_bytes(report_document(report)))
    if markdown:
        write_file(markdown, fleet_markdown(report).encode())
    events_of(settings).say("done", f"report on {len(report.facts)} clusters written")
