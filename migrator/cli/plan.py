"""``migrate plan``: the dry run. Reads, decides, shows; writes only what ``--out`` and
``--write-decisions`` name.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from migrator.app.settings import Settings
from migrator.cli import exit_codes
from migrator.cli.files import read_bytes, read_decisions, read_json, write_file
from migrator.cli.lazy import MigrateCommand, OutputFile, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import out_option, yes_option
from migrator.cli.settings import ALL_FORMATS
from migrator.cli.terminal import events_of, output_of
from migrator.model.outcome import PlanOutcome

if TYPE_CHECKING:
    from migrator.app.plan import Manifest, PlanRequest


@click.command(
    "plan",
    cls=MigrateCommand,
    formats=ALL_FORMATS,
    short_help="Decide what becomes of every principal: the dry run.",
)
@click.argument("cluster", required=False)
@click.option("--snapshot", metavar="FILE", help="Plan from a snapshot instead of a live cluster.")
@click.option(
    "--config-map",
    metavar="FILE",
    help="A first look at a file: aws-auth as kubectl prints it, an eksctl ClusterConfig, or the "
    "output of `eksctl get iamidentitymapping -o json`; all else is unknown.",
)
@click.option("--cluster-arn", metavar="ARN", help="Whose aws-auth the file of --config-map is.")
@click.option("--decisions", metavar="FILE", help="What people decided (decisions.yaml).")
@click.option(
    "--write-decisions",
    type=OutputFile(),
    metavar="FILE",
    help="Add a commented question to this file for every blocker.",
)
@click.option(
    "--strategy", default="preserve", show_default=True, type=click.Choice(["preserve", "policies"])
)
@click.option(
    "--target", default="API", show_default=True, type=click.Choice(["API", "API_AND_CONFIG_MAP"])
)
@click.option(
    "--accept-gap",
    is_flag=True,
    help="For operators who may not create bindings: administrators have no access for some "
    "seconds each.",
)
@click.option("--usage", metavar="FILE", help="Who logged in, as `migrate observe` wrote it.")
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do."
)
@out_option("Write the plan to this file; without it nothing is written.")
@yes_option
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's parameters
    """Decide what becomes of every principal of CLUSTER: access entries, findings, steps.

    Nothing is changed. The plan proves itself before it is shown: all steps are simulated, and
    planning again leaves nothing to do.
    """
    from migrator.app.plan import plan

    settings = settings_of(ctx)
    if sum(given[key] is not None for key in ("cluster", "snapshot", "config_map")) != 1:
        raise click.UsageError("Give one of CLUSTER, --snapshot FILE or --config-map FILE.", ctx)
    if (given["config_map"] is None) != (given["cluster_arn"] is None):
        raise click.UsageError("--config-map FILE and --cluster-arn ARN belong together.", ctx)
    return _finish(settings, given, plan(_request(given), operator_of(settings, yes=given["yes"])))


def _request(given: Mapping[str, Any]) -> "PlanRequest":
    from migrator.app.plan import PlanRequest

    usage = decisions = None
    of = _planned(given)
    if given["usage"] is not None:
        usage = read_json(given["usage"], "The usage file", "usage-unreadable")
    if given["decisions"]:
        decisions = read_decisions(given["decisions"])
    return PlanRequest(
        of=of,
        decisions=decisions,
        usage=usage,
        strategy=given["strategy"],
        target=given["target"],
        accept_gap=given["accept_gap"],
    )


def _planned(given: Mapping[str, Any]) -> "str | Mapping[str, Any] | Manifest":
    """What is planned: the name of a cluster, a snapshot, or a manifest."""
    from migrator.app.plan import Manifest
    from migrator.model.aws_auth import MAX_FILE_BYTES

    if given["snapshot"] is not None:
        return read_json(given["snapshot"], "The snapshot file", "snapshot-unreadable")
    if given["config_map"] is not None:
        content = read_bytes(given["config_map"], "The ConfigMap file", limit=MAX_FILE_BYTES)
        return Manifest(content=content, cluster_arn=given["cluster_arn"])
    return str(given["cluster"])


def _finish(settings: Settings, given: Mapping[str, Any], outcome: PlanOutcome) -> int:
    from migrator.cli.show import show_plan
    from migrator.model.files.wire import indented

    events = events_of(settings)
    for line in outcome.said:
        events.say("info", line, event="notice")
    if given["out"] != "-":
        show_plan(output_of(settings), outcome)
    if given["out"] is not None:
        write_file(given["out"], indented(outcome.content))
        if given["out"] != "-":
            from migrator.cli.plan_folder import remember

            remember(given["out"], outcome.digest, given["decisions"], settings.reader_role)
        events.say("done", f"plan written to {given['out']}", event="file-written")
    if given["write_decisions"] is not None:
        from migrator.cli.decisions import write_questions

        events.say(
            "done", write_questions(given["write_decisions"], outcome.plan), event="file-written"
        )
    if given["detailed_exitcode"] and outcome.plan.steps and not outcome.plan.blocked:
        return exit_codes.CHANGES_PENDING
    return outcome.exit_code
