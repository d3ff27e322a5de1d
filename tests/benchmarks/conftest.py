"""How a benchmark reports: ``measured(name, ideal=…, of=…, ours=…, bound=…)``."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.cli.main import collect_seldom
from tests.support.benchmark_table import RESULTS, Measure, Measured, line_of

_TO: Path | None = Path(os.environ[RESULTS]) if RESULTS in os.environ else None


@pytest.fixture
def measured(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Measured:
    """Alone, a test fails where the ratio is above the bound. In ``make bench`` the median of three
    runs is judged, so this one is only written down.
    """

    def take(
        name: str, *, of: str, ideal: float, ours: float, bound: float, unit: str = "s"
    ) -> None:
        found = Measure(name, of, ideal, ours, unit, bound)
        with capsys.disabled():
            print(f"\n{found}")  # noqa: T201 - a benchmark's result
        if _TO is None:
            assert found.ratio <= bound, str(found)
            return
        with _TO.open("a", encoding="utf-8") as file:
            file.write(line_of(request.node.nodeid, found))

    return take


@pytest.fixture
def as_in_a_command() -> Iterator[None]:
    """Garbage is looked for as ``migrate`` looks for it."""
    before = gc.get_threshold()
    collect_seldom()
    gc.collect()
    yield
    gc.set_threshold(*before)
