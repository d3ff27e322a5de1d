"""The value of ``--via``: through which instance, and to what behind it.

``ssm:INSTANCE``, ``ssm:tag:KEY=VALUE`` or ``ssm:auto``, each with ``:HOST:PORT`` for a proxy that
the instance reaches; without one the way leads to the cluster's endpoint.
"""

import re
from dataclasses import dataclass

from migrator.adapters.foreign_text import foreign
from migrator.errors import WrongUse

_INSTANCE = re.compile(r"m?i-[0-9a-f]{8,17}")
# Keys and values of tags (Tag Editor user guide, "Tag naming limits"), but for a colon in a value:
# it begins HOST:PORT here.
_TAG = re.compile(r"([\w .:/+@-]{1,128})=([\w ./=+@-]{0,256})")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PROXY = re.compile(r"(?P<target>.*?):(?P<host>[^:=]*):(?P<port>[^:=]*)")
_REMEDY = (
    "Give ssm:INSTANCE, ssm:tag:KEY=VALUE or ssm:auto; with :HOST:PORT behind it for a proxy that "
    "the instance reaches."
)


@dataclass(frozen=True, slots=True)
class Via:
    """``instance``: one by its id; ``tag``: an online one with this key and value; neither: an
    online node of the cluster. The tunnel ends at the proxy, without one at the cluster's endpoint.
    """

    instance: str | None = None
    tag: tuple[str, str] | None = None
    proxy_host: str | None = None
    proxy_port: int | None = None


def parse_via(text: str) -> Via:
    """The value of ``--via``. Raises ``via-malformed``, which says what is wrong."""
    scheme, colon, rest = text.partition(":")
    if scheme != "ssm" or not colon:
        raise _malformed(text, "It does not begin with ssm:, the only way that there is.")
    target, host, port = _parts(text, rest)
    if target == "auto":
        return Via(None, None, host, port)
    if target.startswith("tag:"):
        return Via(None, _tag(text, target.removeprefix("tag:")), host, port)
    if _INSTANCE.fullmatch(target):
        return Via(target, None, host, port)
    what = foreign(target) or "nothing"
    raise _malformed(text, f"After ssm: stands {what}, no id such as i-0123456789abcdef0.")


def _parts(text: str, rest: str) -> tuple[str, str | None, int | None]:
    """What is before ``:HOST:PORT``, and these. A key of a tag may have colons: what ends in a
    value has no proxy.
    """
    found = _PROXY.fullmatch(rest)
    if found is None or found["target"] == "tag":
        if rest.startswith("tag:") or ":" not in rest:
            return rest, None, None
        raise _malformed(text, "A proxy has a host and a port: one of them is missing.")
    host, port = found["host"], found["port"]
    if not _HOST.fullmatch(host):
        raise _malformed(text, f"The host of the proxy is {foreign(host) or 'empty'}, no name.")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise _malformed(text, f"The port is {foreign(port) or 'empty'}, not 1 to 65535.")
    return found["target"], host, int(port)


def _tag(text: str, tag: str) -> tuple[str, str]:
    found = _TAG.fullmatch(tag)
    if found is None:
        raise _malformed(text, f"The tag is {foreign(tag) or 'empty'}, and not KEY=VALUE.")
    return found[1], found[2]


def _malformed(text: str, why: str) -> WrongUse:
    return WrongUse(
        "via-malformed", f"--via {foreign(text)} names no way in.", why=why, remedy=_REMEDY
    )
