"""What is written to a stream that may take nothing: a full disk, a reader that ended.

This module is loaded for ``migrate --help``: the standard library only.
"""

import os
import threading
from contextlib import suppress
from typing import TextIO

_ERASE = "\r\x1b[K"  # to the beginning of the line, and all of it away (ECMA-48, CR and EL)
# Streams whose last line is a status: the next output takes its place.
_WITH_STATUS: list[TextIO] = []
# The timer of a line that is written unless something else is before.
_LATER: list[threading.Timer] = []
# One line at a time: a timer writes in a thread of its own.
_WRITING = threading.RLock()


def talk(stream: TextIO, text: str) -> None:
    """Say something that may stay unread: a reader that has gone (``2>&1 | head``, a closed
    terminal, a full disk) ends the talk and never the run.
    """
    erase_status()
    _write(stream, text)


def show_status(stream: TextIO, text: str) -> None:
    """Write the last line of a terminal again. It is cut to the terminal's width: a line that
    wraps cannot be erased.
    """
    line = text[: max(1, _columns(stream) - 1)]
    _write(stream, _ERASE + line)
    if stream not in _WITH_STATUS:
        _WITH_STATUS.append(stream)


def keep_status(stream: TextIO) -> None:
    """End a status that is to stay, a bar that is full."""
    if stream in _WITH_STATUS:
        _WITH_STATUS.remove(stream)
        _write(stream, "\n")


def talk_later(stream: TextIO, text: str, seconds: float) -> None:
    """Say something if nothing else was said before so many seconds have passed."""
    with _WRITING:
        _forget_later()
        timer = threading.Timer(seconds, lambda: _now(timer, stream, text))
        timer.daemon = True  # the end of the program does not wait for it
        _LATER.append(timer)
        timer.start()


def _now(timer: threading.Timer, stream: TextIO, text: str) -> None:
    with _WRITING:
        # A timer that has run out is not stopped by cancel().
        if timer in _LATER:
            _LATER.remove(timer)
            _write(stream, text)


def _forget_later() -> None:
    while _LATER:
        _LATER.pop().cancel()


def erase_status() -> None:
    """Before anything else is written, on stdout too: it may be the same terminal."""
    with _WRITING:
        _forget_later()
        while _WITH_STATUS:
            _write(_WITH_STATUS.pop(), _ERASE)


def _write(stream: TextIO, text: str) -> None:
    with _WRITING, suppress(OSError, ValueError):  # ValueError: the stream is closed
        stream.write(text)
        stream.flush()


def _columns(stream: TextIO) -> int:
    """Columns of a terminal; one that does not know says 0, and 80 is usual."""
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or 80
    return 80


def let_go_of(stream: TextIO) -> None:
    """Send what is left in a stream that cannot be written to nowhere: Python would fail with it
    when it ends, with the exit code 120 (Py_FinalizeEx).
    """
    with suppress(OSError, ValueError):  # a stream in memory has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
