"""Where the lab is, and how the lab's commands find it."""

import os
from collections.abc import Callable, Mapping, Sequence
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


def export_lines(variables: Mapping[str, str]) -> str:
    """Lines for a POSIX shell that make it use a lab: what they replace is kept, then taken away,
    then set.
    """
    from migrator.lab.lab_client import BEFORE, IN_LAB, LAB_VARIABLES, UNSET_VARIABLES
    from migrator.render.escape import shell

    keep = f'if [ -n "${{$n+x}}" ]; then export {BEFORE}$n="$$n"; fi'
    gone = [f"unset {name}" for name in UNSET_VARIABLES if name not in variables]
    lines = [
        # A second lab is no reason to forget what was before the first.
        f'if [ -z "${{{IN_LAB}+x}}" ]; then',
        *_for_each(LAB_VARIABLES, keep),
        "fi",
        *gone,
        *(f"export {name}={shell(value)}" for name, value in variables.items()),
        f"export {IN_LAB}=1",
    ]
    return "\n".join(lines) + "\n"


def unset_lines(path: str) -> str:
    """Lines for a POSIX shell that give it back what it had before it used a lab. ``path``: the
    ``PATH`` without the lab's programs. In a shell that uses none they change nothing.
    """
    from migrator.lab.lab_client import BEFORE, IN_LAB, LAB_VARIABLES
    from migrator.render.escape import shell

    give_back = (
        f'if [ -n "${{{BEFORE}$n+x}}" ]; then export $n="${BEFORE}$n"; else unset $n; fi; '
        f"unset {BEFORE}$n"
    )
    lines = [
        f'if [ -n "${{{IN_LAB}+x}}" ]; then',
        *_for_each(LAB_VARIABLES, give_back),
        f"export PATH={shell(path)}",
        f"unset {IN_LAB}",
        "fi",
    ]
    return "\n".join(lines) + "\n"


def _for_each(names: Sequence[str], line: str) -> list[str]:
    """A line for each variable, with its name instead of ``$n``. Values stay in the shell: none
    is printed.
    """
    return [line.replace("$n", name) for name in names]


def show_environment(ctx: click.Context, variables: Mapping[str, str]) -> None:
    """Variables as ``export`` lines, or as a document with ``--output json``."""
    from migrator.lab.lab_client import UNSET_VARIABLES

    _show(
        ctx,
        document={"set": dict(variables), "unset": list(UNSET_VARIABLES)},
        lines=export_lines(variables),
        use="migrate lab env",
    )


def show_unset(ctx: click.Context, directory: Path) -> None:
    """How a shell leaves the lab. The lab need not run."""
    from migrator.lab.lab_client import LAB_VARIABLES, path_without_lab

    path = path_without_lab(directory, os.environ.get("PATH", ""))
    _show(
        ctx,
        document={"set": {"PATH": path}, "unset": list(LAB_VARIABLES)},
        lines=unset_lines(path),
        use="migrate lab env --unset",
    )


def _show(ctx: click.Context, *, document: Mapping[str, Any], lines: str, use: str) -> None:
    import sys

    from migrator.cli.lazy import settings_of
    from migrator.cli.terminal import output_of

    if sys.stdout.isatty():
        click.echo(f'# use it with: eval "$({use})"', err=True)
    output_of(settings_of(ctx)).show(document=lambda: document, table=lambda: lines)


def resolved(lab_dir: str) -> Path:
    """The folder, absolute: what is printed must hold in another folder too."""
    return Path(lab_dir).absolute()
