"""A way to a private API server through Session Manager: a port on this machine that ends inside
the VPC, at the cluster's endpoint, whose name stays the TLS server name, or at a proxy there.

The data channel is the business of AWS's own plugin. When it ends on the way, the tunnel is opened
once more, behind the same port; when that ends, too, the run stops cleanly.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.plugin_process import (
    PLUGIN,
    PluginProcess,
    find_plugin,
    free_port,
    start_plugin,
)
from migrator.adapters.ssm_nodes import instances_of
from migrator.adapters.tunnel_relay import Relay, answers
from migrator.adapters.via import Via
from migrator.errors import Failed, Interrupted, MigratorError

_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
_OPEN_SECONDS = 8.0  # with the plugin's version, within the 12 s of the whole way
_JUST_NOW = 5.0  # seconds: a request that failed after an end of the plugin failed because of it
_NOTHING_CAME = "The plugin runs, and not a byte came back through it."
_INSTANCES = 3  # that are tried before none is said to be connected


@dataclass(frozen=True, slots=True)
class Opened:
    """A session and its plugin."""

    instance: str
    session_id: str
    plugin: PluginProcess


class Tunnel:
    """Sessions to one host and port, one after the other. Safe to share between threads."""

    def __init__(
        self,
        session: AwsSession,
        instances: list[str],
        to: tuple[str, int],
        *,
        plugin: str,
        seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._session, self._instances, self._to = session, instances, to
        self._plugin, self._seconds, self._say = plugin, seconds, say
        self._lock = threading.Lock()
        self._now: Opened | None = None
        self._lost: MigratorError | None = None
        self._again = False
        self._ended_at = float("-inf")
        self._closed = False
        self._silent = ""

    def open(self) -> None:
        """Open the first session. Raises ``target-not-connected``, ``tunnel-failed``,
        ``iam-denied``.
        """
        with self._lock:
            self._now = self._opened()

    def port(self) -> int:
        """The port of the session that is open, which is opened once more where the plugin ended.
        Raises ``tunnel-lost``.
        """
        with self._lock:
            if self._lost is not None:
                raise self._lost
            now = self._now
            if now is not None and now.plugin.code is None:
                return now.plugin.port
            return self._reopened(now)

    def is_silent(self, answered: bool) -> bool:
        """Whether nothing comes through the session any more, although its plugin runs: it is ended
        then. ``answered``: something came before; else it is of no use to open it again.
        """
        with self._lock:
            now = self._now
            if now is None or now.plugin.code is not None:
                return True
            if answers(now.plugin.port):
                return False
            self._silent = "The plugin ran, and nothing came through the session any more."
            if not answered:
                self._lost = _not_open(now.instance, _NOTHING_CAME)
            now.plugin.end()
            return True

    def _reopened(self, before: Opened | None) -> int:
        """Open it once more. The caller holds the lock."""
        why = self._silent or ("" if before is None else before.plugin.last_words)
        self._ended_at = time.monotonic()
        self._end()
        if self._again or self._closed:
            self._lost = _lost(why)
            raise self._lost
        self._again = True
        self._say("the Session Manager tunnel ended; it is opened once more")
        try:
            self._now = self._opened()
        except MigratorError as error:
            self._lost = _lost(f"{error.message} {error.why}".strip())
            raise self._lost from error
        return self._now.plugin.port

    def why_lost(self) -> MigratorError | None:
        """Why a request that failed just now failed, where the tunnel is the cause."""
        now = self._now
        if self._lost is not None:
            return self._lost
        if now is not None and now.plugin.ended_within(0.3):
            return _lost(self._silent or now.plugin.last_words)
        if time.monotonic() - self._ended_at < _JUST_NOW:
            return _lost("")
        return None

    def close(self) -> None:
        """End plugin and session."""
        with self._lock:
            self._closed = True
            self._end()

    def _opened(self) -> Opened:
        """A session on the first instance that is connected."""
        *others, last = self._instances[:_INSTANCES]
        for instance in others:
            try:
                return self._opened_on(instance)
            except MigratorError as error:
                if error.code != "target-not-connected":
                    raise
        return self._opened_on(last)

    def _opened_on(self, instance: str) -> Opened:
        host, port = self._to
        local = str(free_port())
        request = {
            "Target": instance,
            "DocumentName": _DOCUMENT,
            "Parameters": {"host": [host], "portNumber": [str(port)], "localPortNumber": [local]},
        }
        started = self._session.call("ssm", "start_session", subject=instance, **request)
        session_id = str(started.get("SessionId"))
        plugin: PluginProcess | None = None
        try:
            plugin = self._started(request, started)
            why_not = plugin.await_port(self._seconds)
            if why_not:
                raise _not_open(instance, why_not)
        except BaseException:
            self._end_session(session_id, plugin)
            raise
        self._say(f"a Session Manager tunnel through {foreign(instance)} leads to {host}:{port}")
        return Opened(instance, session_id, plugin)

    def _started(self, request: dict[str, Any], started: dict[str, Any]) -> PluginProcess:
        return start_plugin(
            self._plugin,
            request,
            started,
            region=self._session.region or "",
            profile=self._session.profile or "",
            endpoint=str(self._session.client("ssm").meta.endpoint_url),
        )

    def _end(self) -> None:
        """End what is open. The caller holds the lock."""
        found, self._now = self._now, None
        if found is not None:
            self._end_session(found.session_id, found.plugin)

    def _end_session(self, session_id: str, plugin: PluginProcess | None) -> None:
        if plugin is not None:
            plugin.end()
        with suppress(MigratorError):  # Session Manager ends idle sessions without a call
            self._session.call("ssm", "terminate_session", SessionId=session_id)


@contextmanager
def open_tunnel(
    session: AwsSession,
    via: Via,
    endpoint: Endpoint,
    *,
    plugin: str = PLUGIN,
    seconds: float = _OPEN_SECONDS,
    say: Callable[[str], None] = lambda _text: None,
) -> Iterator[Endpoint]:
    """The endpoint as it is reached through the tunnel, which lives as long as the context.

    Raises ``plugin-missing``, ``plugin-too-old``, ``no-online-instance``, ``target-not-connected``,
    ``iam-denied``, ``tunnel-failed``.
    """
    path = find_plugin(plugin)
    instances = instances_of(session, via, endpoint.cluster_name)
    url = urlsplit(endpoint.server)
    to = (via.proxy_host or url.hostname or "", via.proxy_port or url.port or 443)
    tunnel = Tunnel(session, instances, to, plugin=path, seconds=seconds, say=say)
    relay: Relay | None = None
    try:
        tunnel.open()
        relay = Relay(tunnel.port, tunnel.is_silent)
        why_lost = _why(tunnel, relay, instances[0], to)
        if via.proxy_host:
            yield replace(endpoint, proxy_url=f"http://127.0.0.1:{relay.port}", why_lost=why_lost)
        else:
            yield replace(
                endpoint,
                server=f"https://127.0.0.1:{relay.port}",
                described=endpoint.server,
                tls_server_name=url.hostname,
                proxy_url=None,
                direct=True,
                why_lost=why_lost,
            )
    finally:
        tunnel.close()
        if relay is not None:
            relay.close()


def _why(
    tunnel: Tunnel,
    relay: Relay,
    instance: str,
    to: tuple[str, int],
) -> Callable[[], MigratorError | None]:
    """What a failed request asks: whether the tunnel is its cause."""

    def why_lost() -> MigratorError | None:
        found = tunnel.why_lost()
        if found is None and relay.last_unanswered:
            return _no_way(instance, to)
        return found

    return why_lost


def _not_open(instance: str, why: str) -> Failed:
    return Failed(
        "tunnel-failed",
        f"The Session Manager tunnel through {foreign(instance)} did not open.",
        why=why,
        remedy="Run the same command again; if it fails again, look at the plugin's log "
        "(/usr/local/sessionmanagerplugin/logs) and whether this machine reaches the endpoint of "
        "ssmmessages.",
    )


def _no_way(instance: str, to: tuple[str, int]) -> Failed:
    return Failed(
        "tunnel-no-way",
        f"The tunnel is open, and {foreign(instance)} does not reach {foreign(to[0])}:{to[1]}.",
        why="The connection was closed before a byte came back.",
        remedy=f"Let the instance's security group out to port {to[1]} and the target's in from "
        "it, and check that the name resolves in the VPC, or name another instance.",
    )


def _lost(why: str) -> Interrupted:
    return Interrupted(
        "tunnel-lost",
        "The Session Manager tunnel ended on the way.",
        why=f"{why} What was being sent may have been done; the next run looks.".strip(),
        remedy="Run the same command again: it continues from here.",
    )
