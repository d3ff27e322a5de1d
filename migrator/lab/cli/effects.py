"""``migrate lab effects``: every change that a client caused, in order."""

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import output_of
from migrator.lab.cli.place import lab_directory_option, resolved


@click.command("effects", cls=MigrateCommand, short_help="What clients have changed so far.")
@click.option(
    "--since", type=click.IntRange(min=0), default=0, metavar="N", help="Only those after number N."
)
@lab_directory_option
@click.pass_context
def command(ctx: click.Context, /, since: int, lab_dir: str) -> None:
    """List what clients have changed in the lab, oldest first."""
    from migrator.lab.lab_client import control
    from migrator.render.escape import terminal

    found = control(resolved(lab_dir), "GET", f"effects?since={since}")

    def table() -> str:
        lines = [
            f"{e['n']:>4}  {e['at'][:19]}  {e['operation']:<32}  {terminal(str(e['who']))}"
            for e in found["effects"]
        ]
        return "\n".join(lines) or "nothing yet"

    output_of(settings_of(ctx)).show(document=lambda: found, table=table)
