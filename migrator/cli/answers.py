"""What people decided, for commands that act on a plan: decisions.yaml and ``--as``."""

from collections.abc import Iterable

import click

from migrator.cli.files import read_decisions
from migrator.model.decision import NO_DECISIONS, AssumeAs, Decisions


def decisions_in(path: str | None) -> Decisions:
    """The answers of a decisions file; none without a file."""
    # An empty path says: none, although the plan was made with some.
    if not path:
        return NO_DECISIONS
    from migrator.model.files.decisions import decode_decisions

    return decode_decisions(read_decisions(path))


def ways_given(given: Iterable[str]) -> dict[str, AssumeAs]:
    """How to log in as whom, as ``PRINCIPAL=PROFILE`` on the command line say."""
    ways: dict[str, AssumeAs] = {}
    for item in given:
        arn, equals, profile = item.rpartition("=")
        if not equals or not arn or not profile:
            raise click.UsageError(f"--as wants PRINCIPAL=PROFILE, and got {item!r}.")
        ways[arn] = AssumeAs(profile=profile)
    return ways
