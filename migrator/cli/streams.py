"""What is written to a stream that may take nothing: a full disk, a reader that ended.

This module is loaded for ``migrate --help``: the standard library only.
"""

import os
from contextlib import suppress
from typing import TextIO


def talk(stream: TextIO, text: str) -> None:
    """Say something that may stay unread: a reader that has gone (``2>&1 | head``, a closed
    terminal, a full disk) ends the talk and never the run.
    """
    with suppress(OSError, ValueError):  # ValueError: the stream is closed
        stream.write(text)
        stream.flush()


def let_go_of(stream: TextIO) -> None:
    """Send what is left in a stream that cannot be written to nowhere: Python would fail with it
    when it ends, with the exit code 120 (Py_FinalizeEx).
    """
    with suppress(OSError, ValueError):  # a stream in memory has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
