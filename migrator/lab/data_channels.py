"""The data channels of Session Manager sessions, and what an instance inside the VPC reaches.

The plugin of the lab opens one connection that stays (its end is the session's), and one for each
connection that it forwards. Each begins with a line: the session's token and ``stay`` or
``forward``. An instance reaches endpoints with private access, and nodes reach the Services of
their cluster under the names that external-dns would publish for them.
"""

import contextlib
import re
import secrets
import select
import socket
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.lab.worlds.ssm_sessions import SsmSession
from migrator.lab.worlds.world import LabCluster, World

if TYPE_CHECKING:
    from migrator.lab.kubernetes_api import KubernetesServers

# What external-dns publishes the address of a ClusterIP Service under (its documentation,
# "Annotations").
NAME_ANNOTATION = "external-dns.alpha.kubernetes.io/internal-hostname"
_CHUNK = 64 * 1024
_HEAD = 16 * 1024
_CONNECT = re.compile(rb"CONNECT (?P<host>[^ :]+):(?P<port>\d{1,5}) HTTP/1\.[01]\r\n")


class DataChannels:
    """One port for all sessions of a lab, open from the first session on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._listener: socket.socket | None = None

    def url(self, session: SsmSession) -> str:
        """Where the plugin of a session connects to. The caller holds the world's lock."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        port = self._listener.getsockname()[1]
        return f"tcp://127.0.0.1:{port}/v1/data-channel/{session.id}"

    def stop(self) -> None:
        """End all sessions."""
        for session in list(self._world.ssm_sessions.values()):
            session.end()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                plugin, _ = listener.accept()
                threading.Thread(target=self._serve, args=(plugin,), daemon=True).start()

    def _serve(self, plugin: socket.socket) -> None:
        with plugin, contextlib.suppress(OSError, ValueError):
            token, what = _line(plugin).split()
            session = self._session(token.decode())
            if session is None or session.ended:
                return
            session.connections.add(plugin)
            try:
                plugin.sendall(b"ok\n")
                if what == b"stay":
                    plugin.recv(1)
                    return
                self._forward(session, plugin)
            finally:
                session.connections.discard(plugin)

    def _session(self, token: str) -> SsmSession | None:
        with self._world.lock:
            for session in self._world.ssm_sessions.values():
                if secrets.compare_digest(session.token, token):
                    return session
        return None

    def _forward(self, session: SsmSession, plugin: socket.socket) -> None:
        """Join the connection with what the instance reaches; end it where it reaches nothing."""
        reached = self._dial(session, session.host, session.port)
        if reached is not None:
            with reached:
                _join(plugin, reached)
        elif self._is_proxy(session):
            self._serve_proxy(session, plugin)

    def _dial(self, session: SsmSession, host: str, port: int) -> socket.socket | None:
        """A connection to the API server that has this address, as a host of the VPC has it."""
        with self._world.lock:
            for cluster in self._clusters(session):
                address = urlsplit(cluster.endpoint_url or "")
                if (address.hostname, address.port) != (host, port):
                    continue
                config = cluster.vpc_config_at(self._world.now())
                if not config["endpointPrivateAccess"]:
                    return None
                servers: KubernetesServers = self._world.kubernetes
                return socket.create_connection(("127.0.0.1", servers.port_inside(cluster)))
        return None

    def _is_proxy(self, session: SsmSession) -> bool:
        """Whether a Service of the node's cluster has the name and the port, and a Deployment has
        the pods that it selects.
        """
        with self._world.lock:
            account = self._world.accounts[session.account]
            tags = account.instances[session.instance].tags
            return any(
                _publishes(cluster, session.host, session.port)
                for cluster in self._clusters(session)
                if f"kubernetes.io/cluster/{cluster.name}" in tags
            )

    def _serve_proxy(self, session: SsmSession, client: socket.socket) -> None:
        """One CONNECT, as privoxy answers it (privoxy ``jcc.c``: 200 Connection established, 503
        for what it does not reach, 400 for what is no request).
        """
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _HEAD:
            if not (data := client.recv(4096)):
                return
            head += data
        asked = _CONNECT.match(head)
        if asked is None:
            client.sendall(b"HTTP/1.1 400 Invalid header received from client\r\n\r\n")
            return
        reached = self._dial(session, asked["host"].decode(), int(asked["port"]))
        if reached is None:
            client.sendall(b"HTTP/1.1 503 Connect failed\r\nContent-Length: 0\r\n\r\n")
            return
        with reached:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _join(client, reached)

    def _clusters(self, session: SsmSession) -> list[LabCluster]:
        place = (session.account, session.region)
        found = self._world.clusters.items()
        return [each for (account, region, _), each in found if (account, region) == place]


def _publishes(cluster: LabCluster, host: str, port: int) -> bool:
    store = getattr(getattr(cluster.kube, "registry", None), "store", None)
    if store is None:
        return False
    deployments = store.items(("apps", "deployments"))[0]
    for service in store.items(("", "services"))[0]:
        annotations = part_of(part_of(service, "metadata"), "annotations")
        ports = [each.get("port") for each in items_of(part_of(service, "spec"), "ports")]
        if annotations.get(NAME_ANNOTATION) == host and port in ports:
            return any(_selects(service, each) for each in deployments)
    return False


def _selects(service: Mapping[str, Any], deployment: Mapping[str, Any]) -> bool:
    selector = part_of(part_of(service, "spec"), "selector")
    template = part_of(part_of(deployment, "spec"), "template")
    labels = part_of(part_of(template, "metadata"), "labels")
    same_place = service["metadata"]["namespace"] == deployment["metadata"]["namespace"]
    return same_place and bool(selector) and selector.items() <= labels.items()


def _line(connection: socket.socket) -> bytes:
    """What comes before the first line break, read byte by byte: what follows is not ours."""
    line = b""
    while len(line) < 512:
        byte = connection.recv(1)
        if byte in (b"", b"\n"):
            break
        line += byte
    return line


def _join(one: socket.socket, two: socket.socket) -> None:
    """Pass on what either side sends until one ends."""
    other = {one: two, two: one}
    while True:
        for each in select.select([one, two], [], [])[0]:
            if not (data := each.recv(_CHUNK)):
                return
            other[each].sendall(data)
