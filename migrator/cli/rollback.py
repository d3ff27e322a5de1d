"""``migrate rollback``: until the cut-over, back to what was there."""

from collections.abc import Mapping
from typing import Any

import click

from migrator.app.settings import Settings
from migrator.cli.commands_to_copy import options_again
from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import break_lock_option, yes_option
from migrator.cli.print_outcome import ended
from migrator.cli.request_fields import request_fields
from migrator.cli.status import is_cluster_name
from migrator.cli.terminal import output_of


@click.command(
    "rollback", cls=MigrateCommand, short_help="Until the cut-over: back to what was there."
)
@click.argument("plan_or_cluster", metavar="PLAN|CLUSTER")
@click.option(
    "--leftovers",
    is_flag=True,
    help="Remove what runs of any plan left in the cluster and no entry needs; a cluster may be "
    "named, too.",
)
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
@break_lock_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Undo what runs of the plan in the file PLAN made, and restore what they changed.

    Nothing is deleted that a principal would miss: before each deletion aws-auth must give it what
    it had. Entries that EKS made stay, and so does the mode.

    --leftovers removes cluster-admin bindings, other bindings and marker groups of ours that a run
    left, of any plan and any state folder, after it has shown them and asked. What an entry, a run
    or a rehearsal that has not ended needs stays, and is named (exit code 7). So does what another
    writer changed while the question was open (exit code 5).
    """
    from migrator.app.roll_back import RollBackRequest, roll_back

    settings = settings_of(ctx)
    if given["leftovers"]:
        return _leftovers(settings, given)
    plan, digest = read_plan(given["plan_or_cluster"])
    request = RollBackRequest(plan=plan, digest=digest, **request_fields(RollBackRequest, given))
    outcome = roll_back(request, operator_of(settings, yes=given["yes"]))
    only, rest = options_again(given, only="--only"), options_again(given, max_rate="--max-rate")
    return ended(
        settings,
        plan,
        outcome,
        given["plan_or_cluster"],
        *only,
        *rest,
        rest=rest,
    )


def _leftovers(settings: Settings, given: Mapping[str, Any]) -> int:
    from migrator.app.connect import describe
    from migrator.app.roll_back import LeftoversRequest, remove_leftovers
    from migrator.model.files.snapshot import cluster_ref
    from migrator.render.leftovers import leftovers_document, leftovers_text

    operator = operator_of(settings, yes=given["yes"])
    plan_or_cluster = given["plan_or_cluster"]
    named = is_cluster_name(plan_or_cluster, settings)
    cluster = (
        cluster_ref(describe(settings, plan_or_cluster))
        if named
        else read_plan(plan_or_cluster)[0].cluster
    )
    request = LeftoversRequest(cluster=cluster, break_lock=given["break_lock"])
    outcome = remove_leftovers(request, operator)
    output = output_of(settings)
    output.show_effect(
        document=lambda: leftovers_document(outcome),
        table=lambda: leftovers_text(outcome, width=output.width, color=output.color),
    )
    return outcome.exit_code
