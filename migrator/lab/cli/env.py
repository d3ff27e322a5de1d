"""``migrate lab env``: what a shell needs so that aws, boto3, kubectl and this tool use the lab."""

import click

from migrator.cli.lazy import MigrateCommand
from migrator.lab.cli.place import lab_directory_option, resolved, show_environment


@click.command("env", cls=MigrateCommand, short_help="Print what a shell needs to use the lab.")
@lab_directory_option
@click.pass_context
def command(ctx: click.Context, /, lab_dir: str) -> None:
    """Print shell lines that make this shell use the lab as its operator: eval "$(migrate lab
    env)".
    """
    from migrator.lab.lab_client import lab_environment

    show_environment(ctx, lab_environment(resolved(lab_dir)))
