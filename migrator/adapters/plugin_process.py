"""AWS's ``session-manager-plugin`` as a process: found, its version checked, started for one
session, ended with this process.

The session's token goes to it by environment, because arguments are visible to all users of the
machine (plugin 1.2.497 and later; Systems Manager user guide, "Install the Session Manager
plugin").
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.errors import Failed

PLUGIN = "session-manager-plugin"
_FIRST = (1, 2, 497)
_RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_VERSION_SECONDS = 3.0
_END_SECONDS = 5.0
_LINES = 20  # of what the plugin said last
_WATCH = str(Path(__file__).with_name("plugin_watch.py"))
_INSTALL = (
    "Install it (Systems Manager user guide, Install the Session Manager plugin), or use "
    "--proxy-url."
)


def find_plugin(name: str = PLUGIN) -> str:
    """The plugin's path, its version checked. Raises ``plugin-missing``, ``plugin-too-old``."""
    path = shutil.which(name)
    if path is None:
        raise Failed(
            "plugin-missing",
            "The Session Manager plugin is not installed on this machine.",
            why=f"--via needs {PLUGIN}, which AWS ships, and PATH has none.",
            remedy=_INSTALL,
        )
    said = _version_of(path)
    version = tuple(map(int, re.findall(r"\d{1,9}", said)[:3]))
    if version < _FIRST:
        raise Failed(
            "plugin-too-old",
            f"The Session Manager plugin is too old ({foreign(said) or 'no version'}).",
            why="It would take the session's token as an argument, which every user of this "
            "machine can see.",
            remedy="Install version 1.2.497 or later.",
        )
    return path


def _version_of(path: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a program of the operator's PATH
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise Failed(
            "plugin-missing",
            "The Session Manager plugin does not run on this machine.",
            why=foreign(error),
            remedy=_INSTALL,
        ) from error
    return done.stdout


@dataclass(slots=True)
class PluginProcess:
    """A plugin that runs, with the port of this machine that it opens. ``said``: its last lines."""

    process: Any
    port: int
    said: "deque[str]" = field(default_factory=lambda: deque(maxlen=_LINES))

    @property
    def code(self) -> int | None:
        """How it ended, None while it runs."""
        found: int | None = self.process.poll()
        return found

    @property
    def last_words(self) -> str:
        """What it said last, in one line."""
        return foreign(next((line for line in reversed(self.said.copy()) if line.strip()), ""))

    def ended_within(self, seconds: float) -> bool:
        """Whether it has ended; an end that is just coming is waited for."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.code is not None

    def await_port(self, seconds: float) -> str:
        """Wait until the port is open. Returns why it is not, empty when it is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.code is not None:
                return f"The plugin ended with code {self.code}. {self.last_words}".strip()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return ""
            time.sleep(0.05)
        return f"Its port did not open within {seconds:.0f} seconds. {self.last_words}".strip()

    def end(self) -> None:
        """End it, and wait for its end. Whatever it started ends, too."""
        with suppress(OSError):
            self.process.stdin.close()
        if not self.ended_within(_END_SECONDS):
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def start_plugin(
    path: str,
    request: dict[str, Any],
    started: dict[str, Any],
    *,
    region: str,
    profile: str,
    endpoint: str,
) -> PluginProcess:
    """Start the plugin for a session: ``request`` and ``started`` are StartSession's request and
    answer. A Ctrl-C of the terminal does not reach it: what is undone then may need the tunnel.
    """
    arguments = [path, _RESPONSE_VARIABLE, region, "StartSession", profile, json.dumps(request)]
    process = subprocess.Popen(  # noqa: S603 - a program of the operator's PATH, arguments as a list
        [sys.executable, "-I", "-S", _WATCH, *arguments, endpoint],
        env={**os.environ, _RESPONSE_VARIABLE: json.dumps(started)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    plugin = PluginProcess(process, int(request["Parameters"]["localPortNumber"][0]))
    threading.Thread(target=_listen, args=(process, plugin.said), daemon=True).start()
    return plugin


def _listen(process: Any, said: "deque[str]") -> None:
    with suppress(OSError, ValueError), process.stdout:
        said.extend(process.stdout)  # a full pipe would stop the plugin


def free_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
