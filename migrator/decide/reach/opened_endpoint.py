"""Openings of the public endpoint: which address needs one, who still needs it, which is overdue.

An opening is a debt: ``publicAccessCidrs`` has an address that no administrator put there. It is
counted by the tags of the cluster; the last command that needs a block removes it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from migrator.decide.findings.platform import cidr_obstacle
from migrator.decide.findings.public_cidrs import admits, host_cidr, is_open_to_all
from migrator.errors import Failed, Refused
from migrator.model.diagnosis import Check
from migrator.model.opened_endpoint import EndpointSeen, Opening, why_no_source

# What is open after this is called overdue. It is longer than a run: an update is waited for half
# an hour. It is shorter than the longest session of a role (12 hours; IAM user guide, "Using IAM
# roles"), so that the debt of a killed run is seen the same day.
LONGEST_OPENING: Final = timedelta(hours=4)
# A run that lasts longer renews its opening this long after it was written.
RENEWED_AFTER: Final = timedelta(hours=1)
NAME: Final = "opened-endpoint"


def is_restricted(seen: EndpointSeen) -> bool:
    """Whether the public endpoint admits some addresses only.

    Raises ``Refused`` ``endpoint-not-public`` where there is no public endpoint.
    """
    if not seen.public:
        raise Refused(
            "endpoint-not-public",
            "The cluster has no public endpoint, and none is made for one command.",
            why="endpointPublicAccess is off: publicAccessCidrs has no effect.",
            remedy="Reach the private endpoint: --via ssm:auto, --proxy-url, or a VPN.",
        )
    return not is_open_to_all(seen.cidrs, seen.family)


def block_to_open(seen: EndpointSeen, address: str | None) -> str | None:
    """The block that lets this machine's address through a restricted endpoint; None where it is
    admitted already, other than by an opening.

    Raises ``Refused`` ``endpoint-address-family``, ``Failed`` ``source-address-unknown``,
    ``endpoint-ranges-full``.
    """
    if address is None:
        raise Failed(
            "source-address-unknown",
            "The address that this machine is seen under cannot be found out.",
            remedy="Name it with --source-address IP, and run the same command again.",
        )
    why = why_no_source(address, public=True)
    if why:
        raise Failed(
            "source-address-unknown",
            f"{address} is no address that this machine is seen under.",
            why=why,
            remedy="Name it with --source-address IP, and run the same command again.",
        )
    block = host_cidr(address)
    opened = {opening.cidr for opening in seen.openings}
    if admits([cidr for cidr in seen.cidrs if cidr not in opened], block):
        return None
    _refuse_family(seen, block)
    full = cidr_obstacle(len(seen.cidrs))
    if block not in seen.cidrs and full is not None:
        raise Failed(full.code, full.message, remedy=full.remedy)
    return block


def _refuse_family(seen: EndpointSeen, block: str) -> None:
    """EKS takes IPv6 blocks for clusters of the IPv6 family alone: the endpoints of others have no
    IPv6 address ("Cluster API server endpoint", IPv6 cluster endpoint format).
    """
    if ":" not in block or seen.family == "ipv6":
        return
    raise Refused(
        "endpoint-address-family",
        f"{block} is an IPv6 address, and the endpoint of this cluster has IPv4 addresses alone.",
        why="kubernetesNetworkConfig.ipFamily is ipv4.",
        remedy="Name the IPv4 address that this machine is seen under: --source-address IP",
    )


def needed_by_others(openings: Iterable[Opening], opening: Opening) -> bool:
    """Whether another command still needs the block: the last one that needs it removes it."""
    for other in openings:
        if other.run == opening.run or other.cidr != opening.cidr:
            continue
        if not other.closing:
            return True
    return False


def is_being_closed(openings: Iterable[Opening], opening: Opening) -> bool:
    """Whether another command is about to remove the same block."""
    for other in openings:
        if other.run != opening.run and other.cidr == opening.cidr and other.closing:
            return True
    return False


def with_killed(
    openings: Iterable[Opening], runs: Callable[[str], bool | None]
) -> tuple[Opening, ...]:
    """The openings, each with whether its process was killed. ``runs`` says of a process whether it
    runs, None where this machine does not know.
    """
    return tuple(replace(each, killed=runs(each.process) is False) for each in openings)


def is_left(opening: Opening, now: datetime) -> bool:
    """Whether the command of an opening has certainly ended: it was killed, or is overdue."""
    return opening.killed or now > opening.until


def describe_opening(opening: Opening, now: datetime) -> str:
    """An opening in words."""
    until = f"{opening.until:%Y-%m-%d %H:%M} UTC"
    caller = opening.caller or "a caller that is not known"
    said = f"{opening.cidr}, opened by {caller}, run {opening.run}"
    if not opening.listed:
        said = f"{said} (not in publicAccessCidrs now)"
    if opening.killed:
        return f"{said}, whose process was killed"
    if is_left(opening, now):
        return f"{said}, overdue since {until}"
    return f"{said}, until {until}"


def closing_question(
    openings: Sequence[Opening], recorded: Iterable[Opening], now: datetime
) -> str:
    """What a person agrees to before openings are closed. ``recorded``: those of this state."""
    listed = "; ".join(describe_opening(each, now) for each in openings if each.listed)
    others = "; ".join(describe_opening(each, now) for each in openings if not each.listed)
    asked: list[str] = []
    if listed:
        asked.append(f"Remove from publicAccessCidrs of the cluster: {listed}?")
    if others:
        asked.append(f"Remove tags of the cluster that name {others}?")
    return " ".join([*asked, doubt_words(openings, recorded)]).strip()


def doubt_words(openings: Iterable[Opening], recorded: Iterable[Opening]) -> str:
    """What a person must know of addresses that are in the list and that only a tag calls an
    opening: whoever may tag the cluster can write one. Empty where this state recorded all.
    """
    known = {(each.run, each.cidr) for each in recorded}
    found: list[str] = []
    for opening in openings:
        if opening.listed and (opening.run, opening.cidr) not in known:
            found.append(opening.cidr)
    if not found:
        return ""
    return (
        f"Only a tag says that a command added {', '.join(dict.fromkeys(found))}. Each caller who "
        "may tag the cluster can write it, and an administrator may have listed the address before."
    )


def debt_words(openings: Sequence[Opening], cluster: str, now: datetime) -> tuple[str, ...]:
    """What a command says of openings whose command has ended, one sentence each."""
    found: list[str] = []
    for opening in openings:
        if is_left(opening, now):
            has = "publicAccessCidrs still has" if opening.listed else "A tag still names"
            found.append(
                f"{has} {describe_opening(opening, now)}: migrate doctor {cluster} --close-endpoint"
            )
    return tuple(found)


def opening_checks(openings: Sequence[Opening], cluster: str, now: datetime) -> tuple[Check, ...]:
    """A check for each opening of the endpoint: a failure where its command has ended and its
    address is in the list. None where there is no opening.
    """
    checks: list[Check] = []
    for opening in openings:
        has = "publicAccessCidrs has" if opening.listed else "A tag of the cluster names"
        said = f"{has} {describe_opening(opening, now)}."
        if is_left(opening, now):
            remedy = f"`migrate doctor {cluster} --close-endpoint`"
            checks.append(Check(NAME, "fail" if opening.listed else "warn", said, remedy))
        else:
            checks.append(Check(NAME, "warn", said, "The command that opened it closes it."))
    return tuple(checks)
