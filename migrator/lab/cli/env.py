"""``migrate lab env``: what a shell needs so that aws, boto3, kubectl and this tool use the lab."""

import click

from migrator.cli.lazy import MigrateCommand
from migrator.lab.cli.place import lab_directory_option, resolved, show_environment, show_unset


@click.command("env", cls=MigrateCommand, short_help="Print what a shell needs to use the lab.")
@click.option(
    "--unset", is_flag=True, help="Print how the shell gets back what it had before the lab."
)
@lab_directory_option
@click.pass_context
def command(ctx: click.Context, /, *, unset: bool, lab_dir: str) -> None:
    """Print shell lines that make this shell use the lab as its operator: eval "$(migrate lab
    env)". With --unset they make it leave the lab, which need not run any more.
    """
    from migrator.lab.lab_client import lab_environment, refuse_dead_lab

    directory = resolved(lab_dir)
    if unset:
        show_unset(ctx, directory)
        return
    refuse_dead_lab(directory)
    show_environment(ctx, lab_environment(directory))
