"""``migrate explain``: one principal of a plan, told in full."""

from typing import Any

import click

from migrator.cli.files import read_json, read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import plan_argument
from migrator.cli.terminal import output_of
from migrator.errors import Failed


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
    from migrator.cli.show import lines_of_rows
    from migrator.decide.planning.explain import explain, principals_of
    from migrator.model.files.plan import plan_to_document
    from migrator.render.explain import explain as explain_text
    from migrator.render.explain import explanation_document, find_principal

    plan, _ = read_plan(plan_file)
    found = find_principal(plan, principal) or principals_of(plan, principal)
    if len(found) != 1:
        raise _not_one(principal, [each.principal_arn for each in found])
    read = (
        {} if snapshot is None else read_json(snapshot, "The snapshot file", "snapshot-unreadable")
    )
    told = explain(plan, found[0].principal_arn, lines=lines_of_rows(read.get("configMap")))
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


def _not_one(principal: str, found: list[str]) -> Failed:
    if not found:
        remedy = "`migrate show PLAN` lists its principals."
        return Failed(
            "principal-not-in-plan", f"The plan knows no principal {principal!r}.", remedy=remedy
        )
    why = f"It may be {', '.join(found[:5])}."
    return Failed(
        "principal-ambiguous",
        f"{principal!r} is not one principal.",
        why=why,
        remedy="Give the whole ARN.",
    )
