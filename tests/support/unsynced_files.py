"""Files that are not written through to the disk.

A write that waits for the disk takes some milliseconds, and a journal has hundreds. That a file is
whole after a loss of power is nothing that a test shows: a killed process loses nothing of it.
"""

import os

import pytest


def _left_to_the_system(fd: object) -> None:
    """In the place of ``os.fsync``."""


def leave_files_unsynced() -> None:
    """In this process, and in those that are forked from it."""
    os.fsync = _left_to_the_system


@pytest.fixture(autouse=True)
def unsynced_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every test that measures nothing."""
    if request.node.get_closest_marker("benchmark") is None:
        monkeypatch.setattr(os, "fsync", _left_to_the_system)
