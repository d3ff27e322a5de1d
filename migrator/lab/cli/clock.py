"""``migrate lab clock``: lab time, on which propagation, updates, caches and logs run."""

from typing import Any

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import output_of
from migrator.lab.cli.place import lab_directory_option, resolved


@click.command("clock", cls=MigrateCommand, short_help="Show or step the lab's clock.")
@click.option("--advance", type=click.FloatRange(min=0), metavar="SECONDS", help="Step forward.")
@click.option("--freeze", is_flag=True, help="Stop it.")
@click.option("--thaw", is_flag=True, help="Let it run again.")
@lab_directory_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    advance: float | None,
    freeze: bool,
    thaw: bool,
    lab_dir: str,
) -> None:
    """Show the lab's clock, or step it, so that soak periods take no time. Signatures stay on
    machine time.
    """
    from migrator.lab.lab_client import control

    change: dict[str, Any] = {
        key: True for key, given in (("freeze", freeze), ("thaw", thaw)) if given
    }
    if advance is not None:
        change["advance"] = advance
    found = control(resolved(lab_dir), "POST" if change else "GET", "clock", change or None)
    output = output_of(settings_of(ctx))
    text = (
        f"{found['now']} ({found['offsetSeconds']:.0f} s "
        f"ahead{', frozen' if found['frozen'] else ''})"
    )
    output.show(document=lambda: found, table=lambda: text)
