"""Every scenario runs against the embedded lab, and against the real components wherever they
are.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.control_plane.bed import Bed, EmbeddedBed
from tests.support.control_plane.binaries import find_binaries

FOUND = find_binaries(os.environ)  # before the tests' own environment hides it
BEDS = ("embedded",) if isinstance(FOUND, str) else ("embedded", "real")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without the components there is one skip in test_components.py, not one for every
    scenario.
    """
    if "bed" in metafunc.fixturenames:
        metafunc.parametrize("bed", BEDS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def bed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """One cluster for all scenarios of a module: they use principals and names of their own."""
    if request.param == "embedded":
        yield EmbeddedBed()
        return
    assert not isinstance(FOUND, str)
    from tests.support.control_plane.real_bed import RealBed

    real = RealBed(Path(tmp_path_factory.mktemp("control-plane")), FOUND).start()
    try:
        yield real
    finally:
        real.stop()
