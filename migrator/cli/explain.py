"""``migrate explain``: one principal of a plan in full, or what a code means."""

import os
from typing import Any

import click

from migrator.cli.files import read_json, read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import output_of


@click.command(
    "explain",
    cls=MigrateCommand,
    short_help="One principal of a plan, or what a code means and what to do.",
)
@click.argument("plan_or_code", metavar="PLAN|CODE")
@click.argument("principal", required=False)
@click.option(
    "--snapshot", metavar="FILE", help="The snapshot of the plan: it tells the lines of the rows."
)
@click.pass_context
def command(
    ctx: click.Context, /, plan_or_code: str, principal: str | None, snapshot: str | None
) -> None:
    """Explain what the plan in the file PLAN does with PRINCIPAL, and why; or what the CODE of a
    finding or of an error means, and what to do about it.

    PRINCIPAL is an ARN (as IAM, aws-auth or a session spells it), the end of one (role/ci/runner,
    runner), or a row (mapRoles[3]). CODE is the text in brackets behind an error, or the code of a
    finding: migrate explain plan-blocked.
    """
    if principal is None:
        _explain_code(ctx, plan_or_code)
        return
    _explain_principal(ctx, plan_or_code, principal, snapshot)


def _explain_code(ctx: click.Context, code: str) -> None:
    from migrator.app.explain_code import explain_code
    from migrator.render.code_meaning import code_document, code_text

    # No code has a dot or a slash, so that this is a plan, and the principal was left out.
    # The path of a file may be too long to be one, for which `Path.is_file` raises.
    if os.path.isfile(code) or not {".", "/"}.isdisjoint(code):  # noqa: PTH113
        message = f"Which principal of the plan? Give: migrate explain {code} PRINCIPAL"
        raise click.UsageError(message, ctx)
    meanings = explain_code(code)
    output = output_of(settings_of(ctx))
    output.show(
        document=lambda: code_document(meanings),
        table=lambda: code_text(meanings, width=output.width),
    )


def _explain_principal(
    ctx: click.Context, plan_file: str, principal: str, snapshot: str | None
) -> None:
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
