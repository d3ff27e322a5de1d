"""``migrate show``: a saved plan again, in any format."""

from typing import TYPE_CHECKING

import click

from migrator.cli.files import read_bytes
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import plan_argument
from migrator.cli.settings import ALL_FORMATS
from migrator.cli.terminal import Output, output_of
from migrator.model.outcome import PlanOutcome

if TYPE_CHECKING:
    from migrator.model.security_note import SecurityNote


@click.command(
    "show", cls=MigrateCommand, formats=ALL_FORMATS, short_help="Show a saved plan again."
)
@plan_argument
@click.option(
    "--security-note",
    is_flag=True,
    help="Only the note for the SOC: calls, sessions, detections that watch them.",
)
@click.pass_context
def command(ctx: click.Context, /, plan_file: str, *, security_note: bool) -> int:
    """Show the plan in the file PLAN again. Its digest is checked: a plan edited by hand is
    refused. With --security-note: which calls the runs of the plan make, by which session, and
    which published detections watch them.
    """
    from migrator.app.show import ShowRequest, note_for_soc, show

    settings = settings_of(ctx)
    outcome = show(ShowRequest(content=read_bytes(plan_file, "The plan file")))
    if security_note:
        show_note(output_of(settings), note_for_soc(outcome, settings.source_address))
        return outcome.exit_code
    show_plan(output_of(settings), outcome, security_note_of=plan_file)
    return outcome.exit_code


def show_note(output: Output, note: "SecurityNote") -> None:
    """Write the note for the SOC to stdout."""
    from migrator.model.files.security_note import security_note_document
    from migrator.render.security_note import security_markdown, security_text

    output.show(
        document=lambda: security_note_document(note),
        table=lambda: security_text(note, width=output.width, color=output.color),
        markdown=lambda: security_markdown(note),
    )


def show_plan(output: Output, outcome: PlanOutcome, security_note_of: str = "") -> None:
    """Write a plan to stdout; the document is plan.json. ``security_note_of``: the plan's file,
    where the command that shows the note for the SOC is named.
    """

    def table() -> str:
        from migrator.app.plan import what_lifts
        from migrator.render.escape import shell
        from migrator.render.plan_table import plan_table

        table = plan_table(
            outcome.plan,
            lines=outcome.lines,
            width=output.width,
            color=output.color,
            ask=what_lifts(outcome.plan),
        )
        if not security_note_of:
            return table
        return f"{table}\nFor the SOC: migrate show {shell(security_note_of)} --security-note\n"

    def markdown() -> str:
        from migrator.render.markdown import plan_markdown

        return plan_markdown(outcome.plan, lines=outcome.lines)

    output.show(document=lambda: outcome.document, table=table, markdown=markdown)
