"""The AWS CLI and ``migrate`` for scripts that call them many times: each call is a process of its
own, forked from one that has the program imported. A call costs a third of a second less of a
processor.

A call goes on when the script ends its caller: what a script starts beside itself and ends is the
program as it is installed. ``python -m tests.support.forked_programs PROGRAM SOCKET USED`` is the
process that forks.
"""

import atexit
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

# Gives arguments, folder, environment and its three streams away, and ends as the call ends.
CALLER = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    order = [sys.argv[1:], os.getcwd(), dict(os.environ)]
    socket.send_fds(server, [b"!"], [0, 1, 2])
    server.sendall(json.dumps(order).encode() + b"\\n")
    answer = server.recv(8)
os._exit(int(answer))
"""


_USED: list[Path] = []


def seconds() -> float:
    """Of a processor, of all calls that ended."""
    return sum(float(used.read_text()) for used in _USED)


@cache
def folder_of(program: str) -> Path:
    """A folder for the front of ``PATH`` with ``aws`` or ``migrate``."""
    place = TemporaryDirectory(prefix=f"forked-{program}-")
    folder = Path(place.name)
    address = str(folder / "socket")
    used = folder / "seconds"
    used.write_text("0")
    (folder / program).write_text(CALLER.format(python=sys.executable, address=address), "utf-8")
    (folder / program).chmod(0o700)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.forked_programs", program, address, str(used)],
        stdin=subprocess.PIPE,  # it ends with the tests
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "AWS_CONFIG_FILE": str(folder / "no-config")},
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    _USED.append(used)

    def close() -> None:
        server.kill()
        server.communicate()
        _USED.remove(used)
        place.cleanup()

    atexit.register(close)
    return folder


def _load_aws() -> None:
    import awscli.clidriver

    driver = awscli.clidriver.create_clidriver()
    driver.create_help_command()  # imports what the table of commands imports
    driver.session.create_client(
        "eks", "eu-central-1", aws_access_key_id="-", aws_secret_access_key="-"
    )


def _load_migrate() -> None:
    from tests.support.forked_cli import load_everything

    load_everything()


class _LabTime:
    """In the place of the module ``time``, for what waits until AWS is ready: 30 seconds a look."""

    def sleep(self, seconds: float) -> None:
        """The lab is ready when its own time has come."""
        from migrator.adapters.clock import open_clock

        open_clock(os.environ).sleep(timedelta(seconds=seconds))


def _run_aws(arguments: list[str]) -> int:
    import awscli.clidriver

    # The one that the AWS CLI brings along: by this name once it is imported.
    import botocore.waiter

    setattr(botocore.waiter, "time", _LabTime())  # noqa: B010 - the type checker takes it for fixed
    sys.argv = ["aws", *arguments]
    return int(awscli.clidriver.main())


def _run_migrate(arguments: list[str]) -> NoReturn:
    from migrator.cli.main import main

    main(arguments)


_PROGRAMS: dict[str, tuple[Callable[[], None], Callable[[list[str]], int]]] = {
    "aws": (_load_aws, _run_aws),
    "migrate": (_load_migrate, _run_migrate),
}


def _serve(program: str, address: str, used: Path) -> None:
    load, run = _PROGRAMS[program]
    load()
    signal.signal(signal.SIGCHLD, lambda _number, _frame: _reap(used))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            caller, _ = server.accept()
            if os.fork() == 0:
                _call(caller, run)
            caller.close()


def _reap(used: Path) -> None:
    """Ended calls leave nothing behind but what they took of a processor."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    took = resource.getrusage(resource.RUSAGE_CHILDREN)
    beside = used.with_suffix(".new")
    beside.write_text(str(took.ru_utime + took.ru_stime))
    beside.replace(used)  # whoever reads it reads a whole number


def _call(caller: socket.socket, run: Callable[[list[str]], int]) -> NoReturn:
    """In the child: take the caller's place, and say how the call ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(caller, 1, 3)
    with caller.makefile("rb") as orders:
        arguments, folder, environment = json.loads(orders.readline())
    os.chdir(folder)
    # The AWS CLI sets it when it is imported.
    its_own = {name: os.environ[name] for name in ("AWS_DATA_PATH",) if name in os.environ}
    os.environ.clear()
    os.environ.update(environment | its_own)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    code = 255
    try:
        code = run(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.sendall(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
