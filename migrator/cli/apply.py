"""``migrate apply``: make the access entries of a plan. The same command continues after any
interruption.
"""

from typing import Any

import click

from migrator.cli.answers import decisions_in
from migrator.cli.commands_to_copy import options_again
from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import (
    as_option,
    break_lock_option,
    decisions_option,
    plan_argument,
    yes_option,
)
from migrator.cli.print_outcome import ended
from migrator.cli.request_fields import request_fields


@click.command(
    "apply",
    cls=MigrateCommand,
    short_help="Make the access entries of a plan; the same command resumes.",
)
@plan_argument
@yes_option
@click.option(
    "--only",
    metavar="PRINCIPAL",
    multiple=True,
    help="These principals only: ARN, an end of it, or row; may be repeated.",
)
@click.option(
    "--max-rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Writes per second.",
)
@click.option(
    "--keep-going", is_flag=True, help="A principal whose proof fails does not stop the others."
)
@click.option(
    "--abandon-rollback",
    is_flag=True,
    help="Go forward although a roll-back was started and did not finish.",
)
@decisions_option
@as_option
@break_lock_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Make the access entries of the plan in the file PLAN.

    Saves aws-auth and all entries first, switches access entries on (asked, because it is one-way),
    makes each entry in proven order, proves it, and undoes it immediately when its proof fails.
    """
    from migrator.app.apply import ApplyRequest, apply

    settings = settings_of(ctx)
    plan, digest = read_plan(given["plan_file"])
    answers = decisions_in(given["decisions"])
    request = ApplyRequest(
        plan=plan, digest=digest, answers=answers, **request_fields(ApplyRequest, given)
    )
    outcome = apply(request, operator_of(settings, yes=given["yes"]))
    rest = options_again(
        given,
        decisions="--decisions",
        become="--as",
        max_rate="--max-rate",
        keep_going="--keep-going",
    )
    only = options_again(given, only="--only")
    return ended(
        settings,
        plan,
        outcome,
        given["plan_file"],
        *only,
        *rest,
        rest=rest,
    )
