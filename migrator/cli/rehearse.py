"""``migrate rehearse``: a reversible dress rehearsal of API mode."""

from typing import Any

import click

from migrator.cli.answers import decisions_in
from migrator.cli.commands_to_copy import below, command_lines, options_again
from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import (
    as_option,
    break_lock_option,
    decisions_option,
    image_option,
    length_option,
    plan_argument,
    yes_option,
)
from migrator.cli.request_fields import request_fields
from migrator.cli.terminal import output_of


@click.command(
    "rehearse",
    cls=MigrateCommand,
    short_help="Try API mode, reversibly: aws-auth blanked and put back.",
)
@plan_argument
@length_option
@image_option(required=False)
@decisions_option
@as_option
@break_lock_option
@click.option(
    "--accept-timer-reach",
    is_flag=True,
    help="Rehearse also where it is not known whether network policies let the timer reach the API "
    "server: then aws-auth may stay blank when this process dies.",
)
@yes_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Blank aws-auth on the cluster of the plan in the file PLAN, watch, and put it back: the
    logins are those of API mode.

    A Job in the cluster runs first and puts the map back if this process dies. On a node without
    its lease, a refused login or a change of aws-auth by another writer this command puts it back
    immediately. Under 20 minutes it is no evidence. --image may be left out where all that is done
    is to put back what an interrupted rehearsal left.
    """
    from migrator.app.rehearse import RehearseRequest, rehearse
    from migrator.render.commands_to_settle import commands_of_rehearsal
    from migrator.render.rehearsal import rehearsal_document, rehearsal_text

    settings = settings_of(ctx)
    plan, digest = read_plan(given["plan_file"])
    answers = decisions_in(given["decisions"])
    request = RehearseRequest(
        plan=plan, digest=digest, answers=answers, **request_fields(RehearseRequest, given)
    )
    outcome = rehearse(request, operator_of(settings, yes=given["yes"]))
    output = output_of(settings)
    # As it was asked for: --for is a length with a unit on the command line.
    seconds = int(given["length"].total_seconds())
    again = (
        *("--for", f"{seconds}s"),
        *options_again(
            given,
            image="--image",
            decisions="--decisions",
            become="--as",
            accept_timer_reach="--accept-timer-reach",
        ),
    )
    commands = commands_of_rehearsal(outcome)
    more = {"rehearse": again, "status": options_again(given, decisions="--decisions")}
    do = command_lines(settings, commands, given["plan_file"], more)

    def table() -> str:
        return below(rehearsal_text(plan, outcome, width=output.width, color=output.color), do)

    output.show_effect(
        document=lambda: {**rehearsal_document(plan, outcome), "commands": do}, table=table
    )
    if outcome.error is not None:
        raise outcome.error
    return outcome.exit_code
