"""What runs inside a worker of dask: jobs that name functions by import path, and who this worker
is.

Only text crosses the wire, in both directions, so that no code of ours is pickled. A job is done by
the very process it was handed to, and once: dask itself moves work to another worker when one is
lost, whatever that worker had started.
"""

import json
import os
import platform
import signal
import threading
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.fleet.adapters.threads import run_task

_PROCESS = uuid.uuid4().hex
_LOCK = threading.Lock()
_BEGUN: set[str] = set()


def dask_setup(worker: Any) -> None:
    """Called by dask where the module is a worker's preload, as in our own cluster: Ctrl-C reaches
    every process of a terminal, and it is the coordinator's affair to bring what is under way to
    its end.
    """
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def about(order: str) -> str:
    """Who this process is, as JSON. ``order``: a file of the state and what must be in it, or
    neither.
    """
    given = json.loads(order)
    return json.dumps(
        {
            "process": _PROCESS,
            "host": platform.node(),
            "pid": os.getpid(),
            "version": our_version(),
            "sharesState": _holds(given.get("file"), given.get("content")),
        }
    )


def our_version() -> str:
    """The version of this distribution, here."""
    return version("eks-access-migrator")


def do(order: str) -> str:
    """Do one job, as JSON: ``{"answer": …}``, or ``{"lost": why}`` where there is none."""
    given = json.loads(order)
    if given["process"] != _PROCESS:
        return json.dumps({"lost": "the worker that got it has ended; this one did not start it"})
    with _LOCK:
        if given["attempt"] in _BEGUN:
            return json.dumps({"lost": "it was started here before, and is not started twice"})
        _BEGUN.add(given["attempt"])
    try:
        return json.dumps({"answer": run_task(given["task"], given["arguments"])})
    except Exception as error:
        return json.dumps({"lost": foreign(f"{type(error).__name__}: {error}")})


def tell(order: str) -> None:
    """Call a function by its import path, beside the jobs: a word to those that are under way."""
    given = json.loads(order)
    run_task(given["task"], given["arguments"])


def _holds(file: str | None, content: str | None) -> bool:
    """Whether the file is here with that content; True where there is none to look for."""
    if file is None:
        return True
    try:
        return Path(file).read_text(encoding="utf-8") == content
    except OSError:
        return False
