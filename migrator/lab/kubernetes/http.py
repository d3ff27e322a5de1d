"""HTTP/1.1 over TLS for many clusters in one process: one accepting thread for all ports, one
thread a connection.

Written on sockets, because the standard library's request handler parses headers through the e-mail
package, which takes longer than answering an access review. Answers leave in one segment, without
Nagle's delay; connections are kept alive; watches stream in chunks.
"""

import contextlib
import select
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, cast
from urllib.parse import parse_qs, unquote

from migrator.lab.http_wire import DropConnectionError
from migrator.lab.kubernetes.json_types import Value, compact_json

_MAX_HEADER = 64 * 1024
_MAX_BODY = 3 * 1024 * 1024  # kube-apiserver's limit for a request body
_BACKLOG = 128
_IDLE_SECONDS = 600.0
_HANDSHAKE_SECONDS = 10.0
_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(slots=True)
class Request:
    """One request. ``path`` is decoded, header names are lower case with every value that came, in
    order.
    """

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, list[str]]
    body: bytes
    client: str = ""
    _query: dict[str, list[str]] | None = None

    def header(self, name: str) -> str:
        """The first value of a header; empty when it was not sent."""
        values = self.headers.get(name)
        return values[0] if values else ""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters."""
        if self._query is None:
            self._query = parse_qs(self.raw_query, keep_blank_values=True) if self.raw_query else {}
        return self._query

    def parameter(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default


@dataclass(slots=True)
class Response:
    """One answer: ``body`` as a whole, or ``chunks`` as they come (a watch)."""

    code: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None
    drop: DropConnectionError | None = None  # the effect exists, the answer is lost


Handler = Callable[[Request], Response]


def json_response(code: int, body: Value, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(code, compact_json(body).encode(), headers=headers or {})


class _BadRequestError(Exception):
    """What came is not HTTP that this server reads; the connection ends after the answer."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(eq=False, slots=True)
class _Port:
    """One listening port and the connections that came in through it."""

    listener: socket.socket
    handler: Handler
    admits: Callable[[], bool]
    connections: set[socket.socket] = field(default_factory=set)
    closed: bool = False


class TlsServers:
    """All TLS ports of a lab, on one accepting thread, which lives as long as any port is open."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._selector: selectors.BaseSelector | None = None
        self._wake: socket.socket | None = None

    def listen(
        self, handler: Handler, host: str = "127.0.0.1", admits: Callable[[], bool] = lambda: True
    ) -> tuple[int, Callable[[], None]]:
        """Serve ``handler`` on a free port of ``host``; returns the port and what closes it.

        A connection that ``admits`` refuses is held without an answer, as a filter on addresses
        does.
        """
        listener = socket.create_server((host, 0), backlog=_BACKLOG)
        listener.setblocking(False)
        port = _Port(listener, handler, admits)
        with self._lock:
            if self._selector is None:
                self._selector = selectors.DefaultSelector()
                woken, self._wake = socket.socketpair()
                self._selector.register(woken, selectors.EVENT_READ, None)
                arguments = (self._selector, woken, self._wake)
                threading.Thread(
                    target=self._accept, args=arguments, name="lab-kubernetes", daemon=True
                ).start()
            self._selector.register(listener, selectors.EVENT_READ, port)
            self._wake_up()
        return int(listener.getsockname()[1]), lambda: self._close(port)

    def _close(self, port: _Port) -> None:
        with self._lock:
            if port.closed or self._selector is None:
                return
            port.closed = True
            self._selector.unregister(port.listener)
            port.listener.close()
            connections = list(port.connections)
            if (
                len(self._selector.get_map()) == 1
            ):  # only the waker is left: the accepting thread ends
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
        connection = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(_HANDSHAKE_SECONDS)
            if not port.admits():
                while plain.recv(
                    4096
                ):  # until the client gives up, or the time for a handshake is over
                    pass
                return
            connection = self._context.wrap_socket(plain, server_side=True)
            connection.settimeout(_IDLE_SECONDS)
            with self._lock:
                if port.closed:
                    return
                port.connections.add(connection)
            with connection.makefile("rb", buffering=64 * 1024) as reader:
                while _one(cast("IO[bytes]", reader), connection, client, port.handler):
                    pass
        except DropConnectionError as dropped:
            _drop(connection, dropped)
        except (OSError, ValueError):
            pass  # the client went away, or spoke no TLS
        finally:
            with self._lock:
                port.connections.discard(connection)
            with contextlib.suppress(OSError):
                connection.close()


def _drop(connection: socket.socket, dropped: DropConnectionError) -> None:
    if dropped.hang > 0:
        time.sleep(dropped.hang)
    if dropped.reset:
        with contextlib.suppress(OSError):  # linger 0: the kernel sends RST
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _one(reader: IO[bytes], connection: socket.socket, client: str, handler: Handler) -> bool:
    """Read and answer one request; False when the connection is over."""
    try:
        request = _read_request(reader, connection, client)
    except _BadRequestError as error:
        text = _REASONS.get(error.code, "").encode()
        connection.sendall(
            _head(Response(error.code, text, "text/plain"), len(text), close=True) + text
        )
        return False
    if request is None:
        return False
    close = request.header("connection").lower() == "close"
    response = handler(request)
    if response.drop is not None:
        raise response.drop
    if response.chunks is None:
        body = b"" if request.method == "HEAD" else response.body
        connection.sendall(_head(response, len(response.body), close=close) + body)
        return not close
    connection.sendall(_head(response, None, close=close))
    for chunk in response.chunks:
        if chunk:
            connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        elif _has_ended(connection):
            # A client that watches sends nothing more: readable means that it closed.
            return False
    connection.sendall(b"0\r\n\r\n")
    return not close


def _has_ended(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _head(response: Response, length: int | None, *, close: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {response.code} {_REASONS.get(response.code, 'Unknown')}",
        f"Content-Type: {response.content_type}",
        "Cache-Control: no-cache, private",
        "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}",
        *(f"{name}: {_one_line(value)}" for name, value in response.headers.items()),
    ]
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def _read_request(reader: IO[bytes], connection: socket.socket, client: str) -> Request | None:
    line = reader.readline(_MAX_HEADER)
    if line in (b"\r\n", b"\n"):
        line = reader.readline(_MAX_HEADER)
    if not line:
        return None
    parts = line.decode("latin-1").split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise _BadRequestError(400)
    headers = _read_headers(reader)
    if headers.get("expect", [""])[0].lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = _read_body(reader, headers)
    path, _, query = parts[1].partition("?")
    return Request(parts[0], unquote(path) if "%" in path else path, query, headers, body, client)


def _read_headers(reader: IO[bytes]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    size = 0
    while True:
        line = reader.readline(_MAX_HEADER)
        size += len(line)
        if size > _MAX_HEADER:
            raise _BadRequestError(413)
        if line in (b"\r\n", b"\n"):
            return headers
        if not line:
            raise ConnectionError("cut inside the headers")
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if not colon:
            raise _BadRequestError(400)
        headers.setdefault(name.lower(), []).append(value.strip())


def _read_body(reader: IO[bytes], headers: Mapping[str, list[str]]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", [""])[0].lower():
        return _read_chunks(reader)
    text = headers.get("content-length", ["0"])[0]
    if not text.isdecimal():
        raise _BadRequestError(400)
    return _read_exactly(reader, int(text))


def _read_chunks(reader: IO[bytes]) -> bytes:
    body = bytearray()
    while True:
        try:
            size = int(reader.readline(1024).split(b";")[0], 16)
        except ValueError:
            raise _BadRequestError(400) from None
        if size < 0 or len(body) + size > _MAX_BODY:
            raise _BadRequestError(413)
        if size == 0:
            while reader.readline(_MAX_HEADER) not in (b"\r\n", b"\n", b""):
                pass
            return bytes(body)
        body += _read_exactly(reader, size)
        reader.readline(8)


def _read_exactly(reader: IO[bytes], length: int) -> bytes:
    if length > _MAX_BODY:
        raise _BadRequestError(413)
    body = reader.read(length) if length else b""
    if len(body) != length:
        raise ConnectionError("cut inside the body")
    return body
