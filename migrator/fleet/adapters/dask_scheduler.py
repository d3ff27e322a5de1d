"""The address of a dask scheduler, and whether it may be connected to.

A client that reaches a scheduler can run code on its workers, with their credentials. Connections
to another machine are therefore TLS with certificates on both sides, unless the operator says
otherwise.
"""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from migrator.adapters.foreign_text import foreign
from migrator.errors import WrongUse

_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A scheduler that runs already: ``tls://HOST:PORT``, and the files of its certificate
    authority and of our own certificate and key. ``insecure``: the operator says that ``tcp://`` to
    another machine is wanted.
    """

    address: str
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    insecure: bool = False

    @property
    def scheme(self) -> str:
        """``tls`` or ``tcp``."""
        return _parts(self.address)[0]

    def check(self) -> None:
        """Raises ``scheduler-address``, ``scheduler-insecure``, ``scheduler-tls-files``; nothing is
        sent.
        """
        scheme, host = _parts(self.address)
        files = {"--tls-ca": self.ca, "--tls-cert": self.certificate, "--tls-key": self.key}
        if scheme == "tcp":
            if any(files.values()):
                raise WrongUse(
                    "scheduler-tls-files",
                    "There are files for TLS, and the address is not tls://.",
                    remedy=f"Give --scheduler tls://{self.address.partition('://')[2]}.",
                )
            if not self.insecure and not _loopback(host):
                raise WrongUse(
                    "scheduler-insecure",
                    f"{foreign(self.address)} is another machine, and the connection is not "
                    f"encrypted.",
                    why="Every machine that can reach or read the connection can run code on the "
                    "workers, with their credentials.",
                    remedy="Run scheduler and workers with TLS and give tls://…, --tls-ca, "
                    "--tls-cert and --tls-key; "
                    "or say --insecure-scheduler.",
                )
            return
        missing = [option for option, file in files.items() if not file]
        if missing:
            raise WrongUse(
                "scheduler-tls-files",
                f"A tls:// scheduler needs {', '.join(missing)}.",
                why="Both sides show a certificate of one authority; without it any machine "
                "could pass for either.",
                remedy="Give the files that the workers are started with, or a certificate of the "
                "same authority.",
            )
        for option, file in files.items():
            if not Path(str(file)).is_file():
                raise WrongUse("file-not-found", f"{option}: there is no file {foreign(file)}.")


def _parts(address: str) -> tuple[str, str]:
    """``(scheme, host)``. Raises ``scheduler-address``."""
    text = address if "://" in address else f"tcp://{address}"  # as dask reads it
    try:
        parts = urlsplit(text)
        found = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        found = "", "", None
    if found[0] not in ("tcp", "tls") or not found[1] or not found[2]:
        raise WrongUse(
            "scheduler-address",
            f"{foreign(address)} is no address of a scheduler.",
            remedy="Give tls://HOST:PORT (or tcp://127.0.0.1:PORT on this machine).",
        )
    return found[0], found[1]


def _loopback(host: str) -> bool:
    """Whether the host is this machine for certain: a literal address, or a name that is always its
    own.
    """
    if host in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
