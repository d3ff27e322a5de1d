"""Fields of raw objects of the cluster, each with the type that it must have: an object with
another shape is not understood, and never ignored.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final

from migrator.model.network_policies.packets import Address
from migrator.model.network_policies.policies import Block, Net, PortMatch

Raw = Mapping[str, Any]
_LARGEST_PORT: Final = 65_535
_LARGEST: Final = 1e300
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


def part(raw: Raw, key: str) -> Raw:
    """An object in the object; empty where there is none. Raises :class:`NotUnderstood`."""
    found = raw.get(key)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise NotUnderstood(f"{key} is no object")
    return found


def parts(raw: Raw, key: str) -> list[Raw]:
    """A list of objects; empty where there is none. Raises :class:`NotUnderstood`."""
    found = listed(raw, key)
    if not all(isinstance(each, Mapping) for each in found):
        raise NotUnderstood(f"{key} is no list of objects")
    return found


def listed(raw: Raw, key: str) -> list[Any]:
    """A list; empty where there is none. Raises :class:`NotUnderstood`."""
    found = raw.get(key)
    if found is None:
        return []
    if not isinstance(found, list | tuple):
        raise NotUnderstood(f"{key} is no list")
    return list(found)


def texts(raw: Raw, key: str) -> list[str]:
    """A list of texts. Raises :class:`NotUnderstood`."""
    found = listed(raw, key)
    if not all(isinstance(each, str) for each in found):
        raise NotUnderstood(f"{key} is no list of texts")
    return found


def text(raw: Raw, key: str) -> str:
    """A text, empty where there is none. Raises :class:`NotUnderstood`."""
    found = raw.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise NotUnderstood(f"{key} is no text")
    return found


def number(raw: Raw, key: str) -> float | None:
    """A number, None where there is none. Raises :class:`NotUnderstood`."""
    found = raw.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or abs(found) > _LARGEST:
        raise NotUnderstood(f"{key} is no number")
    if found != found:  # noqa: PLR0124 - what JSON of Python reads of NaN
        raise NotUnderstood(f"{key} is no number")
    return float(found)


def labels_of(raw: Raw) -> dict[str, str]:
    """``metadata.labels``; what is no text is left out: it can match nothing."""
    metadata = raw.get("metadata")
    found = metadata.get("labels") if isinstance(metadata, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def name_of(raw: Raw) -> tuple[str, str]:
    """Namespace, empty for one of the cluster, and name; ``?`` where there is none."""
    metadata = raw.get("metadata")
    if not isinstance(metadata, Mapping):
        return "", "?"
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
    return tuple(Block(net_of(each)) for each in nets)


def address_of(spelled: object) -> Address | None:
    """An address, None for what is none (``None`` of a headless Service, for example)."""
    try:
        return ip_address(str(spelled))
    except ValueError:
        return None


def port_number(found: object) -> int:
    """A port. Raises :class:`NotUnderstood`."""
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= _LARGEST_PORT:
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


def calico_port(found: object) -> PortMatch:
    """``443``, ``1000:2000`` or a name (Calico, reference of NetworkPolicy, "Ports").

    Raises :class:`NotUnderstood`.
    """
    if isinstance(found, int):
        return PortMatch("", port_number(found), port_number(found))
    if not isinstance(found, str) or not found:
        raise NotUnderstood(f"{str(found)[:40]!r} is no port")
    first, colon, last = found.partition(":")
    if first.isascii() and first.isdecimal():
        low = port_number(int(first))
        return PortMatch("", low, _end(last) if colon else low)
    if colon:
        raise NotUnderstood(f"{found[:40]!r} is no range of ports")
    return PortMatch("", name=found)


def _end(spelled: str) -> int:
    if spelled.isascii() and spelled.isdecimal():
        return port_number(int(spelled))
    raise NotUnderstood(f"{spelled[:40]!r} is no port")
