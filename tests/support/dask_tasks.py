"""What workers of dask do in tests, named by import path. Arguments and answers are JSON."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migrator.fleet.model.job import Job
from tests.support.fleet_values import ACCOUNT

_WORD = threading.Event()


def job(
    name: str,
    task: str = "echo",
    account: str = ACCOUNT,
    placement: str | None = None,
    **arguments: Any,  # noqa: ANN401
) -> Job:
    """A job of this module."""
    arn = f"arn:aws:eks:eu-central-1:{account}:cluster/{name}"
    return Job(arn, account, f"tests.support.dask_tasks:{task}", arguments, placement)


def echo(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, and which process was asked."""
    time.sleep(arguments.get("seconds", 0))
    return {**arguments, "pid": os.getpid()}


def mark(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Begin and end lines in a file: who works side by side with whom."""
    path = Path(arguments["file"])
    with path.open("a", encoding="utf-8") as file:
        file.write("+\n")
    time.sleep(arguments.get("seconds", 0.25))
    with path.open("a", encoding="utf-8") as file:
        file.write("-\n")
    return {}


def die(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Leave a trace, and take the whole process along."""
    with Path(arguments["file"]).open("a", encoding="utf-8") as file:
        file.write("begun\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def wait_for_word(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Wait until somebody says a word, or for long."""
    del arguments
    _WORD.clear()
    return {"told": _WORD.wait(30)}


def say_word(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The word, to whoever waits for it in this process."""
    del arguments
    _WORD.set()
    return {}


def fail(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Break, with a secret in the words."""
    raise ValueError(arguments["text"])
