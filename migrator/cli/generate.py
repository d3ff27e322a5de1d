"""``migrate generate``: a plan's entries as code for the tool that a team manages its clusters
with, and a check of what Terraform is about to do with such code.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import click

from migrator.app.settings import Settings
from migrator.cli.files import read_bytes, read_plan, write_file
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.status import is_cluster_name
from migrator.cli.terminal import events_of, output_of
from migrator.errors import Refused
from migrator.model.code_entries import (
    MODULE_VERSIONS,
    CodeEntries,
    CodeKind,
    ModuleVersion,
)
from migrator.model.plan import Plan


@click.command("generate", cls=MigrateCommand, short_help="Write a plan's entries as code.")
@click.argument("kind", type=click.Choice(get_args(CodeKind)))
@click.argument("plan_or_cluster", metavar="PLAN|CLUSTER")
@click.option("-o", "--out", metavar="FOLDER", help="Where the files go; - prints them.")
@click.option(
    "--check",
    metavar="TFPLAN.json",
    help="Write nothing: judge what `terraform show -json` says that Terraform is about to do; - "
    "is standard input.",
)
@click.option(
    "--module-version",
    type=click.Choice(get_args(ModuleVersion)),
    help="Major version of the Terraform module: v20 or v21 for terraform-aws-modules, v2, v3 or "
    "v4 for terraform-cloudposse. [the last]",
)
@click.option("--include-owned", is_flag=True, help="Entries that EKS makes itself, too.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    kind: CodeKind,
    plan_or_cluster: str,
    out: str | None,
    *,
    check: str | None,
    module_version: ModuleVersion | None,
    include_owned: bool,
    force: bool,
) -> None:
    """Write the access entries of the plan in the file PLAN as code, with what takes existing ones
    over; or those of a live CLUSTER, by its name or ARN, as they are now.

    Entries that EKS owns are left out; a comment names them.

    With --check, a Terraform plan that replaces the cluster, destroys an entry, an association or
    aws-auth, drops a username or a group, or changes a type or a policy's scope is refused, each
    with the resource's address.
    """
    from migrator.render.code_files import code_files, next_lines
    from migrator.render.escape import shell

    settings = settings_of(ctx)
    known = MODULE_VERSIONS.get(kind, ())
    if module_version is not None and module_version not in known:
        versions = f"has {', '.join(known)}" if known else "is no Terraform module"
        raise click.UsageError(f"--module-version {module_version}: {kind} {versions}.", ctx)
    match out, check:
        case str(folder), None:
            if settings.output != "table":
                raise click.UsageError(
                    "--output is for --check: code has the form of its tool.", ctx
                )
            plan, entries = _entries(plan_or_cluster, settings, include_owned=include_owned)
            files = code_files(kind, plan, entries, module_version)
            _write(files, folder, settings, force=force)
            events = events_of(settings)
            for line in next_lines(kind, module_version):
                events.say(
                    "info", line.replace("terraform PLAN", f"{kind} {shell(plan_or_cluster)}")
                )
        case None, str(path):
            if not kind.startswith("terraform"):
                raise click.UsageError("--check is for terraform.", ctx)
            plan, _ = _entries(plan_or_cluster, settings, include_owned=include_owned)
            _check(plan, path, settings)
        case _:
            raise click.UsageError("Give --out FOLDER or --check TFPLAN.json, and not both.", ctx)


def _entries(
    plan_or_cluster: str, settings: Settings, *, include_owned: bool
) -> tuple[Plan, CodeEntries]:
    """The plan, and its entries or those of the cluster."""
    from migrator.app.generate import GenerateRequest, generate, read_entries

    if is_cluster_name(plan_or_cluster):
        operator = operator_of(settings, yes=False)
        return read_entries(plan_or_cluster, operator, include_owned=include_owned)
    plan, _ = read_plan(plan_or_cluster)
    return plan, generate(GenerateRequest(plan=plan, include_owned=include_owned))


def _write(files: Mapping[str, str], out: str, settings: Settings, *, force: bool) -> None:
    """Write the code into the folder ``out``, or print it. Raises ``files-exist``."""
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
    events_of(settings).say("done", f"{', '.join(files)} written to {out}")


def _check(plan: Plan, path: str, settings: Settings) -> None:
    """Print what the Terraform plan would do. Raises ``terraform-plan-unsafe``, and what
    :func:`migrator.app.generate.check_terraform` raises.
    """
    from migrator.app.generate import CheckTerraformRequest, check_terraform
    from migrator.render.terraform_verdict import (
        terraform_verdict_document,
        terraform_verdict_text,
    )

    content = read_bytes(path, "The Terraform plan")
    name = "Standard input" if path == "-" else path
    verdict = check_terraform(CheckTerraformRequest(plan=plan, content=content, name=name))
    output_of(settings).show(
        document=lambda: terraform_verdict_document(verdict),
        table=lambda: terraform_verdict_text(verdict),
    )
    if verdict.problems:
        first = verdict.problems[0]
        raise Refused(
            "terraform-plan-unsafe",
            f"The Terraform plan may not be applied: {len(verdict.problems)} problems.",
            why=f"{first.address}: {first.what}.",
            remedy="Correct the code, make the Terraform plan again, and check that.",
        )
