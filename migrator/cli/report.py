"""``migrate report``: everything that is known, for a change ticket."""

import click

from migrator.cli.answers import decisions_in
from migrator.cli.commands_to_copy import command_lines, where_planned
from migrator.cli.files import read_plan, write_files
from migrator.cli.lazy import MigrateCommand, OutputFile, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import decisions_option, plan_argument, yes_option
from migrator.cli.terminal import events_of

# Commands that take the answers which the report was made with.
_DECIDED = ("plan", "apply", "verify", "cutover", "rehearse", "status")


@click.command(
    "report", cls=MigrateCommand, formats=(), short_help="The report for the change ticket."
)
@plan_argument
@click.option(
    "--html", type=OutputFile(), metavar="FILE", help="One self-contained HTML file; - is stdout."
)
@click.option(
    "--markdown",
    type=OutputFile(),
    metavar="FILE",
    help="Markdown for a pull request; - is stdout.",
)
@decisions_option
@yes_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    plan_file: str,
    *,
    html: str | None,
    markdown: str | None,
    decisions: str | None,
    yes: bool,
) -> None:
    """Write a report on the plan in the file PLAN: verdict, every principal with its proof, gates,
    the run's timeline.

    It is made from the journal, the evidence there is, and the cluster as it is now; it does not
    verify again.
    """
    from migrator.app.report import ReportRequest
    from migrator.app.report import report as make_report

    if html is None and markdown is None:
        raise click.UsageError("Name a file for the report: --html FILE, --markdown FILE, or both.")
    if html == markdown:
        raise click.UsageError("The two forms cannot go to the same place.")
    settings = settings_of(ctx)
    plan, digest = read_plan(plan_file)
    request = ReportRequest(plan=plan, digest=digest, answers=decisions_in(decisions))
    report = make_report(request, operator_of(settings, yes=yes))
    events = events_of(settings)
    where = where_planned(settings, plan)
    if decisions is not None:
        where = {name: (*where.get(name, ()), "--decisions", decisions) for name in _DECIDED} | {
            "doctor": where["doctor"]
        }

    def spell(asked: tuple[str, ...]) -> str:
        return command_lines(settings, [asked], plan_file, where)[0]

    files: dict[str, bytes] = {}
    if html is not None:
        from migrator.render.html import report_html

        files[html] = report_html(report, spell).encode()
    if markdown is not None:
        from migrator.render.report import report_markdown

        files[markdown] = report_markdown(report, spell).encode()
    write_files(files)
    for place in files:
        events.say(
            "done", f"report written to {'stdout' if place == '-' else place}", event="file-written"
        )
