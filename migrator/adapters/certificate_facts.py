"""What a certificate says of itself, from its DER form (RFC 5280, 4.1; X.690, 8.1).

The standard library decodes certificates that it could verify, and these are the others. Nothing is
trusted here: the facts are shown to people.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from migrator.adapters.foreign_text import foreign
from migrator.model.way import Certificate

_SEQUENCE, _VERSION, _EXTENSIONS = 0x30, 0xA0, 0xA3
_DNS, _ADDRESS = 0x82, 0x87  # GeneralName, RFC 5280, 4.2.1.6
_NAMES = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU"}
_ALTERNATIVE_NAMES = b"\x55\x1d\x11"
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class _Value:
    tag: int
    content: bytes


def certificate_facts(der: bytes | None) -> Certificate | None:
    """The facts; None without a certificate, empty ones where it is not one."""
    if not der:
        return None
    try:
        return _read(der)
    except (ValueError, IndexError, StopIteration, OverflowError):
        return Certificate()


def _read(der: bytes) -> Certificate:
    body = next(_values(next(_values(der)).content)).content
    fields = [value for value in _values(body) if value.tag != _VERSION]
    # serial number, algorithm, issuer, validity, subject, key, and what is optional
    issuer, validity, subject = fields[2], fields[3], fields[4]
    begin, end = _values(validity.content)
    return Certificate(
        subject=_name(subject.content),
        issuer=_name(issuer.content),
        not_before=_time(begin),
        not_after=_time(end),
        names=_alternative_names(fields[6:]),
    )


def _values(content: bytes) -> Iterator[_Value]:
    """The values of a content in order. Raises ``ValueError`` for a length beyond it."""
    at = 0
    while at < len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(content[at : at + octets], "big"), at + octets
        if at + length > len(content):
            raise ValueError("cut off")
        yield _Value(tag, content[at : at + length])
        at += length


def _name(content: bytes) -> str:
    parts: list[str] = []
    for group in _values(content):
        for pair in _values(group.content):
            kind, value = _values(pair.content)
            label = _NAMES.get(kind.content)
            if label is not None:
                parts.append(f"{label}={value.content.decode('utf-8', 'replace')}")
    return foreign(", ".join(parts))


def _time(value: _Value) -> datetime:
    # The standard library reads the century of a UTCTime as RFC 5280, 4.1.2.5.1 says: below 50 is
    # 20xx.
    text = value.content.decode("ascii")
    if len(text) == 13:
        text = f"{'20' if text[:2] < '50' else '19'}{text}"
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def _alternative_names(fields: list[_Value]) -> tuple[str, ...]:
    found: list[str] = []
    for field in fields:
        if field.tag != _EXTENSIONS:
            continue
        for extension in _values(next(_values(field.content)).content):
            parts = list(_values(extension.content))
            if parts[0].content == _ALTERNATIVE_NAMES:
                found += _general_names(next(_values(parts[-1].content)).content)
    return tuple(found[:_MOST_NAMES])


def _general_names(content: bytes) -> Iterator[str]:
    for value in _values(content):
        if value.tag == _DNS:
            yield foreign(value.content.decode("ascii", "replace"))
        if value.tag == _ADDRESS:
            yield str(ipaddress.ip_address(value.content))
