"""The operator at this terminal: questions on stdin, talk on stderr."""

import os
import sys
from contextlib import ExitStack

import click

from migrator.app.operator import Operator
from migrator.app.settings import Settings
from migrator.cli.log_lines import THIS
from migrator.cli.terminal import TerminalApprover, events_of, use_color


def approver_of(
    settings: Settings, *, yes: bool = False, typed: str | None = None
) -> TerminalApprover:
    """Questions at this terminal."""
    color = use_color(settings, sys.stderr, os.environ)
    as_json = settings.log_format == "json"
    return TerminalApprover(
        sys.stdin,
        sys.stderr,
        yes=yes,
        typed=typed,
        color=color,
        as_json=as_json,
    )


def operator_of(settings: Settings, *, yes: bool = False, typed: str | None = None) -> Operator:
    """The operator of the command that runs. ``yes`` answers questions, ``typed`` the one for a
    name. What the command holds is closed with click's context, where there is one.
    """
    context = click.get_current_context(silent=True)
    events = events_of(settings)
    # Said before an SDK is loaded, which alone takes a second on a slow machine.
    events.doing(f"{THIS.command or 'migrate'} begins")
    return Operator(
        settings,
        approver_of(settings, yes=yes, typed=typed),
        events,
        None if context is None else context.with_resource(ExitStack()),
    )
