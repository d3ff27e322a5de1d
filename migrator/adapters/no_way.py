"""The exception of a connection that was not made."""


class NoWay(Exception):
    """Nothing was sent. urllib3 does not try again: it does not know this exception. ``cause`` is
    what the system or OpenSSL said.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause
