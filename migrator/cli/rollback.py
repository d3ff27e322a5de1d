"""``migrate rollback``: until the cut-over, back to what was there."""

import click

from migrator.cli.ended import ended
from migrator.cli.files import read_plan
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import break_lock_option, plan_argument


@click.command("rollback", cls=MigrateCommand, short_help="Until the cut-over: back to what was there.")
@plan_argument
@click.option("--only", metavar="ARN", multiple=True, help="These principals only; may be repeated.")
@click.option("--max-rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Writes per second.")
@break_lock_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    plan_file: str,
    *,
    only: tuple[str, ...],
    max_rate: float | None,
    break_lock: str | None,
) -> int:
    """Take back what runs of the plan in the file PLAN made, and restore what they changed.

    Nothing is deleted that a principal would miss: before each deletion aws-auth must give it what it had. Entries
    that EKS made stay, and so does the mode.
    """
    from migrator.cli.wiring import run_ports
    from migrator.run.roll_back import RollBackOptions, roll_back

    settings = settings_of(ctx)
    plan, digest = read_plan(plan_file)
    options = RollBackOptions(only=only, max_rate=max_rate)
    ports = run_ports(settings, plan, break_lock=break_lock)
    return ended(settings, plan, roll_back(plan, digest, ports, options))
