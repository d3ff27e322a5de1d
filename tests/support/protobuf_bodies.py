"""Protobuf messages made by hand, as Kubernetes clients send them."""


def varint(value: int) -> bytes:
    found = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        found.append(low | (0x80 if value else 0))
        if not value:
            return bytes(found)


def message(field: int, body: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(body)) + body


def text(field: int, value: str) -> bytes:
    return message(field, value.encode())


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def envelope(api_version: str, kind: str, body: bytes) -> bytes:
    """``runtime.Unknown`` behind its magic bytes."""
    return (
        b"k8s\x00"
        + message(1, text(1, api_version) + text(2, kind))
        + message(2, body)
        + text(3, "")
        + text(4, "")
    )
