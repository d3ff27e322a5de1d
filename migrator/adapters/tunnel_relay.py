"""A port of this machine that stays while what is behind it is replaced.

A client that connects is joined with the port that ``behind`` names at that moment; while a new one
is opened, the connection waits. So a tunnel that is opened again is a connection that took
longer, for every client.
"""

import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from migrator.errors import MigratorError

_CHUNK = 64 * 1024
SILENT_SECONDS = 2.5  # without an answer, before it is asked whether anything still answers
_PROBE_SECONDS = 3.0  # with the wait before it less than what a connection may take
# No TLS and no request of a proxy: a server of either answers it, or closes.
_PROBE = b"GET / HTTP/1.0\r\n\r\n"


class Relay:
    """Connections to :attr:`port` of 127.0.0.1, passed on until it is closed. ``silent`` is asked
    while a connection waits for an answer, with whether any ever came: where it says yes, the
    connection ends.
    """

    def __init__(
        self, behind: Callable[[], int], silent: Callable[[bool], bool] = lambda _answered: False
    ) -> None:
        self._behind, self._silent = behind, silent
        self._answered = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False
        self.last_unanswered = False
        threading.Thread(target=self._accept, name="tunnel-relay", daemon=True).start()

    @property
    def port(self) -> int:
        """The port."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            self._closed = True
            found = list(self._open)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in found:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closed:
            with suppress(OSError):
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError, MigratorError):
            far = socket.create_connection(("127.0.0.1", self._behind()))
            with far, self._kept(near, far):
                for each in (near, far):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.last_unanswered = not self._join(near, far)

    def _join(self, near: socket.socket, far: socket.socket) -> bool:
        """Pass on what either side sends until one ends, or nothing answers. Whether the far side
        sent anything, or was not the first to end.
        """
        other = {near: far, far: near}
        answered = False
        waits_since: float | None = None  # something was sent, and nothing came since
        while True:
            patience = None if waits_since is None else SILENT_SECONDS
            for each in select.select([near, far], [], [], patience)[0]:
                data = each.recv(_CHUNK)
                if not data:
                    return answered or each is near
                waits_since = time.monotonic() if each is near else None
                if each is far:
                    answered = self._answered = True
                other[each].sendall(data)
            if waits_since is None or time.monotonic() - waits_since < SILENT_SECONDS:
                continue
            if self._silent(self._answered):
                return True
            waits_since = time.monotonic()

    def _kept(self, *sockets: socket.socket) -> "_Kept":
        return _Kept(self._open, self._lock, sockets)


class _Kept:
    """Sockets that end when the relay is closed."""

    def __init__(
        self,
        all_open: set[socket.socket],
        lock: Any,
        mine: tuple[Any, ...],
    ) -> None:
        self._all, self._lock, self._mine = all_open, lock, mine

    def __enter__(self) -> None:
        with self._lock:
            self._all.update(self._mine)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._all.difference_update(self._mine)


def answers(port: int, seconds: float = _PROBE_SECONDS) -> bool:
    """Whether what is behind a port of this machine sends anything, or closes a connection that is
    new: a session whose other end is lost does neither.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=seconds) as probe:
            probe.sendall(_PROBE)
            probe.recv(1)
    except TimeoutError:
        return False
    except OSError:  # closed, which is an answer
        return True
    return True
