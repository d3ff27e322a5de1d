"""The folder of a lab that a shell uses, read where nothing answers at the lab's address."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migrator.errors import Failed
from migrator.model.lab_record import (
    DIRECTORY_VARIABLE,
    NOTE_FILE,
    STATE_FILE,
    behind_environment,
)


def lab_is_down(environment: Mapping[str, str]) -> Failed | None:
    """``lab-not-running`` with when and how, where this environment is a lab's; None where it is
    not.
    """
    directory = environment.get(DIRECTORY_VARIABLE)
    if not directory:
        return None
    state = _read(Path(directory) / STATE_FILE)
    # It runs: what failed has another cause.
    if state is not None and _runs(state):
        state = {**state, "runs": True}
    return behind_environment(environment, state, _read(Path(directory) / NOTE_FILE))


def _runs(state: Mapping[str, Any]) -> bool:
    """Whether the lab's process exists (kill(2): signal 0 only asks)."""
    try:
        os.kill(int(state["pid"]), 0)
    except (OSError, KeyError, TypeError, ValueError):
        return False
    return True


def _read(path: Path) -> Mapping[str, Any] | None:
    """A document of the folder; None where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
