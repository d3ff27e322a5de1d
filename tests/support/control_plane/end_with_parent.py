"""Runs a program that ends when the process that started this script ends, however that happens.

Linux sends the signal (``prctl``, PR_SET_PDEATHSIG), and a program that is started in place of this
script keeps the setting. It counts for the thread that started the script: that one has to live as
long as the process. On other systems the program is started without it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the program of the command line: ``PID-OF-THE-STARTER PROGRAM ARGUMENT…``."""
    starter, *program = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The starter may have ended before the kernel was told.
        if os.getppid() != int(starter):
            sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - the launcher names the program


if __name__ == "__main__":
    main()
