"""Names to addresses and addresses to sockets, within a number of seconds in total.

``getaddrinfo`` knows no time-out (resolv.conf(5): 5 seconds for each server and try), and
``socket.create_connection`` gives its time-out to every address again.
"""

import errno
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

Address: TypeAlias = tuple[Any, ...]  # what getaddrinfo returns: family, type, protocol, name, pair
# Of a machine without a network of the address's family (connect(2), ip(7), ipv6(7)).
_NOT_TRIED = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
)


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """Addresses of a host. Raises ``socket.gaierror``, and ``TimeoutError`` where the resolver does
    not answer in time.
    """
    with suppress(OSError, UnicodeError):  # an address needs no resolver, and no thread
        return _ask(host, port, socket.AI_NUMERICHOST)
    answer: list[Any] = []

    def ask() -> None:
        try:
            answer.append(_ask(host, port, 0))
        except (OSError, UnicodeError) as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(max(seconds, 0))
    if not answer:
        raise TimeoutError(f"no answer about {host}")
    # A label longer than 63 letters is a UnicodeError of the codec "idna".
    if isinstance(answer[0], UnicodeError):
        raise socket.gaierror(socket.EAI_NONAME, "not a host name")
    if isinstance(answer[0], OSError):
        raise answer[0]
    found: list[Address] = answer[0]
    return found


def _ask(host: str, port: int, flags: int) -> list[Address]:
    return list(
        socket.getaddrinfo(
            host,
            port,
            0,
            socket.SOCK_STREAM,
            0,
            flags,
        )
    )


def open_socket(
    addresses: Sequence[Address], seconds: float, options: Sequence[tuple[Any, ...]] = ()
) -> socket.socket:
    """A connection to the first address that answers; each gets its share of the time that is left.
    Its time-out is what then remains. Raises the ``OSError`` that says most: an address family that
    this machine has no network for says nothing of the server, so the last of the others counts.
    """
    deadline = time.monotonic() + seconds
    failed: list[OSError] = []
    for index, (family, kind, protocol, _, pair) in enumerate(addresses):
        left = deadline - time.monotonic()
        try:
            stream = socket.socket(family, kind, protocol)
        except OSError as error:  # no IPv6 in this kernel
            failed.append(error)
            continue
        try:
            for option in options:
                stream.setsockopt(*option)
            stream.settimeout(max(left / (len(addresses) - index), 0.01))
            stream.connect(pair)
            stream.settimeout(max(deadline - time.monotonic(), 0.01))
            return stream
        except OSError as error:
            stream.close()
            failed.append(error)
    raise _says_most(failed)


def _says_most(failed: Sequence[OSError]) -> OSError:
    """The last error of a connection that was tried, else the last of all."""
    tried = [error for error in failed if error.errno not in _NOT_TRIED]
    for error in reversed(tried or failed):
        return error
    return TimeoutError("no address")
