"""A proxy on the way to an API server, parsed where it is given, so that no later code meets a
malformed one.
"""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from migrator.errors import WrongUse

_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "http://proxy.example.com:3128, or http://USER:PASSWORD@proxy.example.com:3128"


@dataclass(frozen=True, slots=True)
class Proxy:
    """``scheme`` is http or https, ``host`` without brackets, ``origin`` who named the proxy
    (``--proxy-url``, ``HTTPS_PROXY``, ``the kubeconfig``). ``user`` and ``password`` are never
    printed; None: the proxy is asked without.
    """

    scheme: str
    host: str
    port: int
    origin: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The address without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The proxy in a sentence: ``http://proxy:3128 (HTTPS_PROXY)``."""
        return f"{self.url} ({self.origin})"


def parse_proxy(text: str, origin: str) -> Proxy:
    """A proxy's address; without a scheme it is an http one, as curl(1) reads it (--proxy).

    Raises ``proxy-malformed``, ``proxy-unsupported``. The text may hold a password: no error
    repeats it.
    """
    address = text.strip()
    if "://" not in address:
        address = f"http://{address}"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise _malformed(origin, _without_text(error)) from None
    _refuse_scheme(parts, origin)
    # A port of 0 cannot be connected to (RFC 6335, 6: reserved).
    if port == 0:
        raise _malformed(origin, "Its port is 0.")
    if not parts.hostname:
        raise _malformed(origin, "It names no host.")
    if not is_plain_host(parts.hostname):
        raise _malformed(origin, "Its host has characters that no host name has.")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _malformed(origin, "There is more behind the port: a proxy has no path.")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return Proxy(
        parts.scheme,
        parts.hostname,
        port or _PORTS[parts.scheme],
        origin,
        user,
        password,
    )


def _refuse_scheme(parts: SplitResult, origin: str) -> None:
    if parts.scheme in _PORTS:
        return
    if parts.scheme.startswith("socks"):
        raise WrongUse(
            "proxy-unsupported",
            f"The proxy of {origin} is a SOCKS proxy, which is not supported.",
            why="The API server is reached through HTTP proxies that know CONNECT.",
            remedy="Name an HTTP proxy with --proxy-url, or put an HTTP proxy before this one.",
        )
    raise _malformed(origin, "Its scheme is neither http nor https.")


def without_login(address: str) -> str:
    """A proxy's address for a command that is shown: ``USER:PASSWORD`` stands where a user is, also
    in an address that cannot be read.
    """
    login, at, host = address.rpartition("@")
    if not at:
        return address
    scheme, between, _ = login.partition("://")
    return f"{scheme}://USER:PASSWORD@{host}" if between else f"USER:PASSWORD@{host}"


def is_plain_host(host: str) -> bool:
    """Whether a host has only characters of names and addresses."""
    return host.isascii() and all(letter.isalnum() or letter in ".-_:%" for letter in host)


def _without_text(error: ValueError) -> str:
    # urlsplit repeats the text that it cannot read ("Port could not be cast ... as 'x'").
    if "port" in str(error).lower():
        return "Its port is no number between 1 and 65535."
    return "Its brackets hold no IPv6 address."


def _malformed(origin: str, why: str) -> WrongUse:
    return WrongUse(
        "proxy-malformed",
        f"The proxy of {origin} is no address of a proxy.",
        why=why,
        remedy=f"Write it as {_EXAMPLE} (special characters as %XX).",
    )
