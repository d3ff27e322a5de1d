"""Connections of urllib3 for one API server: connecting is everything up to the end of the TLS
handshake, takes one number of seconds in total, and fails with :class:`NoWay`, which says that
nothing was sent.

urllib3 itself counts an answer to CONNECT and a TLS handshake as reading, after which a write may
have been done.
"""

import errno
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from migrator.adapters.http_heads import response_class
from migrator.adapters.no_way import NoWay
from migrator.adapters.sockets import open_socket, resolve
from migrator.adapters.tls_trust import Trust

if TYPE_CHECKING:
    import urllib3

_AGAIN_SECONDS = 0.25
# A server that is started again, or a load balancer whose target changed: a second try is cheap.
_WORTH_A_SECOND_TRY = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}
)


def connection_class(trust: Trust, seconds: float) -> Any:
    """What makes connections. ``seconds`` in total for names, connection, proxy and TLS."""
    make = _connection_class()

    def connection(*arguments: Any, **more: Any) -> Any:
        made = make(*arguments, **more)
        made.trust, made.seconds = trust, seconds
        return made

    return connection


# One class for all API servers: Python keeps for each class how its attributes are found, and with
# a class for each cluster of a fleet it would look for them again.
@lru_cache(maxsize=1)
def _connection_class() -> Any:
    from urllib3.connection import HTTPSConnection

    class Connection(HTTPSConnection):
        response_class = response_class()
        trust: Trust
        seconds = 0.0
        _through: tuple[Any, ...] | None = None
        _deadline = 0.0
        _parts: list[Any] | None = None

        def request(self, *arguments: Any, **more: Any) -> None:
            """Send head and body in one write. ``http.client`` takes two, which are two TLS records
            and two packets, for each of thousands of reviews.
            """
            self._parts = []
            try:
                super().request(*arguments, **more)
            finally:
                whole, self._parts = b"".join(self._parts), None
            self.send(whole)

        def send(self, data: Any) -> None:
            if self._parts is None:
                super().send(data)
            else:
                self._parts.append(data)

        def set_tunnel(self, *arguments: Any, **more: Any) -> None:
            self._through = (arguments, more)
            super().set_tunnel(*arguments, **more)

        def _new_conn(self) -> socket.socket:
            left = self._deadline - time.monotonic()
            addresses = resolve(self.host, int(self.port or 443), left)
            return open_socket(
                addresses, self._deadline - time.monotonic(), self.socket_options or ()
            )

        def connect(self) -> None:
            self._deadline = time.monotonic() + self.seconds
            try:
                _second_try(partial(self.trust.attempt, self._handshake))
            except Exception as error:
                self._drop()
                raise NoWay(error) from error
            if self.sock is not None:
                self.sock.settimeout(self.seconds)  # for sending; reading has its own

        def _handshake(self, context: ssl.SSLContext) -> None:
            self._drop()
            self.ssl_context = context
            self.ca_certs = self.ca_cert_dir = self.ca_cert_data = None
            try:
                with self._in_time():
                    super().connect()
            except Exception as error:
                raise _root(error) from error

        def _in_time(self) -> AbstractContextManager[None]:
            # Only an answer to CONNECT can go on for ever: connecting and TLS end in time
            # themselves, and need no thread.
            return nullcontext() if self._through is None else _cut_at(self._deadline, self)

        def _drop(self) -> None:
            """Close a try that failed, and keep what it went through: closing forgets that."""
            self.close()
            if self._through is not None:
                super().set_tunnel(*self._through[0], **self._through[1])

    return Connection


@contextmanager
def _cut_at(deadline: float, connection: "urllib3.connection.HTTPSConnection") -> Iterator[None]:
    """Shut the connection down when the time is over. A proxy that answers CONNECT byte by byte, or
    without end, keeps within the time of each single read for ever. Raises ``TimeoutError`` for
    what fails after that, and only then.
    """
    is_over = threading.Event()

    def shut() -> None:
        is_over.set()
        with suppress(OSError, AttributeError):  # AttributeError: there is no socket yet
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0), shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if is_over.is_set():
            raise TimeoutError("timed out") from error
        raise
    finally:
        timer.cancel()


def _second_try(connect: Callable[[], None]) -> None:
    try:
        connect()
    except OSError as error:
        if error.errno not in _WORTH_A_SECOND_TRY and not isinstance(error, ssl.SSLEOFError):
            raise
        time.sleep(_AGAIN_SECONDS)
        connect()


def _root(error: Exception) -> Exception:
    """The exception of the standard library behind urllib3's: its text says less."""
    import urllib3

    if not isinstance(error, urllib3.exceptions.HTTPError):
        return error
    for cause in (error.__cause__, *error.args):
        if isinstance(cause, Exception):
            return _root(cause)
    return error
