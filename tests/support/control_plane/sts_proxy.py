"""A proxy that answers for STS and EC2 itself: what a real authenticator asks AWS is asked the lab
instead.

The authenticator takes tokens for STS's own hosts only, and Go's transport takes a proxy from
``HTTPS_PROXY``. The proxy opens TLS with a certificate of this run's authority (``SSL_CERT_FILE``),
reads the request and hands it to the lab's AWS side in process, host included, so that signatures
are checked. No other host is reached through it.
"""

import contextlib
import re
import socket
import ssl
import threading

from migrator.lab.aws.api import AwsApi
from migrator.lab.http_server import serve_connection
from migrator.lab.http_wire import DropConnectionError, WireRules
from migrator.lab.worlds.world import World
from tests.support.control_plane.certificates import Authority

_HOSTS = re.compile(r"(sts|ec2)(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")


class StsProxy:
    """Serves until it is stopped. ``asked`` holds the hosts that were asked for, those refused
    included.
    """

    def __init__(self, world: World, authority: Authority) -> None:
        self._api, self._authority = AwsApi(world), authority
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._thread = threading.Thread(target=self._accept, name="sts-proxy", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """For ``HTTPS_PROXY``."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        """Close the port."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._tunnel, args=(connection,), name="sts-proxy-tunnel", daemon=True
            ).start()

    def _tunnel(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, DropConnectionError):
            connection.settimeout(60)
            host = self._host_asked_for(connection)
            if host is None:
                connection.sendall(
                    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                return
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self._context(host).wrap_socket(connection, server_side=True) as tunnel:
                serve_connection(tunnel, self._api, WireRules())

    def _host_asked_for(self, connection: socket.socket) -> str | None:
        """Read CONNECT and nothing behind it: what follows is TLS, and not ours to buffer."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte or len(head) > 8192:
                return None
            head += byte
        method, _, rest = head.decode("latin-1").partition(" ")
        host, _, port = rest.partition(" ")[0].partition(":")
        self.asked.append(host)
        return host if method == "CONNECT" and port == "443" and _HOSTS.fullmatch(host) else None

    def _context(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._authority.server_context(host, [host])
            return self._contexts[host]
