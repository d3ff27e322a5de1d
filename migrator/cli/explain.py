"""``migrate explain``: one principal of a plan in full."""

from typing import Any

import click

from migrator.cli.files import read_json, read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import plan_argument
from migrator.cli.terminal import output_of


@click.command(
    "explain", cls=MigrateCommand, short_help="One principal: what it is, what it will be, and why."
)
@plan_argument
@click.argument("principal")
@click.option(
    "--snapshot", metavar="FILE", help="The snapshot of the plan: it tells the lines of the rows."
)
@click.pass_context
def command(ctx: click.Context, /, plan_file: str, principal: str, snapshot: str | None) -> None:
    """Explain what the plan in the file PLAN does with PRINCIPAL, and why.

    PRINCIPAL is an ARN (as IAM, aws-auth or a session spells it), the end of one (role/ci/runner,
    runner), or a row (mapRoles[3]).
    """
    from migrator.app.explain import ExplainRequest, explain
    from migrator.model.files.plan import plan_to_document
    from migrator.render.explain import explain as explain_text
    from migrator.render.explain import explanation_document

    plan, _ = read_plan(plan_file)
    read = (
        None
        if snapshot is None
        else read_json(snapshot, "The snapshot file", "snapshot-unreadable")
    )
    told = explain(ExplainRequest(plan=plan, principal=principal, snapshot=read))
    output = output_of(settings_of(ctx))

    def document() -> dict[str, Any]:
        principals = plan_to_document(plan)["principals"]
        return explanation_document(
            told, next(p for p in principals if p["principalArn"] == told.principal_arn)
        )

    output.show(
        document=document,
        table=lambda: explain_text(plan, told, width=output.width, color=output.color),
    )
