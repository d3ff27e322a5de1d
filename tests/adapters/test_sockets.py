"""Which error of several addresses is the one that is told."""

import errno
import socket

import pytest

from migrator.adapters.sockets import Address, open_socket
from tests.support.way_servers import closed_port

# A family that no kernel has stands for IPv6 on a machine without it.
NO_NETWORK: Address = (4711, socket.SOCK_STREAM, 0, "", ("2001:db8::1", 443))


@pytest.mark.parametrize("first", [True, False])
def test_address_of_a_family_without_a_network_hides_no_answer_of_the_other(*, first: bool) -> None:
    with closed_port() as port:
        refuses: Address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
        addresses = [NO_NETWORK, refuses] if first else [refuses, NO_NETWORK]
        with pytest.raises(ConnectionRefusedError):
            open_socket(addresses, 1)


def test_without_a_network_for_any_address_that_is_the_error() -> None:
    with pytest.raises(OSError, match="family") as caught:
        open_socket([NO_NETWORK, NO_NETWORK], 1)
    assert caught.value.errno == errno.EAFNOSUPPORT


def test_without_an_address_there_is_no_connection() -> None:
    with pytest.raises(TimeoutError):
        open_socket([], 1)
