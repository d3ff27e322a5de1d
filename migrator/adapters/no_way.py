"""The exception of a connection that was not made."""

from urllib3.exceptions import HTTPError


class NoWay(HTTPError):
    """Nothing was sent. urllib3 does not try again: it does not know this exception. ``cause`` is
    what the system or OpenSSL said.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause
