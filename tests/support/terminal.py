"""A command at a terminal, with an answer typed once its question is read."""

import os
import pty
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.support.cli_lab import CliLab
from tests.support.forked_cli import forked_clis

_SECONDS = 120.0  # of a command, on a machine that has other things to do
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Seen:
    """What a person at the terminal saw up to the answer, and after it; the exit code."""

    before: str
    after: str
    code: int

    @property
    def text(self) -> str:
        return " ".join(self.before.split())


def at_terminal(
    lab: CliLab, arguments: Sequence[str], asks: str, answer: str, **changes: str
) -> Seen:
    """The command at a terminal, with ``answer`` typed once ``asks`` is read. ``changes``: to the
    environment.
    """
    leader, follower = pty.openpty()
    processes: list[int] = []
    with ThreadPoolExecutor(1) as beside:
        ran = beside.submit(
            _run,
            lab,
            arguments,
            follower,
            processes.append,
            lab.environment(TERM="xterm", **changes),
        )
        try:
            before = _read_until(leader, asks)
            os.write(leader, f"{answer}\n".encode())
            after = _read_until(leader, None)
            return Seen(before, after, ran.result(timeout=_SECONDS))
        finally:
            if not ran.done() and processes:
                os.kill(processes[0], signal.SIGKILL)
            ran.exception(timeout=_SECONDS)
            os.close(leader)


def _run(
    lab: CliLab,
    arguments: Sequence[str],
    follower: int,
    started: Callable[[int], None],
    environment: Mapping[str, str],
) -> int:
    """Its exit code. The terminal has an end once the command and this side have closed it."""
    try:
        return (
            forked_clis()
            .run(arguments, lab.work, environment, started, terminal=os.ttyname(follower))
            .returncode
        )
    finally:
        os.close(follower)


def _read_until(leader: int, text: str | None) -> str:
    """What is printed until ``text`` was, or until the end."""
    seen, deadline = "", time.monotonic() + _SECONDS
    while text is None or text not in " ".join(seen.split()):
        assert time.monotonic() < deadline, f"{text!r} was not printed: {seen}"
        try:
            data = os.read(leader, 65536)
        except OSError:  # the process ended (pty(7): EIO)
            data = b""
        if not data:
            assert text is None, f"{text!r} was not printed: {seen}"
            return seen
        seen += _ESCAPES.sub("", data.decode(errors="replace"))
    return seen


def in_order(text: str, *parts: str) -> None:
    """Each part is in the text, after the one before it."""
    at = 0
    for part in parts:
        found = text.find(part, at)
        assert found >= 0, f"{part!r} is not after what precedes it in: {text}"
        at = found + len(part)
