"""``migrate cutover``: all gates, the cluster's name typed again, the switch, verification."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from migrator.app.settings import Settings
from migrator.cli.answers import decisions_in
from migrator.cli.commands_to_copy import below, command_lines, options_again, where_planned
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

if TYPE_CHECKING:
    from migrator.model.outcome import CutOverOutcome
    from migrator.model.plan import Plan


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
    do = _commands(settings, plan, outcome, plan_file, given)

    def table() -> str:
        return below(cut_over_text(plan, outcome, width=output.width, color=output.color), do)

    output.show_effect(
        document=lambda: {**cut_over_document(plan, outcome), "commands": do}, table=table
    )
    if outcome.error is not None:
        raise outcome.error
    return outcome.exit_code


def _commands(
    settings: Settings,
    plan: "Plan",
    outcome: "CutOverOutcome",
    plan_file: str,
    given: Mapping[str, Any],
) -> list[str]:
    """The commands that go further. The name is not part of one: it is typed each time."""
    from migrator.render.commands_to_settle import commands_of_cut_over

    decisions = options_again(given, decisions="--decisions")
    answers = (*decisions, *options_again(given, become="--as"))
    canaries = options_again(given, canary_pods="--canary-pods") and options_again(
        given, canary_pods="--canary-pods", canary_image="--canary-image"
    )
    more = {
        **where_planned(settings, plan, *decisions),
        "status": decisions,
        **dict.fromkeys(("apply", "rehearse"), answers),
        "verify": (*answers, *canaries),
        "cutover": (*answers, *canaries, *options_again(given, gates_only="--gates")),
    }
    commands = commands_of_cut_over(outcome, plan.cluster.name)
    return command_lines(settings, commands, plan_file, more)
