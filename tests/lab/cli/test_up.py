"""``migrate lab up`` in the foreground: the lab ends with its command, however that is ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.lab.lab_client import lab_state

SECONDS = 30.0


def until(found: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_lab_ends_with_its_command(number: signal.Signals, tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "migrator", "lab", "up", "--lab-dir", str(tmp_path / "lab")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # the signal is for the command alone, as from a service manager
    )
    try:
        told = command.stderr
        assert told is not None
        until(lambda: "the lab runs" in told.readline(), "the lab does not start")
        lab = int(lab_state(tmp_path / "lab")["pid"])
        assert is_alive(lab)
        command.send_signal(number)
        assert command.wait(SECONDS) == 0
        until(lambda: not is_alive(lab), "the lab runs on")
        assert not list((tmp_path / "lab").glob("*token*"))  # keys go with the lab
    finally:
        command.kill()
        command.communicate()
