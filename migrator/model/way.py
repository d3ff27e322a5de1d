"""What was observed on the way from this machine to an API server: names, proxy, connection, TLS,
HTTP.

``decide/reach/way`` says what follows. A stage that was not tried, because one before it failed, is
None.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from migrator.model.proxy import Proxy

ConnectKind: TypeAlias = Literal["open", "timeout", "refused", "reset", "no-route", "failed"]
TlsKind: TypeAlias = Literal[
    "ok",
    "expired",
    "not-yet-valid",
    "wrong-name",
    "unknown-issuer",
    "old-form",
    "refused",
    "closed",
    "silent",
    "no-tls",
]
TunnelKind: TypeAlias = Literal["open", "answer", "page", "no-http", "closed", "silent"]
HttpKind: TypeAlias = Literal["api-server", "page", "other", "closed", "silent"]

# Codes of errors that end a command because the API server was not reached: nothing was sent.
WAY_CODES = frozenset(
    {
        "api-server-unreachable",
        "certificate-expired",
        "certificate-not-yet-valid",
        "certificate-old-form",
        "certificate-refused",
        "certificate-unknown-issuer",
        "certificate-wrong-name",
        "clock-skewed",
        "endpoint-no-route",
        "endpoint-private",
        "endpoint-refused",
        "endpoint-reset",
        "endpoint-timed-out",
        "name-slow",
        "name-unresolved",
        "not-an-api-server",
        "proxy-closed",
        "proxy-denied",
        "proxy-failed",
        "proxy-login-missing",
        "proxy-login-refused",
        "proxy-no-connect",
        "proxy-slow",
        "proxy-unreachable",
        "source-address-filtered",
        "source-address-unknown",
        "tls-closed",
        "tls-not-spoken",
        "tls-silent",
    }
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as it was shown, not checked. ``subject`` and ``issuer`` as ``CN=…, O=…``,
    ``names`` those that it is for; None and empty where it could not be read.
    """

    subject: str = ""
    issuer: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the resolver answered. No addresses: ``said`` is its reason; ``slow``: it did not answer
    in time.
    """

    addresses: tuple[str, ...] = ()
    said: str = ""
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Connected:
    """How a TCP connection to ``host``:``port`` ended, with the reason that the system gave."""

    kind: ConnectKind
    said: str = ""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """How a proxy answered CONNECT. ``status`` and ``said`` (its reason) with ``answer`` and
    ``page``; ``schemes``: the ways to log in that an ``answer`` offers (``Basic``, ``Negotiate``).
    """

    kind: TunnelKind
    status: int | None = None
    said: str = ""
    schemes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tls:
    """How the TLS handshake ended; ``certificate`` is that of what answered."""

    kind: TlsKind
    said: str = ""
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Http:
    """What answered a request without a login."""

    kind: HttpKind
    status: int | None = None


@dataclass(frozen=True, slots=True)
class WayEnds:
    """What is known of the two ends before anything is tried.

    ``host`` and ``port`` are those connected to, ``tls_name`` the name its certificate must have.
    ``public``, ``private``, ``public_cidrs`` as DescribeCluster says, None: not known. ``proxy``:
    the one in effect; ``exempt``: a proxy is set that NO_PROXY exempts this host from.
    """

    cluster: str
    region: str
    host: str
    port: int
    tls_name: str
    public: bool | None = None
    private: bool | None = None
    public_cidrs: tuple[str, ...] = ()
    proxy: Proxy | None = None
    exempt: bool = False

    @property
    def tunnelled(self) -> bool:
        """Whether another host is connected to than the certificate is for."""
        return self.tls_name != self.host


@dataclass(frozen=True, slots=True)
class Way:
    """One try, stage by stage. ``resolved`` and ``connected`` are about the proxy where one is in
    effect. ``source_address``: this machine's, as others see it. ``clock_skew``: how far this
    machine's clock is ahead of AWS's. None: not known.
    """

    ends: WayEnds
    resolved: Resolved | None = None
    connected: Connected | None = None
    tunnel: Tunnel | None = None
    tls: Tls | None = None
    http: Http | None = None
    source_address: str | None = None
    clock_skew: timedelta | None = None


def said_skew(skew: timedelta | None) -> str:
    """``skew`` in a sentence: the clock is 10 minutes behind AWS's. Empty for None."""
    if skew is None:
        return ""
    minutes = round(abs(skew).total_seconds() / 60)
    unit = "minute" if minutes == 1 else "minutes"
    side = "ahead of" if skew > timedelta() else "behind"
    return f"This machine's clock is {minutes} {unit} {side} AWS's."
