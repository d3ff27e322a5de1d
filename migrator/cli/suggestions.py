"""What was probably meant by a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches

import click

from migrator.cli.pages import page_of

_ALIKE = 0.6  # of difflib: `plna`, `veryfy` and `rolback` are found, and `xyz` is not


def alike(name: str, names: Iterable[str]) -> list[str]:
    """At most two of the names, the most similar first; hyphens at the front count for nothing."""
    by_word = {each.lstrip("-"): each for each in names}
    found = get_close_matches(name.lstrip("-"), by_word, n=2, cutoff=_ALIKE)
    return [by_word[each] for each in found]


def did_you_mean(names: Iterable[str]) -> str:
    """``Did you mean plan or plans?``; empty without names."""
    words = " or ".join(names)
    if not words:
        return ""
    return f" Did you mean {words}?"


def no_such_command(ctx: click.Context, group: click.Group, name: str) -> click.UsageError:
    """The error for a command that the group has not. One of that name in another group comes
    first: ``migrate up`` is ``migrate lab up``.
    """
    tables = {ctx.command_path: group.list_commands(ctx), **_tables(ctx.find_root())}
    same: list[str] = []
    similar: list[str] = []
    for path, names in tables.items():
        found = alike(name, names)
        similar += [f"{path} {each}" for each in found]
        if name in found:
            same.append(f"{path} {name}")
    meant = did_you_mean([*dict.fromkeys([*same, *similar])][:2])
    return click.UsageError(f"No such command '{name}'.{meant}", ctx)


def _tables(root: click.Context) -> dict[str, list[str]]:
    """Each group with the names of its commands: the root, then its groups."""
    places = [root, page_of(root, "fleet"), page_of(root, "lab")]
    return {each.command_path: list(getattr(each.command, "listed", ())) for each in places}
