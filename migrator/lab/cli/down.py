"""``migrate lab down``: stop the lab."""

import os
import signal
import time
from pathlib import Path

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import events_of
from migrator.errors import Failed
from migrator.lab.cli.place import lab_directory_option, resolved
from migrator.model.lab_record import ENDPOINT_VARIABLE, LEAVE

_STOP_SECONDS = 10.0


@click.command("down", cls=MigrateCommand, formats=(), short_help="Stop the lab.")
@lab_directory_option
@click.pass_context
def command(ctx: click.Context, /, lab_dir: str) -> None:
    """Stop the lab whose state is in the lab's folder. A note stays there: commands of a shell that
    still uses the lab say when it was stopped and how it is started again.
    """
    from migrator.lab.lab_client import lab_state

    directory, events = resolved(lab_dir), events_of(settings_of(ctx))
    state = lab_state(directory)
    stop(directory)
    events.say("done", "the lab is stopped", event="lab")
    if os.environ.get(ENDPOINT_VARIABLE) == state["endpoint"]:
        events.say("info", f"this shell still uses it; {LEAVE}", event="lab")
    if state.get("up"):
        events.say("info", f"start it from the beginning with: {state['up']}", event="lab")


def stop(directory: Path) -> None:
    """Stop the lab in a folder. Only one that answers with its own token is stopped: a number in a
    file may be another process by now. Raises ``lab-not-running``, ``lab-failed``.
    """
    from migrator.lab.lab_client import control, lab_state

    state = lab_state(directory)
    control(directory, "GET", "world")
    os.kill(int(state["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while (directory / "lab.json").exists():
        if time.monotonic() > deadline:
            raise Failed(
                "lab-failed",
                "The lab does not stop.",
                remedy=f"End process {int(state['pid'])} yourself.",
            )
        time.sleep(0.02)
