"""Start-up, as a ratio to what nobody can avoid: the bare interpreter importing click."""

import subprocess
import sys
import time

import pytest

from tests.support.benchmark_table import Measured

pytestmark = pytest.mark.benchmark

ROUNDS = 15
LIMIT = 3.0


def _seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    return time.perf_counter() - start


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_takes_at_most_three_times_the_bare_interpreter_with_click(
    option: str, measured: Measured
) -> None:
    bare, ours = ["-c", "import click"], ["-m", "migrator", option]
    for arguments in (bare, ours):
        _seconds(arguments)  # byte code is compiled once
    # Taken in turns, so that whatever else the machine does falls on both; the fastest is the least
    # disturbed.
    rounds = [(_seconds(bare), _seconds(ours)) for _ in range(ROUNDS)]
    base, took = (min(times) for times in zip(*rounds, strict=True))
    measured(
        f"start: migrate {option}",
        of="the interpreter importing click",
        ideal=base * 1000,
        ours=took * 1000,
        bound=LIMIT,
        unit="ms",
    )
