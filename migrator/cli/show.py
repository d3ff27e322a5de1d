"""``migrate show``: a saved plan again, in any format."""

from collections.abc import Mapping
from typing import Any

import click

from migrator.cli import exit_codes
from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import plan_argument
from migrator.cli.terminal import Output, output_of
from migrator.model.plan import Plan


@click.command("show", cls=MigrateCommand, short_help="Show a saved plan again.")
@plan_argument
@click.pass_context
def command(ctx: click.Context, /, plan_file: str) -> int:
    """Show the plan in the file PLAN again. Its digest is checked: a plan edited by hand is
    refused.
    """
    from migrator.model.files.plan import plan_to_document

    plan, _ = read_plan(plan_file)
    show_plan(output_of(settings_of(ctx)), plan, plan_to_document(plan), config_map=None)
    return exit_codes.BLOCKED if plan.blocked else exit_codes.DONE


def show_plan(
    output: Output, plan: Plan, document: dict[str, Any], *, config_map: Mapping[str, Any] | None
) -> None:
    """Write a plan to stdout. ``config_map``, where it is at hand, tells the lines of the rows."""
    lines = lines_of_rows(config_map)

    def table() -> str:
        from migrator.render.plan_table import plan_table

        return plan_table(plan, lines=lines, width=output.width, color=output.color)

    def markdown() -> str:
        from migrator.render.markdown import plan_markdown

        return plan_markdown(plan, lines=lines)

    output.show(document=lambda: document, table=table, markdown=markdown)


def lines_of_rows(config_map: Mapping[str, Any] | None) -> dict[str, int]:
    """``mapRoles[3]`` -> its line inside the section; empty where the ConfigMap is not at hand."""
    data = (config_map or {}).get("data")
    if not isinstance(data, dict):
        return {}
    from migrator.decide.reading.read_aws_auth import read_aws_auth

    return read_aws_auth(data).lines
