"""Runs a program for as long as the process that started this one lives.

``python -I -S plugin_watch.py PROGRAM ARGUMENT…``, standard input a pipe that the starter holds: it
is closed when the starter ends in whatever way, SIGKILL included, and then the program is ended,
too. The exit code is the program's.
"""

import contextlib
import os
import subprocess
import sys
import threading

_END_SECONDS = 3.0


def main(command: list[str]) -> int:
    """Run the command to its end, or to that of the starter."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - given by the starter
    threading.Thread(target=_end_when_alone, args=(program,), daemon=True).start()
    code = program.wait()
    return code if code >= 0 else 128 - code


def _end_when_alone(program: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock, held here, would abort the interpreter's end
        pass
    program.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_END_SECONDS)
    program.kill()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
