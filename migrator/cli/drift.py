"""``migrate drift``: what changed since the plan was carried out, or since the access was saved."""

import click

from migrator.app.settings import Settings
from migrator.cli.answers import decisions_in
from migrator.cli.commands_to_copy import below, command_lines, in_its_region
from migrator.cli.files import read_bytes, read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import decisions_option, yes_option
from migrator.cli.settings import ALL_FORMATS
from migrator.cli.status import is_cluster_name
from migrator.cli.terminal import output_of
from migrator.model.drift import DriftOutcome


@click.command(
    "drift", cls=MigrateCommand, formats=ALL_FORMATS, short_help="What changed since the migration."
)
@click.argument("plan_or_cluster", metavar="PLAN|CLUSTER")
@click.option(
    "--against",
    metavar="FILE",
    help="Compare CLUSTER with this access document, which `migrate access` wrote. [the access "
    "that access --save kept in the state, else the plan there]",
)
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit code 2 where anything changed, instead of 0."
)
@decisions_option
@yes_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    plan_or_cluster: str,
    *,
    against: str | None,
    detailed_exitcode: bool,
    decisions: str | None,
    yes: bool,
) -> int:
    """Show what changed since the plan in the file PLAN was carried out, or in CLUSTER since its
    access was saved; nothing is changed.

    Named are access entries that were added, deleted or changed, entries whose principal was
    deleted or made again, roles of IAM Identity Center with their successor, rows of aws-auth, and
    entries that EKS made; each with the commands that settle it. What cannot be read is unknown,
    and the exit code is 1 then.
    """
    from migrator.app.drift import DriftRequest, SavedAccess, drift
    from migrator.model.files.access_document import drift_to_document
    from migrator.render.drift import drift_markdown, drift_text, with_changes
    from migrator.render.drift_commands import accepting

    settings = settings_of(ctx)
    of = (
        plan_or_cluster
        if is_cluster_name(plan_or_cluster, settings)
        else read_plan(plan_or_cluster)
    )
    if against is not None and not isinstance(of, str):
        raise click.UsageError("--against is for a CLUSTER: a PLAN is what it is compared with.")
    saved = None
    if against is not None:
        name = "Standard input" if against == "-" else against
        saved = SavedAccess(read_bytes(against, "The access document"), name)
    request = DriftRequest(of=of, against=saved, answers=decisions_in(decisions))
    found = with_changes(drift(request, operator_of(settings, yes=yes)))
    output = output_of(settings)
    at = found.cluster
    there = in_its_region(settings, plan_or_cluster, at.name, at.region)
    lines = settling_lines(there, found)
    asked = [_again(each.command, plan_or_cluster) for each in found.unknown]
    # To accept what changed is always another answer.
    if found.findings:
        asked.append(accepting(found))
    do = dict.fromkeys(command_lines(there, asked, plan_or_cluster, {}))

    def table() -> str:
        return below(drift_text(found, lines, width=output.width, color=output.color), do)

    output.show(
        document=lambda: drift_to_document(found, lines),
        table=table,
        markdown=lambda: drift_markdown(found, lines),
    )
    return found.exit_code(detailed=detailed_exitcode)


def _again(
    command: tuple[str, ...],
    of: str,
) -> tuple[str, ...]:
    """A command that reads more, as a drift: ``access CLUSTER --reader-role ROLE``."""
    if command[:1] == ("access",) and "--save" not in command:
        return ("drift", of, *command[2:])
    return command


def settling_lines(
    settings: Settings,
    found: DriftOutcome,
) -> dict[tuple[str, str], tuple[str, ...]]:
    """What settles each finding, as lines to copy."""
    from migrator.render.drift_commands import Settle, settling_commands

    def line(each: Settle) -> str:
        return each if isinstance(each, str) else command_lines(settings, [each], "PLAN", {})[0]

    return {key: tuple(map(line, commands)) for key, commands in settling_commands(found).items()}
