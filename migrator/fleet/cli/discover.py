"""``migrate fleet discover``: who answers, and what is there."""

import click

from migrator.cli import exit_codes
from migrator.cli.lazy import MigrateCommand, OutputFile, settings_of
from migrator.fleet.cli.options import fleet_argument


@click.command(
    "discover",
    cls=MigrateCommand,
    short_help="Which accounts answer, and which clusters are in them.",
)
@fleet_argument
@click.option(
    "--cluster",
    "clusters",
    metavar="CLUSTER",
    multiple=True,
    help="Only this cluster: its ARN, ACCOUNT/REGION/NAME as tables print it, or its name; may be "
    "repeated.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    help="Accounts and Regions to read concurrently.",
)
@click.option(
    "--accounts-out",
    type=OutputFile(),
    metavar="FILE",
    help="Write the accounts as a c7n-org accounts file, too.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    fleet_file: str,
    clusters: tuple[str, ...],
    concurrency: int | None,
    accounts_out: str | None,
) -> int:
    """Ask every account of FLEET in every Region for its clusters, and write the inventory into the
    state.

    An account that is denied, unreachable or empty says so, with the reason: it is never just
    missing.
    """
    from migrator.cli.operator import operator_of
    from migrator.cli.terminal import output_of
    from migrator.fleet.app.asked import Asked
    from migrator.fleet.app.discover import discover
    from migrator.fleet.app.request import FleetRequest
    from migrator.fleet.cli.files import read_fleet
    from migrator.fleet.model.files.records import inventory_to_document
    from migrator.fleet.render.text import inventory_text

    settings = settings_of(ctx)
    request = FleetRequest(file=read_fleet(fleet_file), asked=Asked(clusters, concurrency))
    inventory = discover(request, operator_of(settings))
    if accounts_out is not None:
        from migrator.cli.files import write_file
        from migrator.fleet.render.accounts import accounts_document
        from migrator.model.files.yaml_text import yaml_text

        write_file(accounts_out, yaml_text(accounts_document(inventory)).encode())
    output = output_of(settings)
    output.show(
        document=lambda: inventory_to_document(inventory),
        table=lambda: inventory_text(inventory, width=output.width, color=output.color),
    )
    return exit_codes.DONE if inventory.complete else exit_codes.FLEET_INCOMPLETE
