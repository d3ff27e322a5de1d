"""``migrate cutover``: all gates, the cluster's name typed again, the switch, verification."""

from typing import Any

import click

from migrator.cli.answers import decisions_in
from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import (
    as_option,
    break_lock_option,
    canary_options,
    decisions_option,
    plan_argument,
    yes_option,
)
from migrator.cli.request_fields import request_fields
from migrator.cli.terminal import output_of


@click.command("cutover", cls=MigrateCommand, short_help="Switch to access entries only. One-way.")
@plan_argument
@click.option("--confirm", metavar="NAME", help="The cluster's name, for runs without a terminal.")
@click.option(
    "--gates", "gates_only", is_flag=True, help="Judge and show the gates, and switch nothing."
)
@canary_options
@decisions_option
@as_option
@break_lock_option
@yes_option
@click.pass_context
def command(ctx: click.Context, /, plan_file: str, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Switch the cluster of the plan in the file PLAN to API mode: aws-auth is not asked any more.
    There is no way back.

    Verifies every principal, judges the gates (an unknown one is closed), asks for the cluster's
    name, switches, and verifies again.
    """
    from migrator.app.cut_over import CutOverRequest, cut_over
    from migrator.render.cut_over import cut_over_document, cut_over_text

    settings = settings_of(ctx)
    plan, digest = read_plan(plan_file)
    answers = decisions_in(given["decisions"])
    request = CutOverRequest(
        plan=plan, digest=digest, answers=answers, **request_fields(CutOverRequest, given)
    )
    outcome = cut_over(request, operator_of(settings, yes=given["yes"], typed=given["confirm"]))
    output = output_of(settings)
    output.show_effect(
        document=lambda: cut_over_document(plan, outcome),
        table=lambda: cut_over_text(plan, outcome, width=output.width, color=output.color),
    )
    if outcome.error is not None:
        raise outcome.error
    return outcome.exit_code
