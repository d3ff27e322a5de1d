"""Fields of raw objects of the cluster, each with the type that it must have: an object with
another shape is not understood, and never ignored.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final, TypeAlias

from migrator.model.network_policies.packets import Address
from migrator.model.network_policies.policies import Block, Net, PortMatch

Raw = Mapping[str, Any]
_Type: TypeAlias = type | tuple[type, ...]
_PORTS: Final = range(65_536)
_LARGEST: Final = 1e300
_DIGITS: Final = re.compile(r"[0-9]+")
# Protocols by number (IANA) and by the names that Calico takes in any case.
_PROTOCOLS: Final[Mapping[str, str]] = {
    "1": "ICMP",
    "6": "TCP",
    "17": "UDP",
    "58": "ICMPV6",
    "132": "SCTP",
    "136": "UDPLITE",
}


class NotUnderstood(Exception):
    """What in an object is not understood."""


def _typed(
    raw: Raw,
    key: str,
    kind: _Type,
    *,
    absent: object,
    word: str,
) -> Any:  # noqa: ANN401 - text from the cluster
    """The value of a field, ``absent`` where there is none or null.

    Raises :class:`NotUnderstood` ("KEY is no WORD") for a value of another type.
    """
    found = raw.get(key)
    if found is None:
        return absent
    if not isinstance(found, kind):
        raise NotUnderstood(f"{key} is no {word}")
    return found


def _list_of(
    raw: Raw,
    key: str,
    kind: _Type,
    *,
    word: str,
) -> list[Any]:
    """A list of values of one type, empty where there is none.

    Raises :class:`NotUnderstood` ("KEY is no list of WORD") where one of them is of another type.
    """
    found = listed(raw, key)
    if not all(isinstance(each, kind) for each in found):
        raise NotUnderstood(f"{key} is no list of {word}")
    return found


def part(raw: Raw, key: str) -> Raw:
    """An object in the object; empty where there is none. Raises :class:`NotUnderstood`."""
    found: Raw = _typed(
        raw,
        key,
        Mapping,
        absent={},
        word="object",
    )
    return found


def parts(raw: Raw, key: str) -> list[Raw]:
    """A list of objects; empty where there is none. Raises :class:`NotUnderstood`."""
    return _list_of(
        raw,
        key,
        Mapping,
        word="objects",
    )


def listed(raw: Raw, key: str) -> list[Any]:
    """A list; empty where there is none. Raises :class:`NotUnderstood`."""
    return list(
        _typed(
            raw,
            key,
            (list, tuple),
            absent=(),
            word="list",
        )
    )


def texts(raw: Raw, key: str) -> list[str]:
    """A list of texts. Raises :class:`NotUnderstood`."""
    return _list_of(
        raw,
        key,
        str,
        word="texts",
    )


def text(raw: Raw, key: str) -> str:
    """A text, empty where there is none. Raises :class:`NotUnderstood`."""
    found: str = _typed(
        raw,
        key,
        str,
        absent="",
        word="text",
    )
    return found


def number(raw: Raw, key: str) -> float | None:
    """A number, None where there is none. Raises :class:`NotUnderstood`."""
    found = _typed(
        raw,
        key,
        (int, float),
        absent=None,
        word="number",
    )
    if found is None:
        return None
    # A comparison with NaN, which Python's JSON reads, is false: NaN is no number either.
    if isinstance(found, bool) or not abs(found) <= _LARGEST:
        raise NotUnderstood(f"{key} is no number")
    return float(found)


def _object(raw: Raw, key: str) -> Raw:
    """An object in the object; empty where there is none, or something else."""
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}


def labels_of(raw: Raw) -> dict[str, str]:
    """``metadata.labels``; what is no text is left out: it can match nothing."""
    found = _object(_object(raw, "metadata"), "labels")
    return {key: value for key, value in found.items() if isinstance(value, str)}


def name_of(raw: Raw) -> tuple[str, str]:
    """Namespace, empty for one of the cluster, and name; ``?`` where there is none."""
    metadata = _object(raw, "metadata")
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "?")


def only(raw: Raw, known: Iterable[str], where: str) -> None:
    """Raises :class:`NotUnderstood` where there is a field besides: it may be a condition."""
    unknown = sorted(map(str, set(raw) - set(known)))
    if unknown:
        raise NotUnderstood(f"{where} has the field {unknown[0][:40]!r}")


@lru_cache(maxsize=4096)
def net_of(spelled: str) -> Net:
    """A network or one address. Raises :class:`NotUnderstood`."""
    try:
        return ip_network(spelled, strict=False)
    except ValueError as error:
        raise NotUnderstood(f"{spelled[:50]!r} is no network") from error


def blocks_of(nets: Iterable[str]) -> tuple[Block, ...]:
    """Networks without exceptions. Raises :class:`NotUnderstood`."""
    return tuple(map(Block, map(net_of, nets)))


def address_of(spelled: object) -> Address | None:
    """An address, None for what is none (``None`` of a headless Service, for example)."""
    try:
        return ip_address(str(spelled))
    except ValueError:
        return None


def port_number(found: object) -> int:
    """A port. Raises :class:`NotUnderstood`."""
    # ``True`` is an ``int`` of Python, and no port.
    if type(found) is int and found in _PORTS:
        return found
    raise NotUnderstood(f"{str(found)[:40]!r} is no port")


def protocol_of(found: object) -> str:
    """``TCP``, ``UDP``, …; empty where there is none. Raises :class:`NotUnderstood`."""
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise NotUnderstood("a protocol is no name or number")
    spelled = str(found).upper()
    return _PROTOCOLS.get(spelled, spelled)


def protocol_in(port: Raw) -> str:
    """The protocol of a port, TCP where there is none (Kubernetes API reference)."""
    return protocol_of(port.get("protocol")) or "TCP"


def calico_port(found: object) -> PortMatch:
    """``443``, ``1000:2000`` or a name (Calico, reference of NetworkPolicy, "Ports").

    Raises :class:`NotUnderstood`.
    """
    if isinstance(found, int):
        return PortMatch("", port_number(found), port_number(found))
    if not isinstance(found, str) or not found:
        raise NotUnderstood(f"{str(found)[:40]!r} is no port")
    first, colon, last = found.partition(":")
    if _DIGITS.fullmatch(first):
        low = port_number(int(first))
        return PortMatch("", low, _end(last) if colon else low)
    if colon:
        raise NotUnderstood(f"{found[:40]!r} is no range of ports")
    return PortMatch("", name=found)


def _end(spelled: str) -> int:
    """The last port of a range. Raises :class:`NotUnderstood`."""
    if not _DIGITS.fullmatch(spelled):
        raise NotUnderstood(f"{spelled[:40]!r} is no port")
    return port_number(int(spelled))
