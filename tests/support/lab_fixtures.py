"""A lab for each test that asks for one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_lab import SmallLab, small_lab, world_document


@pytest.fixture
def start_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SmallLab]]:
    """Starts a lab with a world of one's own: ``start_lab(objects=(...),
    authenticationMode="API")``.
    """
    with ExitStack() as running:

        def start(**changes: Any) -> SmallLab:  # noqa: ANN401 - fields of a world file
            return running.enter_context(
                small_lab(tmp_path / "lab", monkeypatch, world_document(**changes))
            )

        yield start


@pytest.fixture
def lab(start_lab: Callable[..., SmallLab]) -> SmallLab:
    """The small lab as it is."""
    return start_lab()
