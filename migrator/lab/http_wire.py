"""HTTP/1.1 as bytes: one request and one response for both sides of the lab, read and written.

The standard library's handler parses headers through the e-mail package, which costs more than
verifying a signature or answering an access review does. This module reads what SDKs and kubectl
send: a request line, headers, and a body by Content-Length or in chunks.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote

Reader: TypeAlias = "io.BufferedReader[Any]"
# As Go's net/http words them (``status.go``): kube-apiserver answers with these.
REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    301: "Moved Permanently",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
_EMPTY_LINES = (b"\r\n", b"\n")
_END_OF_TRAILERS = (*_EMPTY_LINES, b"")


@dataclass(slots=True)
class Request:
    """One request as sent: ``raw_path`` and ``raw_query`` are still percent-encoded, because
    signatures cover them so. Header names are lower case, with every value that came, in order.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, list[str]]
    body: bytes = b""
    client: str = ""
    _query: dict[str, list[str]] | None = field(default=None, compare=False, repr=False)

    @property
    def path(self) -> str:
        """The path, decoded."""
        # Decoding costs more than looking, and few paths need it.
        if "%" not in self.raw_path:
            return self.raw_path
        return unquote(self.raw_path)

    def header(self, name: str) -> str:
        """The first value of a header; empty when it was not sent."""
        values = self.headers.get(name)
        if not values:
            return ""
        return values[0]

    def joined(self, name: str) -> str:
        """Every value of a header as one (RFC 9110, 5.3); empty when it was not sent."""
        return ",".join(self.headers.get(name, ()))

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters, decoded, with every value in order. They are parsed when first
        asked for.
        """
        if self._query is None:
            self._query = {}
            if self.raw_query:
                self._query = parse_qs(self.raw_query, keep_blank_values=True)
        return self._query

    def parameter(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        if not values:
            return default
        return values[0]


@dataclass(slots=True)
class Response:
    """What is answered: ``body`` as a whole, or ``chunks`` as they come (a watch)."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None


Handler = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class WireRules:
    """What a port accepts, and what it adds to an answer. The defaults are the AWS side's."""

    header_bytes: int = 256 * 1024
    body_bytes: int = 8 * 1024 * 1024
    headers: Mapping[str, str] = field(default_factory=dict)  # of every answer
    explains_refusals: bool = False  # what is no HTTP gets an answer before the connection closes
    idle_seconds: float | None = None  # an open connection may say nothing for so long


class DropConnectionError(Exception):
    """Close the connection without an answer: with a reset, or after ``hang`` seconds of machine
    time.
    """

    def __init__(self, *, reset: bool = False, hang: float = 0.0) -> None:
        super().__init__("connection dropped")
        self.reset = reset
        self.hang = hang


class BadRequestError(Exception):
    """What came is no HTTP request that this port reads."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class CutRequestError(BadRequestError):
    """The peer closed in the middle of a request, so no answer would reach it."""

    def __init__(self) -> None:
        super().__init__(400, "the request is cut")


def read_request(
    reader: Reader, rules: WireRules, send_continue: Callable[[], None], client: str = ""
) -> Request | None:
    """The next request, None when the peer has closed.

    ``send_continue`` is called where the peer waits for it before it sends the body (RFC 9110,
    10.1.1). Raises :class:`BadRequestError`, and :class:`CutRequestError` where the peer closed
    within a request.
    """
    line = reader.readline(rules.header_bytes)
    # A client may send an empty line after a body (RFC 9112, 2.2).
    if line in _EMPTY_LINES:
        line = reader.readline(rules.header_bytes)
    if not line:
        return None
    parts = line.decode("latin-1").split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError(400, "no request line")
    path, _, query = _origin_form(parts[1]).partition("?")
    request = Request(parts[0], path, query, _read_headers(reader, rules), client=client)
    if request.header("expect").lower() == "100-continue":
        send_continue()
    request.body = _read_body(reader, request, rules)
    return request


def _origin_form(target: str) -> str:
    """The path and query of a target, which a client behind a proxy sends with scheme and host."""
    if target.startswith("/") or "://" not in target.partition("?")[0]:
        return target
    return "/" + target.partition("://")[2].partition("/")[2]


def _read_headers(reader: Reader, rules: WireRules) -> dict[str, list[str]]:
    """Header names in lower case, each with its values in order. Raises :class:`BadRequestError`
    413 for more bytes than the port allows: a peer must not fill the memory.
    """
    headers: dict[str, list[str]] = {}
    size = 0
    while True:
        line = reader.readline(rules.header_bytes)
        if line in _EMPTY_LINES:
            return headers
        if not line:
            raise CutRequestError
        size += len(line)
        if size > rules.header_bytes:
            raise BadRequestError(413, "headers too long")
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if not colon:
            raise BadRequestError(400, "no header")
        headers.setdefault(name.lower(), []).append(value.strip())


def _read_body(reader: Reader, request: Request, rules: WireRules) -> bytes:
    """The body, whose length is that of its chunks, or stated in bytes (RFC 9112, 6.3)."""
    if "chunked" in request.joined("transfer-encoding").lower():
        return _read_chunks(reader, rules.body_bytes)
    length = request.joined("content-length") or "0"
    if not length.isdecimal():
        raise BadRequestError(400, "Content-Length is no number")
    return _read_exactly(reader, int(length), rules.body_bytes)


def _read_chunks(reader: Reader, allowed: int) -> bytes:
    """The chunks of a body in one, ``allowed`` bytes at most; trailers are read and ignored (RFC
    9112, 7.1).
    """
    body = bytearray()
    while True:
        try:
            size = int(reader.readline(1024).split(b";")[0], 16)
        except ValueError:
            raise BadRequestError(400, "chunk without a size") from None
        if size < 0:
            raise BadRequestError(400, "chunk with a negative size")
        if size == 0:
            while reader.readline(1024) not in _END_OF_TRAILERS:
                pass
            return bytes(body)
        body += _read_exactly(reader, size, allowed - len(body))
        reader.readline(8)  # the line break after the chunk


def _read_exactly(reader: Reader, length: int, allowed: int) -> bytes:
    """``length`` bytes. Raises :class:`BadRequestError` 413 for more than ``allowed``, before any
    is read.
    """
    if not length:
        return b""
    if length > allowed:
        raise BadRequestError(413, "body too long")
    body = reader.read(length)
    if len(body) != length:
        raise CutRequestError
    return body


def encode_head(response: Response, rules: WireRules, *, keep: bool) -> bytes:
    """Status line and headers of an answer, with the empty line that ends them."""
    lines = [
        f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}",
        f"Content-Type: {response.content_type}",
        *(f"{name}: {value}" for name, value in rules.headers.items()),
    ]
    # A server with a clock dates its answers (RFC 9110, 6.6.1): clients compare theirs with it.
    if "Date" not in response.headers:
        lines.append(f"Date: {formatdate(usegmt=True)}")
    if response.chunks is None:
        lines.append(f"Content-Length: {len(response.body)}")
    else:
        lines.append("Transfer-Encoding: chunked")
    # Headers contain ARNs and names of objects. A line break in one would start another header.
    for name, value in response.headers.items():
        lines.append(f"{name}: {value}".replace("\r", " ").replace("\n", " "))
    if not keep:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
