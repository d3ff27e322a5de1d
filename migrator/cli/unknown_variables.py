"""``MIGRATE_…`` variables that no option reads, where a known one is so near that it was meant.

A variable that resembles none is left alone: pipelines have their own, with this prefix too.
"""

import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

import click

from migrator.cli.setting_names import SHARED, long_name, variables_of
from migrator.cli.settings import GLOBAL_NAMES

_PREFIX = "MIGRATE_"
# How much of a name must agree: one letter too many, too few, or two that changed places.
_ALIKE = 0.87


def misspelt_variables(root: click.Command) -> Iterator[str]:
    """A line for each variable of the environment that was meant for an option and is not read.

    Only commands that a variable begins with are loaded: ``MIGRATE_APPLY_…`` loads ``apply``.
    """
    general = {
        variable
        for name in (*GLOBAL_NAMES, *SHARED)
        for variable in variables_of((), name, everywhere=True)
    }
    for variable in sorted(os.environ):
        if not variable.startswith(_PREFIX) or variable in general:
            continue
        known = general | set(_of_commands(root, variable.removeprefix(_PREFIX)))
        if variable in known:
            continue
        for near in get_close_matches(variable, sorted(known), n=1, cutoff=_ALIKE):
            yield f"{variable} is not read: no option has this name. {near} is one."


def _of_commands(command: click.Command, rest: str, words: tuple[str, ...] = ()) -> Iterator[str]:
    """The variables of the commands whose words ``rest`` begins with. ``words``: of ``command``."""
    if not isinstance(command, click.Group):
        for option in command.params:
            yield from variables_of(words, long_name(option), everywhere=False)
        return
    table: Iterable[str] = getattr(command, "table", ())
    for name in table:
        word = name.upper().replace("-", "_") + "_"
        if not rest.startswith(word):
            continue
        below = command.get_command(click.Context(command), name)
        if below is not None:
            yield from _of_commands(below, rest.removeprefix(word), (*words, name))
