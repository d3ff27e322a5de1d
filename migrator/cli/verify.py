"""``migrate verify``: proof as each principal, by logging in as it."""

from collections.abc import Mapping
from typing import Any

import click

from migrator.cli.answers import decisions_in
from migrator.cli.commands_to_copy import below, command_lines, options_again
from migrator.cli.files import read_json, read_plan, write_file
from migrator.cli.lazy import MigrateCommand, OutputFile, settings_of
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
from migrator.cli.settings import ALL_FORMATS
from migrator.cli.terminal import output_of, warn_of_output
from migrator.errors import MigratorError


@click.command(
    "verify", cls=MigrateCommand, formats=ALL_FORMATS, short_help="Prove access as each principal."
)
@plan_argument
@click.option(
    "--only",
    metavar="PRINCIPAL",
    multiple=True,
    help="These principals only: ARN, an end of it, or row; may be repeated.",
)
@click.option("--baseline", is_flag=True, help="Take what is before apply, and judge nothing.")
@click.option(
    "--probes", "own_probes", metavar="FILE", help="Ask these questions, too (YAML or JSON)."
)
@click.option(
    "--max-probes",
    "probes",
    type=click.IntRange(1, 500),
    default=30,
    show_default=True,
    help="Chosen per principal.",
)
@click.option(
    "--usage",
    metavar="FILE",
    help="Take logins from what `migrate observe` wrote, not from the logs.",
)
@click.option(
    "--junit", type=OutputFile(), metavar="FILE", help="Write the verdicts as JUnit XML, too."
)
@canary_options
@decisions_option
@as_option
@break_lock_option
@yes_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Log in as each principal of the plan in the file PLAN with a fresh token, and ask what it may
    do.

    Impersonation would not see access policies, so no principal is impersonated: roles are assumed,
    and --as or verify_as in decisions.yaml names profiles for principals that cannot be assumed.
    Nodes are watched: their leases and their own logins. For a principal without credentials the
    control-plane logs are searched. --canary-pods shows Fargate roles without pods, and is the only
    way in which this command changes anything.
    """
    from migrator.app.verify import VerifyRequest, verify
    from migrator.render.commands_to_settle import commands_of_verify
    from migrator.render.verdicts import verdict_document, verdict_markdown, verdict_table

    settings = settings_of(ctx)
    plan, digest = read_plan(given["plan_file"])
    answers = decisions_in(given["decisions"])
    request = VerifyRequest(plan=plan, digest=digest, answers=answers, **_fields(given))
    outcome = verify(request, operator_of(settings, yes=given["yes"]))
    output = output_of(settings)
    again = {"status": options_again(given, decisions="--decisions")}
    do = command_lines(settings, commands_of_verify(outcome), given["plan_file"], again)

    def table() -> str:
        return below(verdict_table(plan, outcome, width=output.width, color=output.color), do)

    output.show_effect(
        document=lambda: {**verdict_document(plan, outcome), "commands": do},
        table=table,
        markdown=lambda: verdict_markdown(plan, outcome),
    )
    if given["junit"] is not None:
        from migrator.render.junit import junit

        try:
            write_file(given["junit"], junit(plan, outcome).encode())
        except MigratorError as error:
            warn_of_output(given["junit"], error)
    return outcome.exit_code


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the request; files that options name are read."""
    from migrator.app.verify import VerifyRequest
    from migrator.cli.own_probes import read_probes
    from migrator.model.files.snapshot import decode_usage

    found = request_fields(VerifyRequest, given)
    if given["usage"] is not None:
        found["usage"] = decode_usage(
            read_json(given["usage"], "The usage file", "usage-unreadable")
        )
    questions = given["own_probes"]
    found["own_probes"] = () if questions is None else read_probes(questions)
    return found
