"""``migrate lab kill``: a client dies at its n-th effect, as by a power cut."""

import click

from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import events_of
from migrator.lab.cli.place import lab_directory_option, resolved


@click.command(
    "kill", cls=MigrateCommand, formats=(), short_help="Kill a client at its n-th effect."
)
@click.argument("pid", type=click.IntRange(min=2), required=False)
@click.option(
    "--after", type=click.IntRange(min=0), default=1, metavar="N", help="Effects from now on.  [1]"
)
@click.option("--before-next", is_flag=True, help="When effect N+1 has arrived and is not done.")
@click.option("--cancel", is_flag=True, help="Take the order back.")
@lab_directory_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    pid: int | None,
    *,
    after: int,
    before_next: bool,
    cancel: bool,
    lab_dir: str,
) -> None:
    """Kill the process PID, a client of the lab on this machine, when N more effects are done:
    after the last of them, before it is answered. A migrate that was killed continues when the same
    command is run again.
    """
    from migrator.lab.lab_client import control

    if (pid is None) is not cancel:
        raise click.UsageError("Give PID, or --cancel.", ctx)
    if after == 0 and not before_next:
        raise click.UsageError(
            "--after 0 goes with --before-next: nothing is done that could be answered.", ctx
        )
    directory, events = resolved(lab_dir), events_of(settings_of(ctx))
    if pid is None:
        control(directory, "POST", "kill", {"cancel": True})
        events.say("done", "no process is killed", event="lab")
        return
    count = int(control(directory, "GET", "effects")["count"]) + after
    point = "before-next" if before_next else "answer-lost"
    control(directory, "POST", "kill", {"pid": pid, "after": count, "point": point})
    when = f"before effect {count + 1}" if before_next else f"after effect {count}"
    events.say("done", f"process {pid} is killed {when}", event="lab")
