"""Where the lab is, and how the lab's commands find it."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from migrator.model.state_folder import DEFAULT_STATE_DIR

_DEFAULT = f"{DEFAULT_STATE_DIR}/lab"
F = TypeVar("F", bound=Callable[..., Any])


def default_directory() -> str:
    """The lab's folder where no option names one."""
    return os.environ.get("MIGRATE_LAB_DIR") or _DEFAULT


def lab_directory_option(function: F) -> F:
    """``--lab-dir``, in ``lab_dir``."""
    return click.option(
        "--lab-dir",
        metavar="DIR",
        default=default_directory,
        help=f"Where the lab keeps its state. [MIGRATE_LAB_DIR, else {_DEFAULT}]",
    )(function)


def export_lines(variables: Mapping[str, str], unset: tuple[str, ...]) -> str:
    """``unset`` and ``export`` lines for a POSIX shell."""
    from migrator.render.escape import shell

    gone = [f"unset {name}" for name in unset if name not in variables]
    return (
        "\n".join([*gone, *(f"export {name}={shell(value)}" for name, value in variables.items())])
        + "\n"
    )


def show_environment(ctx: click.Context, variables: Mapping[str, str]) -> None:
    """Variables as ``export`` lines, or as a document with ``--output json``."""
    import sys

    from migrator.cli.lazy import settings_of
    from migrator.cli.terminal import output_of
    from migrator.lab.lab_client import UNSET_VARIABLES

    output = output_of(settings_of(ctx))
    if sys.stdout.isatty():
        click.echo('# use it with: eval "$(migrate lab env)"', err=True)
    output.show(
        document=lambda: {"set": dict(variables), "unset": list(UNSET_VARIABLES)},
        table=lambda: export_lines(variables, UNSET_VARIABLES),
    )


def resolved(lab_dir: str) -> Path:
    """The folder, absolute: what is printed must hold in another folder too."""
    return Path(lab_dir).absolute()
