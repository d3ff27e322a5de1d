"""``migrate generate``: a plan's entries as code for the tool that a team manages its clusters
with, and a check of what Terraform is about to do with such code.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import click

from migrator.app.preflight import refuse_unwritable_folder
from migrator.app.settings import Settings
from migrator.cli.files import read_bytes, read_plan, write_file, write_files
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.operator import operator_of
from migrator.cli.status import is_cluster_name
from migrator.cli.terminal import events_of, output_of
from migrator.errors import Refused, WrongUse
from migrator.model.code_entries import (
    MODULE_VERSIONS,
    CodeEntries,
    CodeKind,
    ModuleVersion,
)
from migrator.model.plan import Plan
from migrator.model.terraform_plan import ACCEPTABLE, TerraformProblem, TerraformVerdict


@click.command("generate", cls=MigrateCommand, short_help="Write a plan's entries as code.")
@click.argument("kind", type=click.Choice(get_args(CodeKind)))
@click.argument("plans_or_clusters", metavar="PLAN|CLUSTER…", nargs=-1, required=True)
@click.option(
    "--out",
    metavar="FOLDER",
    help="Where the files go; - prints them: one as it is, several each under a line ==> NAME <==.",
)
@click.option(
    "--check",
    metavar="TFPLAN.json",
    help="Write nothing: judge what `terraform show -json` says that Terraform is about to do; - "
    "is standard input.",
)
@click.option(
    "--accept",
    "accepted",
    metavar="ADDRESS",
    multiple=True,
    help="With --check: a resource that gives more access than the plan, and is meant to; can be "
    "repeated. What takes access away cannot be accepted.",
)
@click.option(
    "--module-version",
    type=click.Choice(get_args(ModuleVersion)),
    help="Major version of the Terraform module: v20 or v21 for terraform-aws-modules, v2, v3 or "
    "v4 for terraform-cloudposse. [the last]",
)
@click.option(
    "--for",
    "scope",
    type=click.Choice(["fleet"]),
    help="Many plans or clusters as one code: a Terraform module for each account, with a provider "
    "by alias for each Region; with --check, each is judged by its own plan.",
)
@click.option("--include-owned", is_flag=True, help="Entries that EKS makes itself, too.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    kind: CodeKind,
    plans_or_clusters: tuple[str, ...],
    out: str | None,
    *,
    check: str | None,
    accepted: tuple[str, ...],
    module_version: ModuleVersion | None,
    scope: str | None,
    **flags: bool,
) -> None:
    """Write the access entries of the plan in the file PLAN as code, with what takes existing ones
    over; or those of a live CLUSTER, by its name or ARN, as they are now.

    Entries that EKS owns are left out; a comment names them.

    With --check, a Terraform plan that replaces the cluster, destroys an entry, an association or
    aws-auth, drops a username or a group, changes a type or a policy's scope, or binds a role to
    a group or user of the plan is refused, each with the resource's address. What may matter and
    is not judged is named, too.
    """
    settings = settings_of(ctx)
    refuse = click.UsageError
    known = MODULE_VERSIONS.get(kind, ())
    if module_version is not None and module_version not in known:
        versions = f"has {', '.join(known)}" if known else "is no Terraform module"
        raise refuse(f"--module-version {module_version}: {kind} {versions}.", ctx)
    # An empty folder is a variable of a shell that is not set.
    if bool(out) is (check is not None):
        raise refuse("Give --out FOLDER or --check TFPLAN.json, and not both.", ctx)
    if check is None and settings.output != "table":
        raise refuse("--output is for --check: code has the form of its tool.", ctx)
    if check is not None and not kind.startswith("terraform"):
        raise refuse("--check is for terraform.", ctx)
    if accepted and check is None:
        raise refuse("--accept is for --check.", ctx)
    if scope is None and len(plans_or_clusters) > 1:
        raise refuse("Give one PLAN or CLUSTER, or --for fleet.", ctx)
    if scope is not None and kind != "terraform" and check is None:
        raise refuse("--for fleet is for terraform, or for --check of any style of it.", ctx)
    from migrator.render.code_files import next_lines
    from migrator.render.escape import shell
    from migrator.render.terraform_fleet import fleet_lines

    if out is not None and out != "-":
        refuse_unwritable_folder(out)
    owned = flags["include_owned"]
    found = [_entries(each, settings, include_owned=owned) for each in plans_or_clusters]
    _refuse_twice(found)
    _say_blocked(found, settings)
    if check is not None:
        plans = [plan for plan, _ in found]
        _check(plans, (check, accepted), settings, fleet=scope is not None)
        return
    files = _files(kind, found, module_version, fleet=scope is not None)
    _write(files, str(out), settings, force=flags["force"])
    _say_left_out([code for _, code in found], settings)
    if scope is None:
        of = f"{kind} {shell(plans_or_clusters[0])}"
        _say_next(next_lines(kind, found[0][0].cluster, module_version), of, settings)
    else:
        names = " ".join(map(shell, plans_or_clusters))
        _say_next(fleet_lines(), f"{kind} --for fleet {names}", settings)


def _files(
    kind: CodeKind,
    found: Sequence[tuple[Plan, CodeEntries]],
    module_version: ModuleVersion | None,
    *,
    fleet: bool,
) -> dict[str, str]:
    """The code of one cluster, or of all as one."""
    from migrator.render.code_files import code_files
    from migrator.render.terraform_fleet import terraform_fleet

    if fleet:
        return terraform_fleet(found)
    return code_files(kind, *found[0], module_version)


def _refuse_twice(
    found: Sequence[tuple[Plan, CodeEntries]],
) -> None:
    """Raises ``cluster-twice``."""
    counted = Counter(plan.cluster.arn for plan, _ in found)
    arn, times = counted.most_common(1)[0]
    if times > 1:
        raise WrongUse(
            "cluster-twice",
            f"The cluster {arn} is named {times} times.",
            why="Two plans of one cluster may differ.",
            remedy="Name each cluster once.",
        )


def _say_next(
    lines: Iterable[str],
    of: str,
    settings: Settings,
) -> None:
    """What a person does with the files, on stderr. ``of``: what the code was generated of, as
    arguments of the command.
    """
    events = events_of(settings)
    for line in lines:
        events.say("info", line.replace("terraform PLAN", of), event="code-note")


def _entries(
    plan_or_cluster: str, settings: Settings, *, include_owned: bool
) -> tuple[Plan, CodeEntries]:
    """The plan, and its entries or those of the cluster."""
    from migrator.app.generate import GenerateRequest, generate, read_entries

    if is_cluster_name(plan_or_cluster, settings):
        operator = operator_of(settings, yes=False)
        return read_entries(plan_or_cluster, operator, include_owned=include_owned)
    plan, _ = read_plan(plan_or_cluster)
    return plan, generate(GenerateRequest(plan=plan, include_owned=include_owned))


def _write(
    files: Mapping[str, str],
    out: str,
    settings: Settings,
    *,
    force: bool,
) -> None:
    """Write the code into the folder ``out``, all files or none, or print it. Raises
    ``files-exist``, ``file-unwritable``.
    """
    if out == "-":
        write_file("-", _printed(files).encode())
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
    write_files({str(Path(out) / name): text.encode() for name, text in files.items()})
    events_of(settings).say("done", f"{', '.join(files)} written to {out}", event="file-written")
    _say_stale(files, Path(out), settings)


def _printed(
    files: Mapping[str, str],
) -> str:
    """One file as it is. Several each under a line with its name, as head(1) prints them, from
    which they can be split again: no line of generated code begins so.
    """
    if len(files) == 1:
        return next(iter(files.values()))
    return "".join(f"==> {name} <==\n{text}" for name, text in files.items())


# What generate writes, besides main.tf and programs, which a folder may have anyway.
_NAMES = (
    "access-entries*",
    "access_entries*.tf",
    "resources-to-import*.json",
    "left-out.txt",
    "aws_auth_removed.tf",
    "account_*/*.tf",
)


def _say_stale(
    files: Mapping[str, str],
    folder: Path,
    settings: Settings,
) -> None:
    """Name what an earlier call wrote and this one did not: Terraform reads every file."""
    there = {str(each.relative_to(folder)) for name in _NAMES for each in folder.glob(name)}
    stale = ", ".join(sorted(there - set(files)))
    if stale:
        what = f"In {folder} there are files that were not written this time: {stale}."
        events_of(settings).say(
            "warn", f"{what} Their entries are still in the code.", event="code-note"
        )


def _say_left_out(
    codes: Sequence[CodeEntries],
    settings: Settings,
) -> None:
    """How many principals have no code: the files name them."""
    count = sum(len(code.left_out) for code in codes)
    if count:
        said = f"Principals without code: {count}. The files name each with the reason."
        events_of(settings).say("info", said, event="code-note")


def _say_blocked(
    found: Sequence[tuple[Plan, CodeEntries]],
    settings: Settings,
) -> None:
    """Name plans that a person must decide about first: principals are missing in them."""
    for plan, code in found:
        if code.blocked:
            codes = ", ".join(code.blocked)
            what = (
                f"The plan of {plan.cluster.arn} is blocked ({codes}), and has not all principals."
            )
            events_of(settings).say(
                "warn", f"{what} `migrate show PLAN` says what to decide.", event="code-note"
            )


def _check(
    plans: Sequence[Plan],
    given: tuple[str, Collection[str]],
    settings: Settings,
    *,
    fleet: bool,
) -> None:
    """Print what the Terraform plan would do. ``given``: its path, accepted addresses. Raises
    ``terraform-plan-unsafe``, and what
    :func:`migrator.app.generate.check_terraform_fleet` and ``refuse_unnamed`` raise.
    """
    from migrator.app.generate import check_terraform_fleet, refuse_unnamed
    from migrator.render.terraform_verdict import (
        terraform_fleet_document,
        terraform_fleet_text,
        terraform_verdict_document,
        terraform_verdict_text,
    )

    path, accepted = given
    content = read_bytes(path, "The Terraform plan")
    name = "Standard input" if path == "-" else path
    verdicts = check_terraform_fleet(plans, content, name, accepted)
    _say_unused(accepted, verdicts, settings)
    if fleet:
        output_of(settings).show(
            document=lambda: terraform_fleet_document(plans, verdicts),
            table=lambda: terraform_fleet_text(plans, verdicts),
        )
    else:
        refuse_unnamed(plans, verdicts, name)
        output_of(settings).show(
            document=lambda: terraform_verdict_document(verdicts[0]),
            table=lambda: terraform_verdict_text(verdicts[0]),
        )
    problems = [problem for verdict in verdicts for problem in verdict.problems]
    if problems:
        first = problems[0]
        meant = "" if first.fault not in ACCEPTABLE else f" Where it is meant: {_accept(first)}."
        raise Refused(
            "terraform-plan-unsafe",
            f"The Terraform plan may not be applied: {len(problems)} problems.",
            why=f"{first.address}: {first.what}.",
            remedy=f"Correct the code, make the Terraform plan again, and check that.{meant}",
        )
    # A cluster that is not in the Terraform plan is no cluster without a problem.
    refuse_unnamed(plans, verdicts, name)


def _accept(
    problem: TerraformProblem,
) -> str:
    """The option that accepts a problem."""
    from migrator.render.escape import shell

    return f"`--accept {shell(problem.address)}`"


def _say_unused(
    accepted: Iterable[str],
    verdicts: Iterable[TerraformVerdict],
    settings: Settings,
) -> None:
    """Name addresses that accept nothing."""
    used = {each.address for verdict in verdicts for each in verdict.accepted}
    unused = ", ".join(sorted(set(accepted) - used))
    if unused:
        what = f"--accept names no problem that can be accepted: {unused}."
        events_of(settings).say("warn", what, event="code-note")
