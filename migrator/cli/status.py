"""``migrate status``: where it stands, from the journal and the cluster."""

import re
from dataclasses import replace
from pathlib import Path

import click

from migrator.app.settings import Settings
from migrator.cli.answers import decisions_in
from migrator.cli.commands_to_copy import below, command_lines, in_its_region, where_planned
from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import decisions_option, yes_option
from migrator.cli.terminal import output_of

_TAKE_DECISIONS = ("apply", "verify", "cutover", "rehearse", "plan")
_CLUSTER_NAME = re.compile(
    r"(arn:[a-z-]+:eks:[a-z0-9-]+:\d{12}:cluster/)?[0-9A-Za-z][0-9A-Za-z_-]*"
)  # EKS API reference, CreateCluster: no dot and no slash


@click.command("status", cls=MigrateCommand, short_help="Where the migration stands.")
@click.argument("plan_or_cluster", metavar="PLAN|CLUSTER")
@decisions_option
@yes_option
@click.pass_context
def command(
    ctx: click.Context, /, plan_or_cluster: str, *, decisions: str | None, yes: bool
) -> int:
    """Show where the migration of a cluster stands: what is done, what is next, what is not known.

    A file is a plan; else it is the name or the ARN of a cluster, whose plan is looked for in the
    state.
    """
    from migrator.app.status import StatusRequest, status
    from migrator.render.commands_to_settle import commands_of_status, into_new_file
    from migrator.render.escape import shell
    from migrator.render.status import status_document, status_text

    settings = settings_of(ctx)
    creator = decisions_in(decisions).creator
    of = (
        plan_or_cluster
        if is_cluster_name(plan_or_cluster, settings)
        else read_plan(plan_or_cluster)
    )
    standing = status(StatusRequest(of=of, creator=creator), operator_of(settings, yes=yes))
    output = output_of(settings)
    plan_file = f"{standing.state}/plan.json" if isinstance(of, str) else plan_or_cluster
    more = {} if isinstance(of, str) else where_planned(settings, of[0])
    commands = commands_of_status(standing)
    if decisions is not None:
        for name in _TAKE_DECISIONS:
            more[name] = (*more.get(name, ()), "--decisions", decisions)
    fetch: list[str] = []
    # No command reads a plan from a bucket.
    if plan_file.startswith("s3://"):
        fetch, plan_file = [f"aws s3 cp {shell(plan_file)} plan.json"], "plan.json"
    if isinstance(of, str):
        commands = tuple(into_new_file(commands))
    there = settings
    if isinstance(of, str):
        there = in_its_region(settings, of, standing.cluster, standing.region)
    do = command_lines(there, commands, plan_file, more)
    do = [*fetch, *do] if do else []
    # The commands are chosen by the words; people read the name of the file.
    standing = replace(
        standing, next=re.sub(r"\bPLAN\b", lambda _: shell(plan_file), standing.next)
    )

    def table() -> str:
        return below(status_text(standing, width=output.width, color=output.color), do)

    output.show(document=lambda: {**status_document(standing), "commands": do}, table=table)
    return standing.exit_code


def is_cluster_name(text: str, settings: Settings) -> bool:
    """Whether an argument that is a plan or a cluster is the name, the ARN or a kubectl context of
    a cluster.
    """
    from migrator.app.cluster_meant import is_context

    if Path(text).is_file():
        return False
    return _CLUSTER_NAME.fullmatch(text) is not None or is_context(settings, text)
