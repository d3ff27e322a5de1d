"""``migrate generate``: a plan's entries as code for the tool that a team manages its clusters
with.
"""

from pathlib import Path
from typing import get_args

import click

from migrator.cli.files import read_plan, write_file
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.options import plan_argument
from migrator.cli.terminal import events_of
from migrator.errors import Refused
from migrator.model.code_entries import CodeKind


@click.command(
    "generate", cls=MigrateCommand, formats=(), short_help="Write a plan's entries as code."
)
@click.argument("kind", type=click.Choice(get_args(CodeKind)))
@plan_argument
@click.option(
    "-o", "--out", metavar="FOLDER", required=True, help="Where the files go; - prints them."
)
@click.option("--include-owned", is_flag=True, help="Entries that EKS makes itself, too.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    kind: CodeKind,
    plan_file: str,
    out: str,
    *,
    include_owned: bool,
    force: bool,
) -> None:
    """Write the access entries of the plan in the file PLAN as code, with what takes existing ones
    over.

    Entries that EKS owns are left out; a comment names them.
    """
    from migrator.app.generate import GenerateRequest, generate
    from migrator.render.code_files import code_files

    plan, _ = read_plan(plan_file)
    entries = generate(GenerateRequest(plan=plan, include_owned=include_owned))
    files = code_files(kind, plan, entries)
    if out == "-":
        write_file("-", "\n".join(files.values()).encode())
        return
    there = [name for name in files if (Path(out) / name).exists()]
    if there and not force:
        why = f"{', '.join(there)} in {out} would be replaced."
        raise Refused(
            "files-exist",
            "Nothing was written.",
            why=why,
            remedy="Name another folder, or add --force.",
        )
    for name, text in files.items():
        write_file(str(Path(out) / name), text.encode())
    events_of(settings_of(ctx)).say("done", f"{', '.join(files)} written to {out}")
