"""The operator at this terminal: questions on stdin, talk on stderr."""

import os
import sys
from contextlib import ExitStack

import click

from migrator.app.operator import Operator
from migrator.app.settings import Settings
from migrator.cli.terminal import TerminalApprover, events_of, use_color


def approver_of(
    settings: Settings, *, yes: bool = False, typed: str | None = None
) -> TerminalApprover:
    """Questions at this terminal."""
    color = use_color(settings, sys.stderr, os.environ)
    return TerminalApprover(sys.stdin, sys.stderr, yes=yes, typed=typed, color=color)


def operator_of(settings: Settings, *, yes: bool = False, typed: str | None = None) -> Operator:
    """The operator of the command that runs. ``yes`` answers questions, ``typed`` the one for a
    name. What the command holds is closed with click's context, where there is one.
    """
    context = click.get_current_context(silent=True)
    return Operator(
        settings,
        approver_of(settings, yes=yes, typed=typed),
        events_of(settings),
        None if context is None else context.with_resource(ExitStack()),
    )
