"""Heads of answers: whatever a server sends, they read as ``http.client`` reads them."""

import http.client
import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migrator.adapters.http_heads import parse_head, response_class

USUAL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Tue, 01 Dec 2026 11:57:37 GMT\r\n"
    b"Content-Length: 2\r\nx-empty:\r\nX-Twice: a\r\nX-Twice:  b \t\r\n\r\n{}"
)
_NAMES = st.one_of(
    st.sampled_from(["Content-Type", "content-length", "X-A", "From ", "From", "", " X", "\tX"]),
    st.text(st.characters(max_codepoint=255), max_size=6),
)
_VALUES = st.one_of(
    st.sampled_from(
        [
            " a",
            "",
            " \t",
            " a \t",
            " multipart/mixed; boundary=x",
            " Multipart/Mixed",
            " message/rfc822",
            " message/delivery-status",
            ' text/plain; charset="=?utf-8?q?a?="',
            " M\xfcnchen",
            " a\x00b",
            " a\rb",
            " a\x0bb\x85c",
            "\r\n folded",
            "\n\tfolded",
            " " + "x" * 8190,
            " " + "x" * 66_000,
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=8),
)
_LINES = st.tuples(
    _NAMES,
    st.sampled_from([":", ":", ":", ""]),
    _VALUES,
    st.sampled_from(["\r\n"] * 6 + ["\n", "\r", ""]),
).map("".join)
_HEADS = st.tuples(
    st.lists(_LINES, max_size=5).map("".join),
    st.sampled_from(["\r\n", "\r\n", "\n", "", "\r\n--x\r\n\r\n"]),
    st.sampled_from(["", "{}", "body\r\n"]),
).map(lambda parts: "".join(parts).encode("iso-8859-1"))


def told(parse: Callable[[Any], http.client.HTTPMessage], content: bytes) -> tuple[object, ...]:
    """Everything that can be asked of what was read, and what of the stream is left."""
    stream = io.BytesIO(content)
    try:
        message = parse(stream)
    except Exception as error:
        return type(error), str(error), stream.read()
    parts = message.get_payload()
    return (
        message.items(),
        list(message.raw_items()),
        [(type(each), str(each)) for each in message.defects],
        [str(each) for each in parts] if isinstance(parts, list) else parts,
        message.as_string(),
        message.get_content_type(),
        message.get_all("x-a"),
        message["content-length"],
        (message.preamble, message.epilogue, message.get_unixfrom(), message.is_multipart()),
        stream.read(),
    )


@given(_HEADS)
@example(USUAL.partition(b"\r\n")[2])
@example(b"\r\nbody")
@example(b"")
@example(b"X-A: 1\r\n" * 63 + b"\r\n")
@example(b"X-A: 1\r\n" * 64 + b"\r\n")
@example(b"X-A: 1\r\n" * 99 + b"\r\n")
@example(b"X-A: 1\r\n" * 200 + b"\r\n")
@example(b"X-A: " + b"x" * 8187)
@example(b"X-A: " + b"x" * 8185 + b"\r\n\r\n")
@example(b"X-A: " + b"x" * 8186 + b"\r\n\r\n")
@example(b"X-A: " + b"x" * 65_536 + b"\r\n\r\n")
def test_a_head_reads_as_the_standard_library_reads_it(content: bytes) -> None:
    assert told(parse_head, content) == told(http.client.parse_headers, content)


def test_a_usual_head_is_not_handed_to_the_parser_of_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http.client, "parse_headers", None)
    message = parse_head(io.BytesIO(USUAL.partition(b"\r\n")[2]))
    assert message.get_all("x-twice") == ["a", "b \t"]
    assert (message["x-empty"], message["Content-Length"]) == ("", "2")


def test_a_header_that_is_added_later_is_decoded_as_always() -> None:
    message = parse_head(io.BytesIO(b"\r\n"))
    plain = http.client.parse_headers(io.BytesIO(b"\r\n"))
    for each in (message, plain):
        each["X-A"] = "M\udcfcnchen"
    assert str(message["X-A"]) == str(plain["X-A"])
    assert type(message["X-A"]) is type(plain["X-A"])


class _Socket:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.content)


ANSWERS = {
    "usual": USUAL,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: 1\r\n\r\n",
    "to the end": b"HTTP/1.0 200 OK\r\nServer: a\r\n\r\n{}",
    "continued": b"HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n" + USUAL,
    "no content": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "negative": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "no number": b"HTTP/1.1 200 OK\r\nContent-Length: a\r\nConnection: keep-alive\r\n\r\n{}",
    "parts": b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x\r\nContent-Length: 2\r\n\r\n{}",
    "no HTTP": b"SSH-2.0\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Le",
    "nothing": b"",
}


@pytest.mark.parametrize("content", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_reads_as_the_standard_library_reads_it(content: bytes) -> None:
    def read(kind: type[http.client.HTTPResponse]) -> tuple[object, ...]:
        sent: Any = _Socket(content)
        answer = kind(sent, method="GET")
        try:
            answer.begin()
            facts = (answer.version, answer.status, answer.reason, answer.getheaders())
            ways = (answer.chunked, answer.length, answer.will_close, answer.msg is answer.headers)
            return *facts, *ways, answer.read()
        except Exception as error:
            return type(error), str(error)

    assert read(response_class()) == read(http.client.HTTPResponse)


def test_the_standard_library_itself_is_left_as_it_is() -> None:
    before = http.client.HTTPResponse.begin, http.client.parse_headers
    assert response_class().begin is not before[0]
    assert (http.client.HTTPResponse.begin, http.client.parse_headers) == before
    assert http.client.HTTPResponse.begin.__globals__ is vars(http.client)
    assert http.client.HTTPConnection.response_class is http.client.HTTPResponse
