"""An address that a command of this tool added to ``publicAccessCidrs`` for as long as it runs.

Each opening is a tag of the cluster, so that every caller sees it: key
``eks-access-migrator/opened/RUN``, value ``cidr=… until=… state=… process=… by=…``. One tag for
each run: a tag has no compare-and-set, and two commands that wrote one tag would lose one of the
two. A key holds 128 and a value 256 letters, digits, spaces and ``_ . : / = + - @`` (EKS user
guide, "Organize Amazon EKS resources with tags").
"""

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone

OPENED_TAG = "eks-access-migrator/opened"
_LONGEST = 256
_OUTSIDE = re.compile(r"[^\w .:/=+@-]", re.ASCII)
_FIELD = re.compile(r"([a-z]+)=([\w.:/=+@-]*)", re.ASCII)
_RUN = re.compile(r"[\w.-]{1,64}", re.ASCII)
# IANA, special-purpose address registries (RFC 6890), and multicast (RFC 5771, RFC 4291): no packet
# from outside arrives with such an address as its source.
_OF_NO_CLIENT: Mapping[str, str] = {
    "0.0.0.0/8": "It is an address of no host.",
    "127.0.0.0/8": "It is a loopback address.",
    "169.254.0.0/16": "It is a link-local address.",
    "224.0.0.0/4": "It is a multicast address.",
    "240.0.0.0/4": "It is a reserved address.",
    "::/128": "It is an address of no host.",
    "::1/128": "It is a loopback address.",
    "::ffff:0:0/96": "It is an IPv4 address in the form of an IPv6 one: name it as IPv4.",
    "fe80::/10": "It is a link-local address.",
    "ff00::/8": "It is a multicast address.",
}
# RFC 1918, RFC 6598, RFC 4193.
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")


@dataclass(frozen=True, slots=True)
class Opening:
    """One command's opening: ``cidr`` is its block, ``until`` (UTC) when it has certainly ended.

    ``closing``: the command is about to remove the block. ``process``: the mark of its process,
    which its own machine alone can look up; empty where it is not known. ``killed``: that process
    does not run any more; False where that is not known. ``listed``: publicAccessCidrs has the
    block; True where the list is not known.
    """

    run: str
    cidr: str
    caller: str
    until: datetime
    closing: bool = False
    process: str = ""
    killed: bool = False
    listed: bool = True


@dataclass(frozen=True, slots=True)
class EndpointSeen:
    """The endpoint of a cluster as DescribeCluster shows it: its access modes, who may reach it,
    the family of the cluster's addresses (``ipv4``, ``ipv6``), the openings in its tags.
    """

    public: bool
    private: bool
    cidrs: tuple[str, ...]
    family: str = "ipv4"
    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True)
class ClosedEndpoint:
    """What a closing did: the openings that ended, and those that a command may still need. In
    words.
    """

    cluster: str
    closed: tuple[str, ...]
    left: tuple[str, ...]


def why_no_source(address: str, *, public: bool) -> str:
    """Why no machine is seen under an address; empty where one may be. ``public``: from the
    internet, where private addresses are not seen either.
    """
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return f"{address!r} is no IP address."
    if "%" in address:
        return "It has a zone, which is of one machine alone."
    for block, why in _OF_NO_CLIENT.items():
        if wanted in ipaddress.ip_network(block):
            return why
    if public and any(wanted in ipaddress.ip_network(block) for block in _PRIVATE):
        return "It is a private address: publicAccessCidrs is compared with public ones."
    return ""


def tag_key(run: str) -> str:
    """The key of a run's tag."""
    return f"{OPENED_TAG}/{run}"


def tag_value(opening: Opening) -> str:
    """The value of a run's tag, of the characters and the length that EKS takes. The caller is cut
    where it is too long.
    """
    until = opening.until.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = "closing" if opening.closing else "open"
    head = f"cidr={opening.cidr} until={until} state={state}"
    text = f"{head} process={opening.process} by={opening.caller}"
    return _OUTSIDE.sub("_", text)[:_LONGEST]


def openings_in(tags: Mapping[str, object]) -> tuple[Opening, ...]:
    """The openings in a cluster's tags, in the order of their keys.

    A tag that cannot be read is left out: any caller may write tags, and what names no block opens
    nothing.
    """
    found: list[Opening] = []
    for key in sorted(tags):
        if not key.startswith(f"{OPENED_TAG}/"):
            continue
        opening = _opening(key.removeprefix(f"{OPENED_TAG}/"), str(tags[key]))
        if opening is not None:
            found.append(opening)
    return tuple(found)


def seen_in(cluster: Mapping[str, object]) -> EndpointSeen:
    """The endpoint in DescribeCluster ``.cluster``. Without ``endpointPublicAccess`` the endpoint
    is public: EKS user guide, "Cluster API server endpoint" (the default).
    """
    vpc = _object(cluster.get("resourcesVpcConfig"))
    network = _object(cluster.get("kubernetesNetworkConfig"))
    given = vpc.get("publicAccessCidrs")
    cidrs = tuple(map(str, given)) if isinstance(given, list | tuple) else ()
    return EndpointSeen(
        public=bool(vpc.get("endpointPublicAccess", True)),
        private=bool(vpc.get("endpointPrivateAccess")),
        cidrs=cidrs,
        family=str(network.get("ipFamily") or "ipv4"),
        openings=with_listed(openings_in(_object(cluster.get("tags"))), cidrs),
    )


def with_listed(openings: Iterable[Opening], cidrs: Collection[str]) -> tuple[Opening, ...]:
    """The openings, each with whether the list has its block: any caller may write a tag, and a
    command may be killed between its tag and the list.
    """
    return tuple(replace(each, listed=each.cidr in cidrs) for each in openings)


def _object(value: object) -> Mapping[str, object]:
    """The value where it is an object, else an empty one."""
    if isinstance(value, Mapping):
        return value
    return {}


def _opening(run: str, value: str) -> Opening | None:
    """The opening of one tag; None where its run, block or time cannot be read, and where its block
    is more than one address: no command opens such a block, and closing it would remove a range
    that an administrator listed.
    """
    if _RUN.fullmatch(run) is None:
        return None
    fields = dict(_FIELD.findall(value))
    try:
        block = ipaddress.ip_network(fields["cidr"])
        until = datetime.strptime(fields["until"], "%Y-%m-%dT%H:%M:%SZ")
    except (KeyError, ValueError):
        return None
    if block.num_addresses != 1:
        return None
    return Opening(
        run,
        str(block),
        fields.get("by", ""),
        until.replace(tzinfo=timezone.utc),
        closing=fields.get("state") == "closing",
        process=fields.get("process", ""),
    )
