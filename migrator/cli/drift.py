"""``migrate drift``: what changed since the plan was carried out, or since the access was saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from migrator.render.drift_commands import OwnCommands


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
    named = _Named(settings, plan_or_cluster, found, is_plan=not isinstance(of, str))
    lines = named.settling()
    do = named.after()
    note = named.note(lines)

    def table() -> str:
        text = drift_text(found, lines, note=note, width=output.width, color=output.color)
        return below(text, do)

    output.show(
        document=lambda: drift_to_document(found, lines, do),
        table=table,
        markdown=lambda: drift_markdown(found, lines, do, note=note),
    )
    return found.exit_code(detailed=detailed_exitcode)


@dataclass(frozen=True, slots=True)
class _Named:
    """The commands of a drift as lines to copy. ``given``: the plan or cluster as it was named."""

    settings: Settings
    given: str
    found: DriftOutcome
    is_plan: bool

    @property
    def there(self) -> Settings:
        """The settings with which the cluster's name means this cluster."""
        at = self.found.cluster
        return in_its_region(self.settings, self.given, at.name, at.region)

    def settling(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """What settles each finding."""
        from migrator.render.drift_commands import own_commands

        own = own_commands(self.found.cluster.name)
        return settling_lines(self.there, self.found, own, self.settings.profile)

    def note(self, lines: Mapping[tuple[str, str], Sequence[str]]) -> str:
        """Whose credentials the AWS CLI needs: it takes no role on its command line."""
        role = self.settings.assume_role
        if not role or not calls_aws(lines):
            return ""
        return f"The aws commands are meant for {role[-1]}: assume that role before them."

    def after(self) -> list[str]:
        """What reads more, then what accepts the access as it is after the other commands."""
        from migrator.render.drift_commands import own_commands

        cluster = self.found.cluster.name
        commands = [_again(each.command, self.given) for each in self.found.unknown]
        # To accept what changed is always another answer.
        if self.found.findings:
            commands.append(own_commands(cluster).accept)
            # A plan stays as it is: what was accepted is compared with by the cluster's name.
            if self.is_plan:
                commands.append(("drift", cluster))
        return [*dict.fromkeys(command_lines(self.there, commands, self.given, {}))]


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
    own: "OwnCommands",
    profile: str | None = None,
) -> dict[tuple[str, str], tuple[str, ...]]:
    """What settles each finding, as lines to copy. ``profile``: that of the AWS CLI."""
    from migrator.render.drift_commands import Settle, settling_commands
    from migrator.render.escape import shell

    more = f" --profile={shell(profile)}" if profile else ""

    def line(each: Settle) -> str:
        if isinstance(each, str):
            return f"{each}{more}"
        return command_lines(settings, [each], "PLAN", {})[0]

    commands = settling_commands(found, own)
    return {key: tuple(map(line, lines)) for key, lines in commands.items()}


def calls_aws(lines: Mapping[tuple[str, str], Sequence[str]]) -> bool:
    """Whether any of the lines is a command of the AWS CLI."""
    return any(line.startswith("aws ") for commands in lines.values() for line in commands)
