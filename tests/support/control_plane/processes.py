"""Programs that run beside a test: started with a log file each, waited for, and ended for
certain.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_PATIENCE = 60.0
_LINES = 25
_ENDING = (5.0, 2.0)  # seconds after each SIGTERM
_ENDED = Path(__file__).with_name("end_with_parent.py")


class NotReadyError(Exception):
    """A program did not come up; the text ends with what it said last."""


@dataclass
class Program:
    """One running program."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def await_ready(self, ready: Callable[[], bool], seconds: float = _PATIENCE) -> None:
        """Wait until ``ready``. Raises :class:`NotReadyError` when it ends before, or takes too
        long.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise NotReadyError(
                    f"{self.name} ended with {self.process.returncode}:\n{self.said()}"
                )
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"{self.name} is not ready after {seconds:.0f} s:\n{self.said()}"
                )
            time.sleep(0.05)

    def said(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LINES:])

    def stop(self) -> None:
        """SIGTERM, once more (aws-iam-authenticator does not end at the first), then SIGKILL."""
        for seconds in _ENDING:
            if self.process.poll() is not None:
                return
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


@dataclass
class Programs:
    """All programs of a run, ended in the reverse order."""

    folder: Path
    running: list[Program] = field(default_factory=list)

    def start(
        self, name: str, arguments: Sequence[str | Path], environment: Mapping[str, str]
    ) -> Program:
        """Start one. It gets this environment and nothing of ours but the path."""
        log = self.folder / f"{name}.log"
        starter = [sys.executable, "-I", "-S", str(_ENDED), str(os.getpid())]
        with log.open("wb") as output:
            launched = _launcher().submit(
                subprocess.Popen[bytes],
                [*starter, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": str(self.folder),
                    **environment,
                },
                start_new_session=True,  # Ctrl-C in the terminal is ours to pass on
            )
            process = launched.result()
        program = Program(name, process, log)
        self.running.append(program)
        return program

    def run(
        self, name: str, arguments: Sequence[str | Path], environment: Mapping[str, str]
    ) -> None:
        """Run one to its end. Raises :class:`NotReadyError` when it fails."""
        program = self.start(name, arguments, environment)
        self.running.remove(program)
        try:
            code = program.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            program.stop()
            code = -1
        if code != 0:
            raise NotReadyError(f"{name} ended with {code}:\n{program.said()}")

    def stop(self) -> None:
        """End all of them."""
        while self.running:
            self.running.pop().stop()


@cache
def _launcher() -> ThreadPoolExecutor:
    """The one thread that starts programs, which ends with this process.

    Linux ends a program with the thread that started it (``prctl``, PR_SET_PDEATHSIG), and a bed
    outlives the thread that asks for it: a request of the lab has a thread of its own.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
