"""``migrate lab fault``: faults of a cloud, on a seeded schedule."""

from typing import Any

import click

from migrator.cli.lab_place import lab_directory_option, resolved
from migrator.cli.lazy import MigrateCommand, settings_of
from migrator.cli.terminal import output_of


@click.command("fault", cls=MigrateCommand, short_help="Inject faults, list them, clear them.")
@click.argument("operation", required=False)
@click.argument("kind", required=False)
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--clear", is_flag=True, help="Take all faults away first.")
@lab_directory_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    operation: str | None,
    kind: str | None,
    settings: tuple[str, ...],
    *,
    clear: bool,
    lab_dir: str,
) -> None:
    """Inject a fault: OPERATION is a pattern (eks:CreateAccessEntry, eks:*), KIND for example throttle or lost-answer.

    Keys: skip, times, probability, seed, seconds, status, retry_after, page_size, outcome. Without arguments the
    faults are listed.
    """
    from migrator.lab.lab_client import control

    body: dict[str, Any] = {"clear": True} if clear else {}
    if operation is not None:
        if kind is None:
            raise click.UsageError("OPERATION and KIND belong together.", ctx)
        body |= {"operation": operation, "kind": kind, **dict(map(_pair, settings))}
    found = control(resolved(lab_dir), "POST" if body else "GET", "fault", body or None)
    output = output_of(settings_of(ctx))
    lines = [f"{f['operation']}  {f['kind']}  struck {f['struck']} of {f['seen']}" for f in found["faults"]]
    output.show(document=lambda: found, table=lambda: "\n".join(lines) or "no faults")


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text!r} is no KEY=VALUE.")
    for number in (int, float):
        try:
            return key, number(value)
        except ValueError:
            continue
    return key, value
