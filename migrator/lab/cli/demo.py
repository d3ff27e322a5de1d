"""``migrate lab demo``: a whole migration on the lab, by the commands that an operator would use.

Every step is this very command line in a separate process. What the demo adds is what a company
has and a lab has not: answers in decisions.yaml, and credentials to log in as people and nodes.
"""

import shutil
from pathlib import Path

import click

from migrator.cli.lazy import MigrateCommand
from migrator.errors import MigratorError, Refused
from migrator.lab.cli.up import start

_MARK = ".migrate-demo"  # only a folder that a demo made is replaced


@click.command(
    "demo", cls=MigrateCommand, formats=(), short_help="A whole migration, from nothing to proof."
)
@click.option(
    "--folder", default="demo", show_default=True, metavar="DIR", help="Where everything goes."
)
@click.option("--keep", is_flag=True, help="Leave the lab running afterwards.")
def command(folder: str, *, keep: bool) -> int:
    """Run a whole migration on a lab: a company's cluster with 15 rows in aws-auth becomes one
    without aws-auth.

    Shows plan, baseline, apply, verification of every principal, a rehearsal, cut-over, and that
    the ConfigMap is not asked any more. Everything lies in a folder afterwards.
    """
    from migrator.lab.cli.demo_story import tell

    place = Path(folder).absolute()
    _make_room(place)
    start(place / "lab", None, detach=True)
    try:
        return tell(place, keep=keep)
    finally:
        if not keep:
            _stop(place / "lab")


def _make_room(place: Path) -> None:
    """An empty folder. Raises ``folder-exists`` for one that is not a demo's own, ``lab-running``
    for one in use.
    """
    from migrator.lab.cli.up import refuse_running

    if place.exists() and any(place.iterdir()):
        if not (place / _MARK).is_file():
            remedy = "Name another one with --folder."
            raise Refused(
                "folder-exists", f"The folder {place} holds something else.", remedy=remedy
            )
        refuse_running(place / "lab")
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    (place / _MARK).touch()


def _stop(lab: Path) -> None:
    """Stop the lab and take its credentials away; they are good for nothing any more."""
    from migrator.lab.cli.down import stop

    try:
        stop(lab)
    except MigratorError:
        return
    shutil.rmtree(lab, ignore_errors=True)
