"""The AWS CLI for scripts that call it many times: each call is a process of its own, forked from
one that has the AWS CLI imported. A call costs a third of a second less of a processor.

``python -m tests.support.forked_aws SOCKET`` is the process that forks.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
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


@cache
def folder_of_aws() -> Path:
    """A folder for the front of ``PATH``: its ``aws`` is the AWS CLI."""
    place = TemporaryDirectory(prefix="forked-aws-")
    folder = Path(place.name)
    address = str(folder / "socket")
    (folder / "aws").write_text(CALLER.format(python=sys.executable, address=address), "utf-8")
    (folder / "aws").chmod(0o700)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.forked_aws", address],
        stdin=subprocess.PIPE,  # it ends with the tests
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "AWS_CONFIG_FILE": str(folder / "no-config")},
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"

    def close() -> None:
        server.kill()
        server.communicate()
        place.cleanup()

    atexit.register(close)
    return folder


def _serve(address: str) -> None:
    import awscli.clidriver

    driver = awscli.clidriver.create_clidriver()
    driver.create_help_command()  # imports what the table of commands imports
    driver.session.create_client(
        "eks", "eu-central-1", aws_access_key_id="-", aws_secret_access_key="-"
    )
    signal.signal(signal.SIGCHLD, _reap)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            caller, _ = server.accept()
            if os.fork() == 0:
                _call(caller)
            caller.close()


def _reap(_number: int, _frame: object) -> None:
    """Ended calls leave nothing behind."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _call(caller: socket.socket) -> NoReturn:
    """In the child: take the caller's place, and say how the call ended."""
    import awscli.clidriver

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(caller, 1, 3)
    with caller.makefile("rb") as orders:
        arguments, folder, environment = json.loads(orders.readline())
    os.chdir(folder)
    its_own = os.environ["AWS_DATA_PATH"]  # the AWS CLI sets it when it is imported
    os.environ.clear()
    os.environ.update({**environment, "AWS_DATA_PATH": its_own})
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.argv = ["aws", *arguments]
    code = 255
    try:
        code = int(awscli.clidriver.main())
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
    _serve(sys.argv[1])
