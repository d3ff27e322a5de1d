"""Heads of HTTP answers, read without the standard library's parser of mails.

``http.client`` hands each head to :mod:`email.parser`, which can read a mail with parts, and takes
four times as long as all else that is done with the head: a fleet has twenty answers a cluster.
A head as servers send it is read here. Any other goes where all went before: to
``http.client.parse_headers``, from its first byte.
"""

import http.client
import re
from email.policy import Compat32
from functools import lru_cache
from types import FunctionType
from typing import Any, Protocol

# Each line has a name and a colon and is ASCII to its end; none is a continuation of another.
_HEAD = re.compile(r"(?:[!-9;-~]+:[\t -~]*\r\n)*\r\n")
_FIELD = re.compile(r"([!-9;-~]+):[\t ]*([\t -~]*)\r\n")
# A body of these kinds is a mail with parts: what is wrong with it is noted in its head.
_WITH_PARTS = re.compile(r"multipart/|message/", re.IGNORECASE)
_LONGEST, _MOST = 8192, 64  # well below what http.client takes; it refuses what is above that


class _Lines(Protocol):
    """What a head is read from, line by line."""

    def readline(self, limit: int, /) -> bytes: ...


class _Again:
    """Lines that were read, and then those that follow."""

    def __init__(self, lines: list[bytes], rest: _Lines) -> None:
        self._lines, self._rest = lines, rest

    def readline(self, limit: int) -> bytes:
        """The next line, or as much of it as is asked for."""
        if not self._lines:
            return self._rest.readline(limit)
        line = self._lines.pop(0)
        # One that was too long was read in part.
        return line if line.endswith(b"\n") else line + self._rest.readline(limit - len(line))


class _AsItIs(Compat32):
    """Mails have words in other alphabets, which are decoded when they are asked for."""

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and value.isascii():
            return value
        return super().header_fetch_parse(name, value)


_AS_IT_IS = _AsItIs()


def parse_head(stream: _Lines, **more: Any) -> http.client.HTTPMessage:
    """What ``http.client.parse_headers`` makes of the stream; raises what that raises."""
    lines: list[bytes] = []
    while len(lines) < _MOST:
        line = stream.readline(_LONGEST)
        lines.append(line)
        if line == b"\r\n" or not line.endswith(b"\r\n"):
            break
    head = b"".join(lines).decode("iso-8859-1")
    if more or _HEAD.fullmatch(head) is None or _WITH_PARTS.search(head):
        again: Any = _Again(lines, stream)
        found: http.client.HTTPMessage = http.client.parse_headers(again, **more)
        return found
    message = http.client.HTTPMessage(policy=_AS_IT_IS)
    for name, value in _FIELD.findall(head):
        message.set_raw(name, value)
    message.set_payload("")
    return message


@lru_cache(maxsize=1)
def response_class() -> type[http.client.HTTPResponse]:
    """A ``response_class`` for connections: ``http.client``'s own, with :func:`parse_head` in the
    place of its ``parse_headers``. Other connections of the process keep that one.
    """
    begin = http.client.HTTPResponse.begin
    ours = FunctionType(
        begin.__code__,
        {**vars(http.client), "parse_headers": parse_head},
        begin.__name__,
        begin.__defaults__,
        begin.__closure__,
    )

    class Response(http.client.HTTPResponse):
        pass

    Response.begin = ours  # type: ignore[method-assign]
    return Response
