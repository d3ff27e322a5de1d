"""A way to a private API server through Session Manager: a port on this machine that ends inside
the VPC.

``ssm:INSTANCE`` forwards straight to the cluster's endpoint, whose name stays the TLS server name;
``ssm:INSTANCE:HOST:PORT`` forwards to a proxy there. The data channel is the business of AWS's own
``session-manager-plugin``; the session's token goes to it by environment, because arguments are
visible to all users of the machine (plugin 1.2.497 and later; Systems Manager user guide, "Install
the Session Manager plugin").
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.errors import Failed, MigratorError, WrongUse

PLUGIN = "session-manager-plugin"
_FIRST_PLUGIN = (1, 2, 497)
_RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_VIA = re.compile(
    r"ssm:(?P<instance>m?i-[0-9a-f]{8,17})(?::(?P<host>[A-Za-z0-9.-]{1,253}):(?P<port>\d{1,5}))?"
)
_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
_OPEN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Via:
    """Where the tunnel ends: an instance, and a proxy it can reach; without one, the cluster's
    endpoint.
    """

    instance: str
    proxy_host: str | None = None
    proxy_port: int | None = None


def parse_via(text: str) -> Via:
    """``ssm:INSTANCE[:HOST:PORT]``. Raises ``via-malformed``."""
    found = _VIA.fullmatch(text)
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and not 0 < port < 65536):
        raise WrongUse(
            "via-malformed",
            f"--via {foreign(text)} names no way in.",
            remedy="Give ssm:INSTANCE, or ssm:INSTANCE:HOST:PORT for a proxy behind it.",
        )
    return Via(found["instance"], found["host"], port)


@contextmanager
def open_tunnel(
    session: AwsSession,
    via: Via,
    endpoint: Endpoint,
    *,
    plugin: str = PLUGIN,
    seconds: float = _OPEN_SECONDS,
) -> Iterator[Endpoint]:
    """The endpoint as it is reached through the tunnel, which lives as long as the context.

    Raises ``plugin-missing``, ``plugin-too-old``, ``iam-denied``, ``tunnel-failed``.
    """
    command = _plugin(plugin)
    url = urlsplit(endpoint.server)
    host, port = via.proxy_host or url.hostname or "", via.proxy_port or url.port or 443
    local = _free_port()
    request = {
        "Target": via.instance,
        "DocumentName": _DOCUMENT,
        "Parameters": {"host": [host], "portNumber": [str(port)], "localPortNumber": [str(local)]},
    }
    started = session.call("ssm", "start_session", subject=via.instance, **request)
    process = _start(command, session, request, started)
    try:
        _wait_until_open(process, local, seconds)
        if via.proxy_host:
            yield replace(endpoint, proxy_url=f"http://127.0.0.1:{local}")
        else:
            yield replace(
                endpoint,
                server=f"https://127.0.0.1:{local}",
                tls_server_name=url.hostname,
                proxy_url=None,
            )
    finally:
        _stop(process)
        with suppress(MigratorError):  # Session Manager ends idle sessions without a call
            session.call("ssm", "terminate_session", SessionId=started["SessionId"])


def _plugin(name: str) -> str:
    """The plugin's path, its version checked."""
    path = shutil.which(name)
    if path is None:
        raise Failed(
            "plugin-missing",
            "The Session Manager plugin is not installed on this machine.",
            why=f"--via needs {name}, which AWS ships.",
            remedy="Install it (Systems Manager user guide), or use --proxy-url.",
        )
    try:
        done = subprocess.run(  # noqa: S603
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(
            "plugin-missing", "The Session Manager plugin does not run.", why=foreign(error)
        ) from error
    version = tuple(int(part) for part in re.findall(r"\d{1,9}", done.stdout)[:3])
    if version < _FIRST_PLUGIN:
        raise Failed(
            "plugin-too-old",
            f"The Session Manager plugin is too old ({foreign(done.stdout) or 'no version'}).",
            why="It would take the session's token as an argument, which every user of this "
            "machine can see.",
            remedy="Install version 1.2.497 or later.",
        )
    return path


def _start(
    command: str, session: AwsSession, request: dict[str, Any], started: dict[str, Any]
) -> Any:
    endpoint = str(session.client("ssm").meta.endpoint_url)
    arguments = [
        command,
        _RESPONSE_VARIABLE,
        session.region or "",
        "StartSession",
        session.profile or "",
        json.dumps(request),
        endpoint,
    ]
    environment = {**os.environ, _RESPONSE_VARIABLE: json.dumps(started)}
    return subprocess.Popen(  # noqa: S603 - a fixed program, arguments as a list
        arguments,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _wait_until_open(process: Any, port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _not_open(f"The plugin ended with code {process.returncode}.")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise _not_open(f"Its port did not open within {seconds:.0f} seconds.")


def _not_open(why: str) -> Failed:
    return Failed(
        "tunnel-failed",
        "The Session Manager tunnel did not open.",
        why=why,
        remedy="Check that the instance runs the SSM agent and reaches the endpoint (security "
        "groups, port 443).",
    )


def _stop(process: Any) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
