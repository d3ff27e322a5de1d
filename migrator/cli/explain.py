"""``migrate explain``: one principal of a plan, told in full."""

import click

from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import plan_argument
from migrator.cli.terminal import output_of
from migrator.errors import Failed


@click.command("explain", cls=MigrateCommand, short_help="One principal: what it is, what it will be, and why.")
@plan_argument
@click.argument("principal")
@click.pass_context
def command(ctx: click.Context, /, plan_file: str, principal: str) -> None:
    """Explain what the plan in the file PLAN does with PRINCIPAL, and why.

    PRINCIPAL is an ARN, the end of one (role/ci/runner, runner), or a row (mapRoles[3]).
    """
    from migrator.model.files.plan import plan_to_document
    from migrator.render.explain import explain, find_principal

    plan, _, _ = read_plan(plan_file)
    found = find_principal(plan, principal)
    if len(found) != 1:
        raise _not_one(principal, [each.principal_arn for each in found])
    output = output_of(settings_of(ctx))
    arn = found[0].principal_arn
    output.show(
        document=lambda: next(each for each in plan_to_document(plan)["principals"] if each["principalArn"] == arn),
        table=lambda: explain(plan, found[0], width=output.width, color=output.color),
    )


def _not_one(principal: str, found: list[str]) -> Failed:
    if not found:
        remedy = "`migrate show PLAN` lists its principals."
        return Failed("principal-not-in-plan", f"The plan knows no principal {principal!r}.", remedy=remedy)
    why = f"It may be {', '.join(found[:5])}."
    return Failed("principal-ambiguous", f"{principal!r} is not one principal.", why=why, remedy="Give the whole ARN.")
