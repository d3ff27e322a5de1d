"""The HTTP server of the lab: many ports in one process, plain or TLS. One thread accepts for all
ports, and each connection has a thread.

Answers leave in one segment, without Nagle's delay; connections are kept alive; watches stream in
chunks.
"""

import contextlib
import io
import select
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from migrator.lab.http_wire import (
    REASONS,
    BadRequestError,
    CutRequestError,
    DropConnectionError,
    Handler,
    Reader,
    Response,
    WireRules,
    encode_head,
    read_request,
)

_BACKLOG = 512
_HANDSHAKE_SECONDS = 10.0
_READ_AHEAD = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(eq=False, slots=True)
class _Port:
    """One listening port and the connections that came in through it."""

    listener: socket.socket
    handler: Handler
    rules: WireRules
    tls: Callable[[], ssl.SSLContext] | None
    admits: Callable[[], bool] | None
    connections: set[socket.socket] = field(default_factory=set)
    closed: bool = False


class HttpServer:
    """Ports of 127.0.0.1 on one accepting thread, which lives as long as any port is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._selector: selectors.BaseSelector | None = None
        self._wake: socket.socket | None = None

    def listen(
        self,
        handler: Handler,
        rules: WireRules,
        *,
        port: int = 0,
        tls: Callable[[], ssl.SSLContext] | None = None,
        admits: Callable[[], bool] | None = None,
    ) -> tuple[int, Callable[[], None]]:
        """Serve ``handler`` on a port, 0 for a free one; returns the port and what closes it.

        ``tls`` is asked at each connection: certificates change while a port is open. A connection
        that ``admits`` refuses is held without an answer, as a filter on addresses does.
        """
        listener = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
        listener.setblocking(False)
        opened = _Port(listener, handler, rules, tls, admits)
        with self._lock:
            selector = self._selector or self._start()
            selector.register(listener, selectors.EVENT_READ, opened)
            self._wake_up()
        return int(listener.getsockname()[1]), lambda: self._close(opened)

    def hang_up(self, number: int) -> None:
        """End every connection of a port, which stays open: its server starts again."""
        with self._lock:
            connections = [
                connection
                for key in (self._selector.get_map().values() if self._selector else ())
                if key.data is not None and key.data.listener.getsockname()[1] == number
                for connection in key.data.connections
            ]
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self) -> selectors.BaseSelector:
        """Start the accepting thread. The caller holds the lock."""
        self._selector = selectors.DefaultSelector()
        woken, self._wake = socket.socketpair()
        self._selector.register(woken, selectors.EVENT_READ, None)
        arguments = (self._selector, woken, self._wake)
        threading.Thread(
            target=self._accept, args=arguments, name="lab-accept", daemon=True
        ).start()
        return self._selector

    def _close(self, port: _Port) -> None:
        with self._lock:
            if port.closed or self._selector is None:
                return
            port.closed = True
            self._selector.unregister(port.listener)
            port.listener.close()
            connections = list(port.connections)
            # Only the socket that wakes the accepting thread is left: the thread ends.
            if len(self._selector.get_map()) == 1:
                self._selector = None
            self._wake_up()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.send(b"w")

    def _accept(
        self, selector: selectors.BaseSelector, woken: socket.socket, wake: socket.socket
    ) -> None:
        """Accept connections of all ports until the last one is closed. Each is served by a
        separate thread, so that a slow peer does not hold up the others.
        """
        while self._selector is selector:
            for key, _ in selector.select():
                if key.data is None:
                    woken.recv(1024)
                    continue
                port: _Port = key.data
                with contextlib.suppress(OSError):
                    connection, address = port.listener.accept()
                    arguments = (connection, f"{address[0]}:{address[1]}", port)
                    threading.Thread(target=self._serve, args=arguments, daemon=True).start()
        selector.close()
        woken.close()
        wake.close()

    def _serve(self, plain: socket.socket, client: str, port: _Port) -> None:
        """Serve one connection from its TLS handshake to its end.

        Where the port does not admit the peer, the connection stays open and silent, as a firewall
        that drops packets looks to a client.
        """
        connection = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(_HANDSHAKE_SECONDS)
            if port.admits is not None and not port.admits():
                _hold(plain)
                return
            if port.tls is not None:
                connection = port.tls().wrap_socket(plain, server_side=True)
            connection.settimeout(port.rules.idle_seconds)
            with self._lock:
                if port.closed:
                    return
                port.connections.add(connection)
            serve_connection(connection, port.handler, port.rules, client)
        except DropConnectionError as dropped:
            _drop(connection, dropped)
        except (OSError, ValueError):
            pass  # the client closed the connection, or spoke no TLS
        finally:
            with self._lock:
                port.connections.discard(connection)
            with contextlib.suppress(OSError):
                connection.close()


def _hold(connection: socket.socket) -> None:
    """Read and answer nothing, until the client or the time for a handshake ends it."""
    while connection.recv(4096):
        pass


def _drop(connection: socket.socket, dropped: DropConnectionError) -> None:
    if dropped.hang > 0:
        time.sleep(dropped.hang)
    if dropped.reset:
        # With linger 0 the kernel sends RST instead of FIN (socket(7)).
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def serve_connection(
    connection: socket.socket, handler: Handler, rules: WireRules, client: str = ""
) -> None:
    """Answer requests until either side ends the connection. Raises OSError when the peer breaks
    it, and :class:`DropConnectionError` as the handler does.
    """
    with io.BufferedReader(socket.SocketIO(connection, "r"), _READ_AHEAD) as reader:
        try:
            while _answer_one(reader, connection, handler, rules, client):
                pass
        except CutRequestError:
            pass
        except BadRequestError as error:
            if rules.explains_refusals:
                text = REASONS[error.status].encode()
                refusal = Response(error.status, text, "text/plain")
                connection.sendall(encode_head(refusal, rules, keep=False) + text)


def _answer_one(
    reader: Reader,
    connection: socket.socket,
    handler: Handler,
    rules: WireRules,
    client: str,
) -> bool:
    """Read and answer one request; False when the connection is over."""
    request = read_request(reader, rules, lambda: connection.sendall(_CONTINUE), client)
    if request is None:
        return False
    response = handler(request)
    keep = request.header("connection").lower() != "close"
    head = encode_head(response, rules, keep=keep)
    if response.chunks is not None:
        connection.sendall(head)
        return _stream(connection, response) and keep
    body = b"" if request.method == "HEAD" else response.body
    connection.sendall(head + body)
    return keep


def _stream(connection: socket.socket, response: Response) -> bool:
    """Send chunks as they come; False when the client closed the connection before the last."""
    for chunk in response.chunks or ():
        if chunk:
            connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        # A client that watches sends nothing more: readable means that it closed.
        elif _is_readable(connection):
            return False
    connection.sendall(b"0\r\n\r\n")
    return True


def _is_readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
