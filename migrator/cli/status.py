"""``migrate status``: where it stands, from the journal and the cluster."""

import re
from pathlib import Path

import click

from migrator.app.settings import Settings
from migrator.cli.answers import decisions_in
from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.options import decisions_option
from migrator.cli.terminal import output_of
from migrator.model.decision import CreatorAnswer
from migrator.model.outcome import StatusOutcome

_CLUSTER_NAME = re.compile(
    r"[0-9A-Za-z][0-9A-Za-z_-]*"
)  # EKS API reference, CreateCluster: no dot and no slash


@click.command("status", cls=MigrateCommand, short_help="Where the migration stands.")
@click.argument("plan_or_cluster", metavar="PLAN|CLUSTER")
@decisions_option
@click.pass_context
def command(ctx: click.Context, /, plan_or_cluster: str, *, decisions: str | None) -> int:
    """Show where the migration of a cluster stands: what is done, what is next, what is not known.

    A file is a plan; else it is the name of a cluster, whose plan is looked for in the state.
    """
    from migrator.render.status import status_document, status_text

    settings = settings_of(ctx)
    creator = decisions_in(decisions).creator
    status = (
        _of_cluster(settings, plan_or_cluster, creator)
        if is_cluster_name(plan_or_cluster)
        else _of_plan(settings, plan_or_cluster, creator)
    )
    output = output_of(settings)
    output.show(
        document=lambda: status_document(status),
        table=lambda: status_text(status, width=output.width, color=output.color),
    )
    return status.exit_code


def is_cluster_name(text: str) -> bool:
    """Whether an argument that is a plan or a cluster is the name of a cluster."""
    return not Path(text).is_file() and _CLUSTER_NAME.fullmatch(text) is not None


def _of_plan(settings: Settings, path: str, creator: CreatorAnswer | None) -> StatusOutcome:
    from migrator.app.connect import status_ports
    from migrator.run.show_status import show_status

    plan, digest = read_plan(path)
    ports = status_ports(operator_of(settings), plan.cluster)
    return show_status(plan.cluster.name, ports, plan, digest, creator)


def _of_cluster(settings: Settings, name: str, creator: CreatorAnswer | None) -> StatusOutcome:
    from migrator.app.connect import describe, status_ports
    from migrator.model.files.snapshot import cluster_ref
    from migrator.run.read_plan import read_plan as proven_plan
    from migrator.run.show_status import show_status

    ports = status_ports(operator_of(settings), cluster_ref(describe(settings, name)))
    content = ports.store.read("plan.json")
    if content is None:
        return show_status(name, ports)
    plan, digest = proven_plan(content)
    return show_status(name, ports, plan, digest, creator)
