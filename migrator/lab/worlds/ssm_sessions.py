"""Sessions of Session Manager: who opened which, to where, and the connections that it carries."""

import contextlib
import socket
from dataclasses import dataclass, field


@dataclass(slots=True)
class SsmSession:
    """A port forwarding session. ``token`` is what its plugin shows to the data channel."""

    id: str
    token: str = field(repr=False)
    account: str
    region: str
    instance: str
    host: str
    port: int
    ended: bool = False
    connections: set[socket.socket] = field(default_factory=set, repr=False)

    def end(self) -> None:
        """End it, and every connection that it carries."""
        self.ended = True
        for each in list(self.connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
