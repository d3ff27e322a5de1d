"""``migrate lab up``: start a lab, in this terminal or beside it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import click

from migrator.app.preflight import refuse_missing_extra
from migrator.cli.files import refuse_unreadable
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import events_of
from migrator.errors import Failed, MigratorError, Refused
from migrator.lab.cli.place import default_directory, lab_directory_option, resolved
from migrator.lab.server import REFUSED, write_private
from migrator.lab.worlds.world_files import fleet_file_path, fleet_world_path
from migrator.render.escape import shell

_START_SECONDS = 30.0
FLEET_FILE = "fleet.yaml"  # of the world of --fleet, in the lab's folder
NOT_COPIED = "not copied: "  # how the lab's log begins a line about what a snapshot does not hold


@click.command("up", cls=MigrateCommand, formats=(), short_help="Start a lab.")
@click.option(
    "--world", metavar="FILE", help="The world to load; a company of some 15 principals without it."
)
@click.option(
    "--from", "snapshot", metavar="FILE", help="A snapshot: the lab is a copy of its cluster."
)
@click.option(
    "--fleet",
    is_flag=True,
    help="The world of an organization: 3 accounts with 12 clusters, and its fleet file.",
)
@click.option("--detach", is_flag=True, help="Leave it running and return.")
@lab_directory_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    world: str | None,
    snapshot: str | None,
    *,
    fleet: bool,
    detach: bool,
    lab_dir: str,
) -> int | None:
    """Start a lab: an EKS on this machine, from a world file, or as a copy of a real cluster with
    made-up credentials for all its principals. It runs until Ctrl-C, or migrate lab down.

    With --fleet it is an organization to try the commands of a fleet on; its fleet file is put into
    the lab's folder.
    """
    if sum((world is not None, snapshot is not None, fleet)) > 1:
        raise click.UsageError("Give --world FILE, --from FILE or --fleet, one of them.", ctx)
    directory, settings = resolved(lab_dir), settings_of(ctx)
    events = events_of(settings)
    if not detach:
        for number in (
            signal.SIGTERM,
            signal.SIGHUP,
        ):  # a lab in the foreground ends with its command
            signal.signal(number, signal.default_int_handler)
    process = start(
        directory,
        world,
        snapshot,
        fleet=fleet,
        detach=detach,
        reader_roles=settings.reader_role,
    )
    try:
        for text in not_copied(directory):
            events.say("warn", f"not copied: {text}", event="lab")
        events.say("done", f"the lab runs; its state is in {directory}", event="lab")
        elsewhere = (
            ""
            if directory == resolved(default_directory())
            else f" --lab-dir {shell(str(directory))}"
        )
        events.say("info", f'use it with: eval "$(migrate lab env{elsewhere})"', event="lab")
        events.say("info", f"or in a separate shell: migrate lab shell{elsewhere}", event="lab")
        if fleet:
            copied = shell(str(directory / FLEET_FILE))
            events.say("info", f"take its fleet file with: cp {copied} {FLEET_FILE}", event="lab")
        return None if detach else process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0


def start(
    directory: Path,
    world: str | None,
    snapshot: str | None = None,
    *,
    fleet: bool = False,
    detach: bool,
    reader_roles: Sequence[str] = (),
) -> "subprocess.Popen[bytes]":
    """Start a lab as a separate process and wait until it answers. ``fleet``: the world of an
    organization, whose fleet file is put into the folder.

    Raises ``extra-missing``, ``lab-running``, ``lab-failed`` with what it said last.
    """
    refuse_missing_extra("lab", ("cryptography",), "The lab")
    refuse_running(directory)
    for path, what in ((world, "The world file"), (snapshot, "The snapshot")):
        if path is not None:
            refuse_unreadable(path, what)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = directory / "lab.log"
    arguments = [sys.executable, "-m", "migrator.lab.server", "--directory", str(directory)]
    source = _source(world, snapshot, reader_roles, fleet=fleet)
    again = ["migrate", "lab", "up", "--detach", *source, "--lab-dir", str(directory)]
    if fleet:
        write_private(directory / FLEET_FILE, fleet_file_path().read_text(encoding="utf-8"))
        source = ["--world", str(fleet_world_path())]
    arguments += [*source, "--up", " ".join(map(shell, again))]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=detach,
        )
    try:
        _await_answer(process, directory, log)
    except BaseException:
        process.kill()
        raise
    return process


def _source(
    world: str | None, snapshot: str | None, reader_roles: Sequence[str], *, fleet: bool
) -> list[str]:
    """The options for what the lab is made of; paths hold in another folder, too."""
    if fleet:
        return ["--fleet"]
    if world is not None:
        return ["--world", str(Path(world).absolute())]
    if snapshot is None:
        return []
    readers = [word for role in reader_roles for word in ("--reader-role", role)]
    return ["--from", str(Path(snapshot).absolute()), *readers]


def not_copied(directory: Path) -> list[str]:
    """What of a snapshot could not be copied into the lab that has just started, in its own
    words.
    """
    lines = (directory / "lab.log").read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.removeprefix(NOT_COPIED) for line in lines if line.startswith(NOT_COPIED)]


def _await_answer(process: "subprocess.Popen[bytes]", directory: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_running(directory):
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise _not_started(said[-1] if said else "it said nothing", log)
        time.sleep(0.02)


def _not_started(last: str, log: Path) -> Failed:
    """The error of a lab that ended before it answered. ``last``: the last line that it said."""
    if not last.startswith(REFUSED):
        return Failed("lab-failed", "The lab did not start.", why=last, remedy=f"Look into {log}.")
    error = SimpleNamespace(**json.loads(last.removeprefix(REFUSED)))
    return Failed(error.code, error.message, why=error.why, remedy=error.remedy)


def refuse_running(directory: Path) -> None:
    """Raises ``lab-running`` while a lab answers in this folder."""
    if is_running(directory):
        remedy = "Use it, stop it with migrate lab down, or name another --lab-dir."
        raise Refused("lab-running", f"A lab runs in {directory} already.", remedy=remedy)


def is_running(directory: Path) -> bool:
    """Whether a lab answers whose state is in this folder."""
    from migrator.lab.lab_client import control

    try:
        control(directory, "GET", "world")
    except (MigratorError, OSError):
        return False
    return True
