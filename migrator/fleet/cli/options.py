"""Options that the commands of a fleet share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def fleet_argument(function: F) -> F:
    """The fleet file."""
    return click.argument("fleet_file", metavar="[FLEET]", default="fleet.yaml")(function)


def run_options(function: F) -> F:
    """Which clusters, how many concurrently, when to stop; ``--fresh`` begins a new run."""
    fresh = click.option(
        "--fresh", is_flag=True, help="Start from the beginning; do not continue the last run."
    )
    return fresh(read_options(function))


def read_options(function: F) -> F:
    """The same for commands that only read: each run reads every cluster."""
    options = (
        click.option(
            "--cluster",
            "clusters",
            metavar="CLUSTER",
            multiple=True,
            help="Only this cluster: its ARN, ACCOUNT/REGION/NAME as tables print it, or its name; "
            "may be repeated.",
        ),
        click.option(
            "--concurrency",
            type=click.IntRange(min=1),
            metavar="N",
            help="Clusters to work on concurrently, in all.",
        ),
        click.option(
            "--stop-file", metavar="FILE", help="Begin no further cluster once this file is there."
        ),
        click.option(
            "--executor",
            type=click.Choice(["threads", "dask"]),
            default="threads",
            show_default=True,
            help="Who does the work: this process, or workers of dask. What is one-way this "
            "process always does.",
        ),
        *_dask_options(),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _dask_options() -> tuple[Callable[[Any], Any], ...]:
    """For ``--executor dask`` only."""
    return (
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="dask: tls://HOST:PORT of a scheduler; else processes here do it.",
        ),
        click.option(
            "--tls-ca", metavar="FILE", help="dask: the authority of the scheduler's certificate."
        ),
        click.option(
            "--tls-cert", metavar="FILE", help="dask: our certificate, of the same authority."
        ),
        click.option("--tls-key", metavar="FILE", help="dask: its key."),
        click.option(
            "--insecure-scheduler", is_flag=True, help="dask: allow tcp:// to another machine."
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="dask: processes that are started here [2], or are waited for and used at most "
            "[all].",
        ),
        click.option(
            "--worker-wait",
            type=click.FloatRange(min=1),
            metavar="SECONDS",
            help="dask: how long a cluster waits for a worker that may do it. [60]",
        ),
    )


def wave_options(function: F) -> F:
    """For commands that write, wave by wave."""
    return click.option(
        "--approve",
        metavar="WAVE",
        multiple=True,
        help="Begin this wave, which waits for approval; may be repeated.",
    )(function)
