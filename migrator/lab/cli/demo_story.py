"""What ``migrate lab demo`` does and says, step by step."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from migrator.errors import Failed
from migrator.lab.cli.credentials import ways_to_log_in

_CLUSTER = "demo"
_WORTH_SHOWING = re.compile(r"Cluster \S+ in mode |\d+ +(pass|waived|fail|unknown) ")
_READER = "arn:aws:iam::444455556666:role/iam-reader"
_DECISIONS = """\
# What the people of the demo's company decided. Each answer needs a reason, so that it can be
# reviewed.

# How to log in as those whom the operator cannot assume: people with their own keys or from IAM
# Identity Center.
# Nodes are not logged in as: that their kubelets renew their leases with new tokens is the proof.
verify_as:
{ways}

# A gate that a named person lets pass.
waive_gates:
  code: {{by: demo, reason: "the lab's aws-auth was written once, by its world file"}}
"""


def tell(place: Path, *, keep: bool) -> int:
    """Run all steps in the folder ``place``, whose lab runs already. Returns 0; raises where a step
    fails.
    """
    from migrator.lab.lab_client import enter_lab

    enter_lab(place / "lab", os.environ)
    os.environ["MIGRATE_STATE_DIR"] = str(place / "state")
    plan, decisions = place / "plan.json", place / "decisions.yaml"
    common = ["--reader-role", _READER]
    answers = ["--decisions", str(decisions), *common]

    _title("1. Read the cluster, and prepare to log in as each principal")
    _migrate(place, "snapshot", _CLUSTER, "--out", str(place / "snapshot.json"), *common)
    decisions.write_text(_DECISIONS.format(ways=ways_to_log_in(place / "lab")), encoding="utf-8")
    _title("2. Plan: what becomes of every principal. Nothing is changed")
    _show(_migrate(place, "plan", _CLUSTER, "--out", str(plan), *answers))
    _title("3. Before: log in as each principal by aws-auth, and keep what it may do")
    _show(_migrate(place, "verify", str(plan), "--baseline", *answers))
    _title("4. Apply: entries in proven order, each one verified")
    _show(_migrate(place, "apply", str(plan), "--yes", *answers))
    _title("5. Verify: the same people, the same questions, now by access entries")
    _show(_migrate(place, "verify", str(plan), *answers))
    _title("6. Rehearse: half an hour of API mode, reversibly (the lab's clock is stepped)")
    length = ["--for", "30m", "--image", "eks-access-migrator:demo"]
    _show(_migrate(place, "rehearse", str(plan), *length, *answers))
    _title("7. Cut over: all gates, then the switch. There is no way back from here")
    _show(_migrate(place, "cutover", str(plan), "--confirm", _CLUSTER, *answers))
    _title("8. Verify again: no row is asked any more")
    after = json.loads(_migrate(place, "verify", str(plan), "--output", "json", *answers))
    _before_and_after(plan, after)
    _title("9. Is the ConfigMap really not asked any more?")
    _show_that_rows_are_inert()
    _title("10. The same entries as code, and a report for the change ticket")
    _migrate(place, "generate", "terraform", str(plan), "--out", str(place / "terraform"))
    forms = ["--html", str(place / "report.html"), "--markdown", str(place / "report.md")]
    _migrate(place, "report", str(plan), *forms, *answers)
    _where(place, keep=keep)
    return 0


def _title(text: str) -> None:
    click.secho(f"\n=== {text}", bold=True)


def _migrate(place: Path, *arguments: str) -> str:
    """Run this command line as a process, after showing it: its last lines and gates are shown, all
    of it is in a file of ``place/output``. Returns its standard output. Raises ``demo-failed``
    where it does not end with 0.
    """
    shown = shlex.join(["migrate", *(_relative(argument) for argument in arguments)])
    click.secho(f"$ {shown}", fg="cyan")
    sys.stdout.flush()
    whole = _output_file(place, arguments[0])
    with whole.open("w", encoding="utf-8") as file:
        done = subprocess.run(  # noqa: S603 - this interpreter and our own module
            [sys.executable, "-m", "migrator", *arguments],
            check=False,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
        file.write(done.stdout)
    if done.returncode != 0:
        raise Failed(
            "demo-failed",
            "The demo failed.",
            why=f"`{shown}` ended with {done.returncode}.",
            remedy=f"What it said is in {_relative(str(whole))}.",
        )
    return done.stdout


def _output_file(place: Path, command: str) -> Path:
    """A new file for what a command says, in the order of the commands."""
    folder = place / "output"
    folder.mkdir(exist_ok=True)
    number = len(list(folder.iterdir())) + 1
    return folder / f"{number:02}-{command}.txt"


def _show(output: str) -> None:
    """The gates, the verdict on the cluster, and the last paragraph of what a command said."""
    above, _, last = output.rstrip("\n").rpartition("\n\n")
    for line in above.splitlines():
        if _WORTH_SHOWING.match(line):
            click.echo(line)
    click.echo(last)


def _relative(argument: str) -> str:
    path = Path(argument)
    here = Path.cwd()
    return (
        str(path.relative_to(here))
        if path.is_absolute() and path.is_relative_to(here)
        else argument
    )


def _before_and_after(plan_file: Path, after: Mapping[str, Any]) -> None:
    """Each principal's name and groups before and after, in one table."""
    from migrator.cli.files import read_plan
    from migrator.render.before_after import before_after

    plan, _ = read_plan(str(plan_file))
    found = {each["principalArn"]: each for each in after["principals"]}
    click.echo(before_after(plan, found, color=sys.stdout.isatty()), nl=False)
    click.echo(f"verdict on the cluster in mode {after['mode']}: {after['verdict']}")


def _show_that_rows_are_inert() -> None:
    """Write a row that would have made a principal an administrator, and try to log in by it.
    Raises ``demo-failed``.
    """
    from migrator.adapters.kubernetes_api import KubernetesConfigMaps
    from migrator.app.connect import connect, reviewers
    from migrator.app.settings import Settings

    connection = connect(Settings(), _CLUSTER)
    config_maps = KubernetesConfigMaps(connection.client)
    config_map = config_maps.read()
    if config_map is None:
        raise Failed("demo-failed", "There is no aws-auth.")
    row = (
        "- {rolearn: 'arn:aws:iam::111122223333:role/analyst', username: analyst, groups: "
        "['system:masters']}\n"
    )
    data = {**config_map["data"], "mapRoles": config_map["data"]["mapRoles"] + row}
    config_maps.write_data(data, resource_version=config_map["metadata"]["resourceVersion"])
    click.echo(f"Added to aws-auth: {row.strip()}")
    analyst = "arn:aws:iam::111122223333:role/teams/data/analyst"
    subject = reviewers(connection, {}).as_principal(analyst).who_am_i()
    if subject is not None:
        raise Failed("demo-failed", f"The row still works: {subject.username} logged in.")
    click.secho(
        "Logged in as that role with a fresh token: refused (401). The row gives nothing any more.",
        fg="green",
    )


def _where(place: Path, *, keep: bool) -> None:
    state = next((place / "state").glob("*/*/*/*"), place / "state")
    click.secho(
        "\nDone: no principal lost access, no principal gained any, and aws-auth is out of use.",
        bold=True,
    )
    for label, path in (
        ("plan", place / "plan.json"),
        ("answers", place / "decisions.yaml"),
        ("journal", state / "journal.jsonl"),
        ("evidence", state / "evidence.jsonl"),
        ("backup", state / "backup"),
        ("report", place / "report.html"),
        ("Markdown", place / "report.md"),
        ("Terraform", place / "terraform"),
        ("output", place / "output"),
    ):
        if not path.exists():
            raise Failed("demo-failed", f"{path} is missing.")
        click.echo(f"  {label:<10} {_relative(str(path))}")
    if keep:
        lab = shlex.quote(str(place / "lab"))
        click.echo(f'\nThe lab runs on. Look around: eval "$(migrate lab env --lab-dir {lab})"')
        click.echo(f"Stop it: migrate lab down --lab-dir {lab}")
