"""``migrate show``: a saved plan again, in any format."""

import click

from migrator.cli.files import read_bytes
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import plan_argument
from migrator.cli.settings import ALL_FORMATS
from migrator.cli.terminal import Output, output_of
from migrator.model.outcome import PlanOutcome


@click.command(
    "show", cls=MigrateCommand, formats=ALL_FORMATS, short_help="Show a saved plan again."
)
@plan_argument
@click.pass_context
def command(ctx: click.Context, /, plan_file: str) -> int:
    """Show the plan in the file PLAN again. Its digest is checked: a plan edited by hand is
    refused.
    """
    from migrator.app.show import ShowRequest, show

    outcome = show(ShowRequest(content=read_bytes(plan_file, "The plan file")))
    show_plan(output_of(settings_of(ctx)), outcome)
    return outcome.exit_code


def show_plan(output: Output, outcome: PlanOutcome) -> None:
    """Write a plan to stdout."""

    def table() -> str:
        from migrator.app.plan import what_lifts
        from migrator.render.plan_table import plan_table

        return plan_table(
            outcome.plan,
            lines=outcome.lines,
            width=output.width,
            color=output.color,
            ask=what_lifts(outcome.plan),
        )

    def markdown() -> str:
        from migrator.render.markdown import plan_markdown

        return plan_markdown(outcome.plan, lines=outcome.lines)

    output.show(document=lambda: outcome.document, table=table, markdown=markdown)
