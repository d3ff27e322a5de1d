"""``migrate retire``: delete the aws-auth that EKS no longer asks."""

from typing import Any

import click

from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import break_lock_option, plan_argument, yes_option
from migrator.cli.print_outcome import ended
from migrator.cli.request_fields import request_fields


@click.command(
    "retire", cls=MigrateCommand, short_help="Delete the inert aws-auth after the cut-over."
)
@plan_argument
@yes_option
@break_lock_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Back up and delete the ConfigMap aws-auth of the cluster of the plan in the file PLAN, after
    the cut-over.
    """
    from migrator.app.retire import RetireRequest, retire

    settings = settings_of(ctx)
    plan, digest = read_plan(given["plan_file"])
    request = RetireRequest(plan=plan, digest=digest, **request_fields(RetireRequest, given))
    outcome = retire(request, operator_of(settings, yes=given["yes"]))
    return ended(settings, plan, outcome, given["plan_file"])
