"""Options that the commands of a fleet share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def fleet_argument(function: F) -> F:
    """The fleet file."""
    return click.argument("fleet_file", metavar="[FLEET]", default="fleet.yaml")(function)


def run_options(function: F) -> F:
    """Which clusters, how many at once, when to stop."""
    options = (
        click.option("--cluster", "clusters", metavar="ARN", multiple=True, help="Only this cluster; may be repeated."),
        click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Clusters at once, in all."),
        click.option("--fresh", is_flag=True, help="Begin anew instead of going on with the last run."),
        click.option("--stop-file", metavar="FILE", help="Begin no further cluster once this file is there."),
        click.option(
            "--executor",
            type=click.Choice(["threads", "dask"]),
            default="threads",
            show_default=True,
            help="Who does the work: this process, or workers of dask.",
        ),
        click.option("--scheduler", metavar="ADDRESS", help="dask's scheduler (tls://…); without it workers here."),
        click.option(
            "--tls",
            "tls",
            metavar="CA,CERT,KEY",
            help="Files for a tls:// scheduler: certificate authority, certificate, key.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def wave_options(function: F) -> F:
    """For commands that write, wave by wave."""
    return click.option(
        "--approve", metavar="WAVE", multiple=True, help="Approve this wave beforehand; may be repeated."
    )(function)
