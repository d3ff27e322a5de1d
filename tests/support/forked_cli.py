"""The command line as processes that start at once: forked from one that has everything imported.

Each run is a process of its own with its own folder, environment and output, and dies by SIGKILL
like any other. What is saved is a second of imports a run. ``python -m tests.support.forked_cli``
is the process that forks.
"""

import atexit
import contextlib
import gc
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, TracebackType
from typing import Any, NoReturn, TextIO

_SECONDS = 240.0
# In the environment of a command: nobody else works on its clusters, so that it need not wait in
# machine time for locks.
ALONE = "TESTS_ALONE"
# A file with the seconds for which the machine was suspended while the command ran.
SUSPENDED = "TESTS_SUSPENDED"
# The lab itself runs in other processes.
_NOT_IMPORTED = ("migrator.lab", "migrator.__main__")
_OF_LAB_COMMANDS = ("migrator.lab.cli", "migrator.lab.lab_client")


class ForkedCli:
    """Runs ``migrate`` commands, one at a time."""

    seconds = 0.0  # of a processor, of all commands of this test process

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="forked-cli-")
        self._begin()

    def _begin(self) -> None:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_cli"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=Path(__file__).parents[2],
        )
        assert server.stdin is not None
        assert server.stdout is not None
        self._orders, self._answers = server.stdin, server.stdout
        self._wait: Callable[[], object] = lambda: server.wait(timeout=30)

    def twin(self) -> "ForkedCli":
        """Another one, forked from this one's process, for a command that runs at the same time."""
        return _Twin(self)

    def __enter__(self) -> "ForkedCli":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that forks."""
        self._orders.close()
        self._wait()
        self._answers.close()
        self._folder.cleanup()

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        started: Callable[[int], None] = lambda _pid: None,
        stdin: str = "",
        terminal: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; ``started`` is called with its process id before it does anything.

        Its standard input is a file with this text, or a terminal where one is named.
        """
        given, out, err = (Path(self._folder.name) / name for name in ("in", "out", "err"))
        for path, text in ((given, stdin), (out, ""), (err, "")):
            path.write_text(text, "utf-8")
        order = {
            "arguments": [*arguments],
            "folder": str(folder),
            "environment": dict(environment),
            "in": str(given),
            "out": str(out),
            "err": str(err),
            "terminal": terminal,
        }
        started(int(self._ask(order)["pid"]))
        ended = self._ask({"go": True})
        ForkedCli.seconds += ended["seconds"]
        code = int(ended["code"])
        return subprocess.CompletedProcess(
            [*arguments], code, out.read_text("utf-8"), err.read_text("utf-8")
        )

    def _ask(self, order: Mapping[str, object]) -> Mapping[str, float]:
        self._orders.write(json.dumps(order) + "\n")
        line = self._answers.readline()
        assert line, "the process that forks is gone"
        answer: Mapping[str, float] = json.loads(line)
        return answer


class _Twin(ForkedCli):
    """Ends when it is closed, or when this test process ends."""

    def __init__(self, first: ForkedCli) -> None:
        self._first = first
        super().__init__()

    def _begin(self) -> None:
        orders, answers = (Path(self._folder.name) / name for name in ("orders", "answers"))
        for path in (orders, answers):
            os.mkfifo(path)
        self._first._ask({"twin": [str(orders), str(answers)]})
        # Each waits until the other side is open, in this order.
        self._orders = orders.open("w", buffering=1, encoding="utf-8")
        self._answers = answers.open(encoding="utf-8")
        self._wait = lambda: None


class ForkedClis:
    """As many of them as run at the same time; each is kept for the next command."""

    def __init__(self) -> None:
        self._idle: list[ForkedCli] = []
        self._first: ForkedCli | None = None
        self._beginning = threading.Lock()

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        started: Callable[[int], None] = lambda _pid: None,
        stdin: str = "",
        terminal: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on one that is idle."""
        try:
            one = self._idle.pop()
        except IndexError:
            one = self._another()
        try:
            return one.run(arguments, folder, environment, started, stdin, terminal)
        finally:
            self._idle.append(one)

    def _another(self) -> ForkedCli:
        """One that shares what the first one has imported; the first one runs no command, so that
        it can always fork.
        """
        with self._beginning:
            if self._first is None:
                self._first = ForkedCli()
                atexit.register(self._first.close)
            one = self._first.twin()
            atexit.register(one.close)
            return one


class Running:
    """A command that runs beside the test, as a :class:`subprocess.Popen` of it would."""

    def __init__(
        self,
        clis: ForkedClis,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.pid = 0
        self._done: subprocess.CompletedProcess[str] | None = None
        began = threading.Event()

        def started(pid: int) -> None:
            self.pid = pid
            began.set()

        def run() -> None:
            self._done = clis.run(arguments, folder, environment, started)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert began.wait(_SECONDS), "the command was not started"

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._done is None else self._done.returncode

    def wait(self, timeout: float = _SECONDS) -> subprocess.CompletedProcess[str]:
        """How it ended, once it has."""
        self._thread.join(timeout)
        assert self._done is not None, f"{self.pid} still runs"
        return self._done

    def send_signal(self, number: int) -> None:
        """To the process itself."""
        os.kill(self.pid, number)


@cache
def forked_clis() -> ForkedClis:
    """Those of this test process."""
    return ForkedClis()


def load_everything() -> None:
    """What commands import when they are called; no thread is started before the fork."""
    import importlib
    import pkgutil

    import migrator
    from tests.support.service_models import read_service_models_once
    from tests.support.unsynced_files import leave_files_unsynced

    for name in ("kubernetes.client", "filelock", "encodings.ascii", "encodings.utf_8_sig"):
        importlib.import_module(name)
    leave_files_unsynced()
    _ask_aws_without_pauses()
    read_service_models_once()
    _read_service_models()
    for module in pkgutil.walk_packages(migrator.__path__, "migrator."):
        if not module.name.startswith(_NOT_IMPORTED) or module.name.startswith(_OF_LAB_COMMANDS):
            with contextlib.suppress(
                ImportError
            ):  # of an extra that is not installed; its command says so itself
                _learn_types(importlib.import_module(module.name))
    # No process looks through what was there before it began, which would also copy all of it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # as the tests' own process


def _ask_aws_without_pauses() -> None:
    """The rates of a fleet spare an AWS that has other callers: tests of their own show them."""
    from migrator.fleet.adapters.rate_limits import RateLimits

    defaults = RateLimits.__init__.__kwdefaults__
    assert defaults is not None
    assert "sleep" in defaults
    defaults["sleep"] = lambda _seconds: None


def _learn_types(module: ModuleType) -> None:
    """What msgspec works out of a type when it is first read or written."""
    from migrator.model.files.wire import prepare

    if module.__name__.startswith("migrator.model."):
        for each in vars(module).values():
            if getattr(each, "__module__", "") == module.__name__ and isinstance(each, type):
                with contextlib.suppress(TypeError):  # msgspec reads no such type
                    prepare(each)


def _read_service_models() -> None:
    """With the reader that all sessions of a process share: once, and not by every process."""
    from migrator.adapters.aws_session import AwsSettings, open_session

    session = open_session(AwsSettings(region="eu-central-1"))
    for service in ("eks", "sts", "iam", "ec2", "logs"):
        client = session.client(service)
        client.can_paginate(next(iter(client.meta.method_to_api_mapping)))


def _serve(orders: TextIO, answers: TextIO) -> None:
    def say(answer: Mapping[str, float]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    for line in iter(orders.readline, ""):
        order = json.loads(line)
        if "twin" in order:
            if os.fork() == 0:
                _serve_twin(*map(Path, order["twin"]))
            say({})
            continue
        ready, go = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(ready, 1)
            os.close(ready)
            _become(order)
        os.close(ready)
        say({"pid": child})
        orders.readline()
        os.close(go)
        _, status, used = os.wait4(child, 0)
        seconds = used.ru_utime + used.ru_stime
        say({"code": os.waitstatus_to_exitcode(status), "seconds": seconds})


def _serve_twin(orders: Path, answers: Path) -> NoReturn:
    try:
        with orders.open(encoding="utf-8") as given, answers.open("w", encoding="utf-8") as said:
            _serve(given, said)
    finally:
        os._exit(0)


def _become(order: Mapping[str, Any]) -> NoReturn:
    """In the child: take folder, environment and files of the command, run it, and end."""
    from migrator.cli.main import main

    os.chdir(str(order["folder"]))
    os.environ.clear()
    os.environ.update(order["environment"])
    if os.environ.pop(ALONE, ""):
        _let_waits_for_locks_jump()
    if suspended := os.environ.pop(SUSPENDED, ""):
        _count_as_suspended(Path(suspended))
    if order["terminal"]:
        _take_terminal(str(order["terminal"]))
    else:
        os.dup2(os.open(str(order["in"]), os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(str(order[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    code = 1
    try:
        main([str(argument) for argument in order["arguments"]])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _let_waits_for_locks_jump() -> None:
    """A wait is over at once, and the clock by which locks end has moved on by it."""
    from migrator.adapters.clock import SteadyTime

    seconds, passed = SteadyTime.seconds, [0.0]
    # The type checker takes methods for fixed.
    setattr(SteadyTime, "wait", lambda _self, wait: passed.append(max(0.0, wait)))  # noqa: B010
    setattr(SteadyTime, "seconds", lambda self: seconds(self) + sum(passed))  # noqa: B010


def _count_as_suspended(seconds_in: Path) -> None:
    """The clock by which locks end has moved on by what the file says at the moment."""
    from migrator.adapters.clock import SteadyTime

    seconds = SteadyTime.seconds
    # The type checker takes methods for fixed.
    setattr(  # noqa: B010
        SteadyTime, "seconds", lambda self: seconds(self) + float(seconds_in.read_text("utf-8"))
    )


def _take_terminal(path: str) -> None:
    """Begin a session at it, as a login does; a line is shown when it ends."""
    os.setsid()
    terminal = os.open(path, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(terminal, number)
    os.close(terminal)
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=True)


if __name__ == "__main__":
    load_everything()
    _serve(sys.stdin, sys.stdout)
