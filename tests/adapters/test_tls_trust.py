"""A TLS context that the connections of many threads share."""

import socket
import ssl

import pytest
from urllib3.util.ssl_ import ssl_wrap_socket

from migrator.adapters.tls_trust import context_of


def test_connections_set_nothing_of_the_context_that_they_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """OpenSSL copies a context's protocols into a connection without a lock: whoever sets them
    again at that moment damages what the other connection says first.
    """
    set_of: list[ssl.SSLContext] = []
    real = ssl.SSLContext.set_alpn_protocols

    def noted(context: ssl.SSLContext, protocols: list[str]) -> None:
        set_of.append(context)
        real(context, protocols)

    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", noted)
    context = context_of(None)
    assert set_of == [context]
    here, there = socket.socketpair()
    there.close()
    with here, pytest.raises(OSError, match=r"."):
        ssl_wrap_socket(here, ssl_context=context, server_hostname="localhost")
    assert set_of == [context]
