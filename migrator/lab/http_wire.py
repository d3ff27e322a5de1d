"""A small HTTP/1.1 server on plain sockets: one thread a connection, keep-alive, no Nagle.

The standard library's handler parses headers through the e-mail package, which costs more than
verifying a signature does. This one reads what SDKs send: a request line, headers, and a body by
Content-Length or in chunks.
"""

import contextlib
import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Reader: TypeAlias = "io.BufferedReader[Any]"
MAX_HEADER_BYTES = 256 * 1024
MAX_BODY_BYTES = 8 * 1024 * 1024
REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    500: "Internal Server Error",
}


@dataclass(slots=True)
class Request:
    """One request as sent: ``path`` and ``query`` are still percent-encoded, header names are lower
    case.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Response:
    """What is answered."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class DropConnectionError(Exception):
    """Close the connection without an answer: with a reset, or after ``hang`` seconds of machine
    time.
    """

    def __init__(self, *, reset: bool = False, hang: float = 0.0) -> None:
        super().__init__("connection dropped")
        self.reset = reset
        self.hang = hang


class BadRequestError(Exception):
    """What came is no HTTP request that this server reads."""


Handler = Callable[[Request], Response]


class HttpServer:
    """Serves a handler on 127.0.0.1 until :meth:`stop`."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512, reuse_port=False)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, name="lab-aws", daemon=True)

    @property
    def port(self) -> int:
        """The port that was given or found."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Accept connections from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._stopping = True
        # A thread blocked in accept() keeps the socket alive: shutting it down wakes the thread.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(
                target=self._serve, args=(connection,), name="lab-aws-connection", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = io.BufferedReader(socket.SocketIO(connection, "r"), 64 * 1024)
        try:
            while self._one(connection, reader):
                pass
        except (OSError, BadRequestError):
            pass
        except DropConnectionError as dropped:
            if dropped.hang:
                time.sleep(dropped.hang)
            if dropped.reset:  # linger 0: the peer sees RST instead of FIN
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            with self._lock:
                self._connections.discard(connection)
            reader.close()
            connection.close()

    def _one(self, connection: socket.socket, reader: Reader) -> bool:
        """Read and answer one request; False ends the connection."""
        request = read_request(reader, lambda: connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"))
        if request is None:
            return False
        response = self._handler(request)
        keep = request.headers.get("connection", "").lower() != "close" and not self._stopping
        connection.sendall(encode_response(response, head=request.method == "HEAD", keep=keep))
        return keep


def read_request(reader: Reader, send_continue: Callable[[], None]) -> Request | None:
    """The next request, None when the peer has closed. Raises :class:`BadRequestError`."""
    line = reader.readline(MAX_HEADER_BYTES)
    if not line:
        return None
    parts = line.decode("latin-1").split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError("no request line")
    headers: dict[str, str] = {}
    size = len(line)
    while True:
        line = reader.readline(MAX_HEADER_BYTES)
        size += len(line)
        if line in (b"\r\n", b"\n"):
            break
        if not line or size > MAX_HEADER_BYTES:
            raise BadRequestError("headers too long or cut")
        name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        if not colon:
            raise BadRequestError("no header")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    target = parts[1]
    if "://" in target.partition("?")[0]:  # absolute form, as a client behind a proxy sends it
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    if headers.get("expect", "").lower() == "100-continue":
        send_continue()
    return Request(parts[0], path, query, headers, _read_body(reader, headers))


def _read_body(reader: Reader, headers: Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _read_chunks(reader)
    try:
        length = int(headers.get("content-length", "0") or "0")
    except ValueError:
        raise BadRequestError("Content-Length is no number") from None
    if not 0 <= length <= MAX_BODY_BYTES:
        raise BadRequestError("body too long")
    body = reader.read(length) if length else b""
    if len(body) != length:
        raise BadRequestError("body cut")
    return body


def _read_chunks(reader: Reader) -> bytes:
    chunks: list[bytes] = []
    total = 0
    while True:
        try:
            size = int(reader.readline(1024).split(b";")[0], 16)
        except ValueError:
            raise BadRequestError("chunk without a size") from None
        total += size
        if size < 0 or total > MAX_BODY_BYTES:
            raise BadRequestError("body too long")
        if size == 0:
            while reader.readline(MAX_HEADER_BYTES) not in (b"\r\n", b"\n", b""):
                pass
            return b"".join(chunks)
        chunks.append(reader.read(size))
        reader.readline(8)


def encode_response(response: Response, *, head: bool, keep: bool) -> bytes:
    """Status line, headers and body in one piece: one packet for a small answer."""
    lines = [
        f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Status')}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    if not keep:
        lines.append("Connection: close")
    # Headers contain ARNs and cluster names, but no error messages. A line break in one would
    # start another header.
    text = "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines) + "\r\n\r\n"
    return text.encode("latin-1", "replace") + (b"" if head else response.body)
