"""Servers and proxies on this machine that fail in one way each, on real sockets."""

import base64
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

Serve = Callable[[socket.socket], None]
KUBERNETES = b'{"kind": "Status", "apiVersion": "v1", "message": "Unauthorized", "code": 401}'
PAGE = b"<html><body>log in to the network</body></html>"


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """Serve each connection in a thread; the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        thread = threading.Thread(target=_accept, args=(listener, serve), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(2)


def _accept(listener: socket.socket, serve: Serve) -> None:
    while True:
        try:
            stream, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_one, args=(stream, serve), daemon=True).start()


def _one(stream: socket.socket, serve: Serve) -> None:
    with stream, suppress(OSError, ssl.SSLError):
        stream.settimeout(5)
        serve(stream)


def api(
    context: ssl.SSLContext,
    body: bytes = KUBERNETES,
    status: str = "200 OK",
    slow: bytes | None = None,
) -> Serve:
    """TLS, and one answer to every request of a connection. ``slow``: requests that hold these
    bytes are answered a second later.
    """

    def serve(stream: socket.socket) -> None:
        with context.wrap_socket(stream, server_side=True) as encrypted:
            while request := _head(encrypted):
                if slow is not None and slow in request:
                    time.sleep(1)
                kind = "application/json" if body.startswith(b"{") else "text/html"
                head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
                encrypted.sendall(head.encode() + b"\r\n\r\n" + body)

    return serve


def silent(stream: socket.socket) -> None:
    """Accept, and say nothing until the other side closes."""
    while stream.recv(4096):
        pass


def deaf(context: ssl.SSLContext) -> Serve:
    """TLS, and no answer to any request."""

    def serve(stream: socket.socket) -> None:
        with context.wrap_socket(stream, server_side=True) as encrypted:
            silent(encrypted)

    return serve


def plain(stream: socket.socket) -> None:
    """HTTP without TLS."""
    stream.recv(4096)
    stream.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def reset(stream: socket.socket) -> None:
    """End the connection by a reset (socket(7): SO_LINGER with no time) in the TLS handshake."""
    stream.recv(1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def dropping() -> Iterator[int]:
    """A port whose packets are dropped: its queue is full (listen(2); tcp_abort_on_overflow is
    off), so that the kernel does not answer.
    """
    with socket.socket() as listener, ExitStack() as held:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses: bound, and without a listener."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@dataclass
class Proxy:
    """A CONNECT proxy. ``answer``: what it says instead of connecting; ``login``: ``user:password``
    that it wants; ``drips``: what it sends after the first line of an
    answer, again and again.
    """

    answer: bytes | None = None
    login: str | None = None
    slow: bool = False
    drips: bytes | None = None
    heads: list[bytes] = field(default_factory=list)
    tunnels: list[socket.socket] = field(default_factory=list)

    def serve(self, stream: socket.socket) -> None:
        """One connection."""
        head = _head(stream)
        if not head:
            return
        self.heads.append(head)
        if self.slow:
            silent(stream)
            return
        if self.drips is not None:
            _drip(stream, self.drips)
            return
        if self.login is not None:
            wanted = base64.b64encode(self.login.encode())
            if b"proxy-authorization: basic " + wanted.lower() not in head.lower():
                stream.sendall(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                    b'Proxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
                )
                return
        if self.answer is not None:
            stream.sendall(self.answer)
            return
        self._connect(stream, head)

    def _connect(self, stream: socket.socket, head: bytes) -> None:
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as onward:
            self.tunnels += [stream, onward]
            stream.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(onward, stream), daemon=True)
            back.start()
            _pump(stream, onward)
            back.join(5)

    def die(self) -> None:
        """Cut all tunnels."""
        for stream in self.tunnels:
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)


def _drip(stream: socket.socket, piece: bytes) -> None:
    """An answer that never comes to its end."""
    stream.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        stream.sendall(piece)
        time.sleep(0.1)


def answer(status: str, body: bytes = b"") -> bytes:
    """An HTTP answer."""
    kind = "text/html" if body else "text/plain"
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _head(stream: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        more = stream.recv(4096)
        if not more:
            return b""
        read += more
    return read
