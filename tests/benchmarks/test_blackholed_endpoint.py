"""How long a command takes that gets no answer from the API server: the whole way has 12 seconds.

The time is real, because that is what a person waits.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.journeys.test_ways_that_fail import Place
from tests.support.benchmark_table import Measured
from tests.support.remedy_lab import RemedyLab, remedy_lab

pytestmark = pytest.mark.benchmark
SECONDS = 12.0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemedyLab]:
    with remedy_lab(tmp_path_factory.mktemp("blackhole"), ["prod"]) as found:
        found.run("--help")  # the process that commands are forked from starts with the first one
        yield found


@pytest.mark.parametrize("words", [("doctor",), ("plan",), ("snapshot", "--out", "-")], ids=str)
def test_a_command_ends_within_12_seconds_where_nothing_answers(
    words: tuple[str, ...], lab: RemedyLab, measured: Measured
) -> None:
    """Also where this machine's address has to be asked for first."""
    with ExitStack() as running:
        place = Place(lab, running)
        place.drop(publicAccessCidrs=["203.0.113.0/24"])
        began = time.monotonic()
        ran = place.run(*words)
        took = time.monotonic() - began
    assert ran.code == 1
    measured(f"no answer: migrate {words[0]}", of="the limit", ideal=SECONDS, ours=took, bound=1)
