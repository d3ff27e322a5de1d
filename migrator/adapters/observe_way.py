"""Look at the way to an API server, stage by stage, until one fails: name, connection, proxy, TLS,
HTTP.

Nothing secret is sent but what a proxy asks for: the request at the end has no login. Trust is
never widened: a certificate that cannot be verified is read on a connection that sends nothing.
"""

import errno
import json
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from migrator.adapters.certificate_facts import certificate_facts
from migrator.adapters.foreign_text import foreign
from migrator.adapters.proxy_settings import proxy_headers
from migrator.adapters.sockets import Address, open_socket, resolve
from migrator.adapters.tls_trust import Trust, context_of
from migrator.model.proxy import Proxy
from migrator.model.way import (
    Connected,
    ConnectKind,
    Http,
    Resolved,
    Tls,
    TlsKind,
    Tunnel,
    Way,
    WayEnds,
)

SECONDS = 3.0  # for the whole way
_MOST_BYTES = 65536
_QUOTED = re.compile(r'"[^"]*"')
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s+[^\s=]|\s*,|\s*$)")
_REASONS: Mapping[int, ConnectKind] = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ECONNABORTED: "reset",
    errno.ENETUNREACH: "no-route",
    errno.EHOSTUNREACH: "no-route",
    errno.ENETDOWN: "no-route",
    errno.EADDRNOTAVAIL: "no-route",
    errno.EAFNOSUPPORT: "no-route",
    errno.ETIMEDOUT: "timeout",
}
# openssl, x509_vfy.h
_VERDICTS: Mapping[int, TlsKind] = {
    9: "not-yet-valid",
    10: "expired",
    62: "wrong-name",
    64: "wrong-name",
    7: "unknown-issuer",  # CERT_SIGNATURE_FAILURE: another key under the issuer's name
    18: "unknown-issuer",  # DEPTH_ZERO_SELF_SIGNED_CERT
    19: "unknown-issuer",  # SELF_SIGNED_CERT_IN_CHAIN
    20: "unknown-issuer",  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: "unknown-issuer",  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
    30: "unknown-issuer",  # AKID_SKID_MISMATCH
    85: "old-form",  # MISSING_AUTHORITY_KEY_IDENTIFIER
    86: "old-form",  # MISSING_SUBJECT_KEY_IDENTIFIER
    92: "old-form",  # CA_CERT_MISSING_KEY_USAGE
}


def observe_way(ends: WayEnds, ca_pem: str | None, *, seconds: float = SECONDS) -> Way:
    """One try of the way. Raises nothing of sockets; ``api-server-unknown`` for a broken
    authority.
    """
    return _Walk(ends, Trust(ca_pem), time.monotonic() + seconds).walk()


@dataclass
class _Walk:
    ends: WayEnds
    trust: Trust
    deadline: float
    addresses: list[Address] = field(default_factory=list)

    def walk(self) -> Way:
        way = replace(Way(self.ends), resolved=self._resolve())
        if not self.addresses:
            return way
        try:
            self._open().close()
        except OSError as error:
            return replace(way, connected=_connected(error))
        way = replace(way, connected=Connected("open"))
        if self.ends.proxy is not None:
            tunnel, stream = self._tunnel()
            if stream is not None:
                stream.close()
            way = replace(way, tunnel=tunnel)
            if stream is None:
                return way
        tls, http = self._talk()
        return replace(way, tls=tls, http=http)

    def _left(self) -> float:
        """Seconds until the deadline, 0.05 at least: a timeout of 0 means not to block."""
        return max(self.deadline - time.monotonic(), 0.05)

    def _resolve(self) -> Resolved:
        """The addresses of the first hop, each once; without one what the system says."""
        host, port = _first_hop(self.ends)
        try:
            self.addresses = resolve(host, port, self._left())
        except TimeoutError as error:
            return Resolved(said=foreign(error), slow=True)
        except OSError as error:
            return Resolved(said=foreign(error.strerror or error))
        return Resolved(tuple(dict.fromkeys(str(each[4][0]) for each in self.addresses)))

    def _open(self) -> Any:
        """A connection to the server or the proxy; to an https proxy through TLS. The system's
        authorities vouch for a proxy.
        """
        stream = open_socket(self.addresses, self._left())
        proxy = self.ends.proxy
        if proxy is None or proxy.scheme != "https":
            return stream
        try:
            return context_of(None).wrap_socket(stream, server_hostname=proxy.host)
        except OSError:
            stream.close()
            raise

    def _tunnel(self) -> tuple[Tunnel, Any]:
        """How the proxy answers CONNECT, and the connection through it if there is one."""
        proxy = self.ends.proxy
        stream = self._open()
        if proxy is None:
            return Tunnel("open"), stream
        target = f"{_bracketed(self.ends.host)}:{self.ends.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        lines += [f"{name}: {value}" for name, value in proxy_headers(proxy).items()]
        try:
            stream.settimeout(self._left())
            stream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            head = self._head(stream)
        except TimeoutError as error:
            stream.close()
            return Tunnel("silent", said=foreign(error)), None
        except OSError as error:
            stream.close()
            return Tunnel("closed", said=foreign(error.strerror or error)), None
        tunnel = _tunnel_answer(_without_login(head, proxy))
        if tunnel.kind == "open":
            return tunnel, stream
        stream.close()
        return tunnel, None

    def _head(self, stream: Any) -> bytes:
        """An HTTP head, or what comes instead of one until the connection is closed. Raises
        ``TimeoutError`` with what was read of it.
        """
        read = b""
        while b"\r\n\r\n" not in read and len(read) < _MOST_BYTES:
            stream.settimeout(self._left())
            try:
                # A byte now and then would keep each receiving within its time.
                more = b"" if time.monotonic() > self.deadline else stream.recv(4096)
            except TimeoutError:
                raise TimeoutError(_begun(read)) from None
            if not more and time.monotonic() > self.deadline:
                raise TimeoutError(_begun(read))
            if not more:
                break
            read += more
        return read

    def _talk(self) -> tuple[Tls, Http | None]:
        """TLS with the server and one request in it; no HTTP where TLS failed."""

        def handshake(context: ssl.SSLContext) -> ssl.SSLSocket:
            return self._encrypted(context)

        try:
            stream = self.trust.attempt(handshake)
        except OSError as error:
            return self._tls(error), None
        with stream:
            return Tls("ok"), self._http(stream)

    def _encrypted(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        """A connection in TLS. Raises ``OSError``, where the proxy makes no tunnel, too."""
        _, stream = self._tunnel()
        if stream is None:
            raise ConnectionResetError(errno.ECONNRESET, "the proxy closed the connection")
        stream.settimeout(self._left())
        try:
            return context.wrap_socket(stream, server_hostname=self.ends.tls_name)
        except OSError:
            stream.close()
            raise

    def _tls(self, error: OSError) -> Tls:
        """How TLS failed; with the facts of the certificate where that was the reason."""
        if not isinstance(error, ssl.SSLCertVerificationError):
            return Tls(_tls_kind(error), foreign(error))
        kind = _VERDICTS.get(error.verify_code, "refused")
        return Tls(kind, foreign(error.verify_message), certificate_facts(self._shown()))

    def _shown(self) -> bytes | None:
        """The certificate of what answers, unverified; nothing is sent to it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with suppress(OSError), self._encrypted(context) as stream:
            return stream.getpeercert(binary_form=True)
        return None

    def _http(self, stream: ssl.SSLSocket) -> Http:
        """What answers a request for the version without a login."""
        host = _bracketed(self.ends.tls_name)
        request = f"GET /version HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        try:
            stream.settimeout(self._left())
            stream.sendall(request.encode("latin-1"))
            head = self._head(stream)
            text, _, body = head.partition(b"\r\n\r\n")
            # "Connection: close" ends the body; a server that does not close costs what is left
            with suppress(OSError):
                while len(body) < _MOST_BYTES and time.monotonic() < self.deadline:
                    if _is_json(body):
                        break
                    stream.settimeout(self._left())
                    more = stream.recv(4096)
                    if not more:
                        break
                    body += more
        except TimeoutError:
            return Http("silent")
        except OSError:
            return Http("closed")
        return _http_answer(text, body)


def _begun(read: bytes) -> str:
    return f"{len(read)} bytes of an answer, and not its end" if read else "nothing"


def _first_hop(ends: WayEnds) -> tuple[str, int]:
    """Host and port that are connected to: the proxy's where there is one."""
    if ends.proxy is not None:
        return ends.proxy.host, ends.proxy.port
    return ends.host, ends.port


def _bracketed(host: str) -> str:
    """A host as it is written before a port: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def _connected(error: OSError) -> Connected:
    """A connection that was not made, by its ``errno``."""
    said = foreign(error.strerror or error)
    if isinstance(error, TimeoutError):
        return Connected("timeout", said)
    return Connected(_REASONS.get(error.errno or 0, "failed"), said)


def _tls_kind(error: OSError) -> TlsKind:
    """How a handshake ended that no certificate ended."""
    if isinstance(error, TimeoutError):
        return "silent"
    # bytes that are no TLS record: openssl, sslerr.h
    if isinstance(error, ssl.SSLError) and error.reason in (
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "PACKET_LENGTH_TOO_LONG",
        "UNKNOWN_PROTOCOL",
        "RECORD_LAYER_FAILURE",
    ):
        return "no-tls"
    return "closed"


def _without_login(head: bytes, proxy: Proxy) -> bytes:
    """A proxy's answer without the user and password that it was sent: some answer with what they
    were asked, and what they say is shown.
    """
    sent = [each.rpartition(" ")[2] for each in proxy_headers(proxy).values()]
    if proxy.password:
        sent += [proxy.password, quote(proxy.password, safe="")]
    for secret in sent:
        head = head.replace(secret.encode(), b"[removed]")
    return head


def _tunnel_answer(head: bytes) -> Tunnel:
    """What a proxy's answer to CONNECT says of the tunnel."""
    if not head:
        return Tunnel("closed", said="it closed the connection")
    status = _status(head)
    if status is None:
        return Tunnel("no-http", said=foreign(head[:80].decode("latin-1")))
    reason = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")[2]
    is_page = b"content-type: text/html" in head.lower()
    # An answer of 2xx has no content (RFC 9110, 9.3.6); a page to log in is one of 200 or 3xx.
    if 300 <= status < 400 or (is_page and status < 300):
        return Tunnel("page", status, foreign(reason))
    if 200 <= status < 300:
        return Tunnel("open", status)
    return Tunnel("answer", status, foreign(reason), _schemes(head))


def _schemes(head: bytes) -> tuple[str, ...]:
    """The ways to log in that a proxy offers, as it names them: the first word of each
    ``Proxy-Authenticate`` (RFC 9110, 11.7.1), several in one or each in its own.
    """
    found: list[str] = []
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() != "proxy-authenticate":
            continue
        found += _SCHEME.findall(_QUOTED.sub('""', value))
    return tuple(dict.fromkeys(foreign(each) for each in found))


def _http_answer(head: bytes, body: bytes) -> Http:
    """Who answered: an API server answers with a JSON object, logged in or not."""
    status = _status(head)
    if not head:
        return Http("closed")
    if status is None:
        return Http("other")
    if _is_json(body):
        return Http("api-server", status)
    return Http("page" if b"<" in body[:256] else "other", status)


def _is_json(body: bytes) -> bool:
    """Whether the body is one whole JSON object."""
    try:
        return isinstance(json.loads(_unchunked(body)), dict)
    except (ValueError, RecursionError):
        return False


def _unchunked(body: bytes) -> bytes:
    """A body without the lengths of its chunks (RFC 9112, 7.1): first to last brace."""
    begin, end = body.find(b"{"), body.rfind(b"}")
    return body[begin : end + 1] if begin >= 0 else body


def _status(head: bytes) -> int | None:
    """The status of an HTTP head; None where it is none."""
    parts = head.split(b"\r\n", 1)[0].split(b" ")
    if not parts[0].startswith(b"HTTP/") or len(parts) < 2 or not parts[1].isdigit():
        return None
    return int(parts[1])
