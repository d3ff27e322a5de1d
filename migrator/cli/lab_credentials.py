"""``migrate lab credentials``: be any principal of the lab."""

from pathlib import Path

import click

from migrator.cli.lab_place import lab_directory_option, resolved, show_environment
from migrator.cli.lazy import MigrateCommand
from migrator.errors import Failed

_VARIABLES = {
    "AccessKeyId": "AWS_ACCESS_KEY_ID",
    "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "SessionToken": "AWS_SESSION_TOKEN",
}


@click.command("credentials", cls=MigrateCommand, short_help="The same as any principal of the lab.")
@click.argument("principal")
@lab_directory_option
@click.pass_context
def command(ctx: click.Context, /, principal: str, lab_dir: str) -> None:
    """Print shell lines that make this shell use the lab as PRINCIPAL: an ARN, or the end of one."""
    directory = resolved(lab_dir)
    show_environment(ctx, environment_as(directory, find_principal(directory, principal)))


def environment_as(directory: Path, arn: str) -> dict[str, str]:
    """The lab's variables with a principal's credentials instead of the operator's."""
    from migrator.lab.lab_client import credentials_of, lab_environment

    others = {key: value for key, value in lab_environment(directory).items() if key not in _VARIABLES.values()}
    keys = credentials_of(directory, arn)
    return others | {_VARIABLES[name]: value for name, value in keys.items()}


def find_principal(directory: Path, wanted: str) -> str:
    """The one principal of the lab that is meant. Raises ``principal-unknown``."""
    from migrator.lab.lab_client import lab_state

    known = list(lab_state(directory)["profiles"])
    found = [arn for arn in known if arn == wanted] or [
        arn for arn in known if arn.endswith(("/" + wanted, ":" + wanted))
    ]
    if len(found) == 1:
        return str(found[0])
    why = f"It may be {', '.join(found[:5])}." if found else f"There are {', '.join(known[:20])}."
    raise Failed("principal-unknown", f"{wanted} is not one principal of this lab.", why=why, remedy="Give the ARN.")
