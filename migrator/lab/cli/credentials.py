"""``migrate lab credentials``: be any principal of the lab."""

from pathlib import Path

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import output_of
from migrator.errors import Failed
from migrator.lab.cli.place import lab_directory_option, resolved, show_environment

_VARIABLES = {
    "AccessKeyId": "AWS_ACCESS_KEY_ID",
    "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "SessionToken": "AWS_SESSION_TOKEN",
}


@click.command(
    "credentials", cls=MigrateCommand, short_help="The same as any principal of the lab."
)
@click.argument("principal", required=False)
@click.option(
    "--verify-as", is_flag=True, help="Print verify_as for decisions.yaml: who cannot be assumed."
)
@lab_directory_option
@click.pass_context
def command(ctx: click.Context, /, principal: str | None, *, verify_as: bool, lab_dir: str) -> None:
    """Print shell lines that make this shell use the lab as PRINCIPAL: an ARN, or the end of one.
    Without it, the principals are listed with their AWS profiles, which exist once the lab's
    environment is in use.
    """
    directory = resolved(lab_dir)
    if principal is None:
        _show_profiles(ctx, directory, verify_as=verify_as)
        return
    if verify_as:
        raise click.UsageError("--verify-as is about every principal: leave PRINCIPAL out.", ctx)
    show_environment(ctx, environment_as(directory, find_principal(directory, principal)))


def _show_profiles(ctx: click.Context, directory: Path, *, verify_as: bool) -> None:
    from migrator.lab.lab_client import lab_state
    from migrator.render.escape import terminal

    profiles = {str(arn): str(name) for arn, name in lab_state(directory)["profiles"].items()}
    output = output_of(settings_of(ctx))
    if verify_as:
        ways = {arn: name for arn, name in profiles.items() if _is_a_person(arn)}
        document = {"verify_as": {arn: {"profile": name} for arn, name in sorted(ways.items())}}
        output.show(
            document=lambda: document, table=lambda: f"verify_as:\n{ways_to_log_in(directory)}"
        )
        return
    width = max((len(name) for name in profiles.values()), default=0)
    lines = [
        f"{terminal(name):<{min(width, 40)}}  {terminal(arn)}" for arn, name in profiles.items()
    ]
    output.show(document=lambda: {"profiles": profiles}, table=lambda: "\n".join(lines))


def ways_to_log_in(directory: Path) -> str:
    """``verify_as`` lines: a profile for every principal that the operator cannot log in as by
    assuming a role.
    """
    from migrator.lab.lab_client import lab_state
    from migrator.model.files.yaml_text import quoted

    profiles = dict(lab_state(directory)["profiles"])
    ways = sorted((arn, name) for arn, name in profiles.items() if _is_a_person(arn))
    return (
        "\n".join(f"  {quoted(arn)}: {{profile: {quoted(name)}}}" for arn, name in ways) or "  {}"
    )


def _is_a_person(arn: str) -> bool:
    """People have keys of their own, or come from IAM Identity Center."""
    return ":user/" in arn or "/aws-reserved/" in arn


def environment_as(directory: Path, arn: str) -> dict[str, str]:
    """The lab's variables with a principal's credentials instead of the operator's."""
    from migrator.lab.lab_client import credentials_of, lab_environment

    others = {
        key: value
        for key, value in lab_environment(directory).items()
        if key not in _VARIABLES.values()
    }
    keys = credentials_of(directory, arn)
    return others | {_VARIABLES[name]: value for name, value in keys.items()}


def find_principal(directory: Path, wanted: str) -> str:
    """The one principal of the lab that is meant. Raises ``principal-unknown``."""
    from migrator.lab.lab_client import lab_state
    from migrator.model.principal_names import arns_meant, did_you_mean

    known = [str(arn) for arn in lab_state(directory)["profiles"]]
    found = arns_meant(known, wanted)
    if len(found) == 1:
        return found[0]
    why = f"It may be {', '.join(found[:5])}." if found else did_you_mean(known, wanted)
    why = why or f"There are {', '.join(known[:20])}."
    raise Failed(
        "principal-unknown",
        f"{wanted} is not one principal of this lab.",
        why=why,
        remedy="Give the ARN.",
    )
