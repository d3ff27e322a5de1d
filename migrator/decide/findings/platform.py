"""What keeps access entries from a cluster: where it runs, its platform version, its quota.

One answer for ``doctor`` and for plans. Sources: EKS user guide, "Setting up access entries"
(platform versions) and "Amazon EKS on AWS Outposts" (local clusters); AWS general reference,
"Amazon EKS endpoints and quotas" (neither quota can be raised).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Raw = Mapping[str, Any]
MAX_ENTRIES: Final = 3_000  # access entries of one cluster
MAX_CIDRS: Final = 40  # ranges in publicAccessCidrs of one cluster
# The first platform version with access entries; later Kubernetes versions all have them.
_FIRST_PLATFORM: Final = {
    (1, 23): 17,
    (1, 24): 15,
    (1, 25): 12,
    (1, 26): 11,
    (1, 27): 10,
    (1, 28): 6,
    (1, 29): 1,
    (1, 30): 2,
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a cluster cannot have the entries: the finding's code, what was seen, what helps."""

    code: str
    message: str
    remedy: str


def platform_obstacle(cluster: Raw) -> Obstacle | None:
    """What keeps access entries from the cluster, from DescribeCluster ``.cluster``; None where it
    has them, or where its versions are of a form that is not understood.

    Such versions are no evidence in either direction: ``doctor`` says that they are unknown, and
    EKS itself refuses the switch of the mode, which changes nothing.
    """
    # The cluster reads access entries already, whatever its versions say.
    if mode_of(cluster) != "CONFIG_MAP":
        return None
    if cluster.get("outpostConfig"):
        return Obstacle(
            "outpost-without-entries",
            "The cluster runs on an Outpost, where access entries are not supported.",
            "No answer lifts this: the cluster keeps aws-auth.",
        )
    versions = versions_of(cluster)
    # EKS may write versions in another form one day: that is no reason to call them too old.
    if versions is None:
        return None
    version, platform = versions
    # Each Kubernetes version has its own platform versions, counted from 1.
    first = _FIRST_PLATFORM.get(version, 0)
    if version >= (1, 23) and platform >= first:
        return None
    needs = f"eks.{first}" if first else "Kubernetes 1.23"
    return Obstacle(
        "platform-without-entries",
        f"{said_versions(cluster)}: too old for access entries, which need {needs} or later.",
        "No answer lifts this: update the cluster first, then plan again.",
    )


def mode_of(cluster: Raw) -> str:
    """The authentication mode; CONFIG_MAP where DescribeCluster shows none (clusters from before
    access entries).
    """
    return str((cluster.get("accessConfig") or {}).get("authenticationMode") or "CONFIG_MAP")


def said_versions(cluster: Raw) -> str:
    """Kubernetes and platform version as DescribeCluster shows them."""
    return f"Kubernetes {cluster.get('version')}, platform {cluster.get('platformVersion')}"


def versions_of(cluster: Raw) -> tuple[tuple[int, int], int] | None:
    """The Kubernetes version and the number of the platform version; None where they are not
    understood.
    """
    version = _numbers(cluster.get("version"))
    platform = _numbers(cluster.get("platformVersion"))
    if len(version) < 2 or not platform:
        return None
    return (version[0], version[1]), platform[0]


def _numbers(text: object) -> tuple[int, ...]:
    """The numbers in a version: ``(1, 34)`` of ``1.34``, ``(12,)`` of ``eks.12``; () of no text."""
    if not text:
        return ()
    return tuple(map(int, re.findall(r"\d{1,6}", str(text))))


def quota_obstacle(now: int, more: int) -> Obstacle | None:
    """What keeps ``more`` entries from a cluster that has ``now`` of them; None where they fit.

    A cluster that is over the quota already and gets no further entry is no concern of a plan: EKS
    refuses new entries alone.
    """
    total = now + more
    if not more or total <= MAX_ENTRIES:
        return None
    return Obstacle(
        "entries-over-quota",
        f"The cluster has {now} access entries, and {more} more would be made: {total}, where EKS "
        f"admits {MAX_ENTRIES}.",
        f"Leave principals out until {total - MAX_ENTRIES} fewer entries are needed (action: skip "
        "and accept_loss), or delete entries that no principal needs. The quota cannot be raised.",
    )


def cidr_obstacle(count: int) -> Obstacle | None:
    """What keeps one more range from publicAccessCidrs, which has ``count`` of them.

    EKS refuses the whole list then: the address of this machine is not admitted, and nothing else
    changes.
    """
    if count < MAX_CIDRS:
        return None
    return Obstacle(
        "endpoint-ranges-full",
        f"publicAccessCidrs has {count} ranges, and EKS admits {MAX_CIDRS}.",
        "Take a range away first, reach the API server through --via or --proxy-url, or work from "
        "an address that is admitted.",
    )
