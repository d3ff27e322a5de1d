"""Which instance a tunnel goes through, where ``--via`` names none: one that Session Manager
reaches now.
"""

import re
from collections.abc import Sequence

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.foreign_text import foreign
from migrator.adapters.via import Via
from migrator.errors import Failed
from migrator.ports import Raw

# The first agent that forwards to another host (Systems Manager user guide, "Starting a session
# (port forwarding to remote host)").
_FIRST_AGENT = (3, 1, 1374, 0)


def instances_of(session: AwsSession, via: Via, cluster: str) -> list[str]:
    """The instances to try, in order: the one that is named, or all online ones with the tag, or
    all online nodes of the cluster.

    The nodes of a cluster have the tag ``kubernetes.io/cluster/NAME`` (EKS user guide,
    "Self-managed nodes"). A filter by tag cannot be combined with another one (Systems Manager API
    Reference, DescribeInstanceInformation), so the rest is decided here. Raises
    ``no-online-instance``, ``iam-denied``.
    """
    if via.instance is not None:
        return [via.instance]
    key, values = "tag-key", [f"kubernetes.io/cluster/{cluster}"]
    if via.tag is not None:
        key, values = f"tag:{via.tag[0]}", [via.tag[1]]
    found: list[Raw] = session.pages(
        "ssm",
        "describe_instance_information",
        "InstanceInformationList",
        subject=key if via.tag else values[0],
        Filters=[{"Key": key, "Values": values}],
    )
    chosen = usable(found)
    if not chosen:
        raise _none(via, cluster, found)
    return chosen


def usable(found: Sequence[Raw]) -> list[str]:
    """Ids of the instances that a tunnel can go through, those with the newest agent first."""
    online = [
        (_version(item), str(item["InstanceId"]))
        for item in found
        if item.get("PingStatus") == "Online" and _version(item) >= _FIRST_AGENT
    ]
    return [name for version, name in sorted(online, key=lambda each: (_below(each[0]), each[1]))]


def _version(item: Raw) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d{1,9}", str(item.get("AgentVersion")))[:4]))


def _below(version: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-part for part in version)


def _none(via: Via, cluster: str, found: Sequence[Raw]) -> Failed:
    whose = f"node of {foreign(cluster)}" if via.tag is None else "instance with this tag"
    why = f"Session Manager knows no {whose} in this account and Region."
    if found:
        states = sorted({_state(item) for item in found})
        why = f"It knows {len(found)} of them: {', '.join(states)}."
    return Failed(
        "no-online-instance",
        f"No {whose} is online in Session Manager.",
        why=why,
        remedy="Give the role of the instances AmazonSSMManagedInstanceCore and a way to the "
        "endpoints of ssm and ssmmessages, or name one that is online: --via ssm:INSTANCE.",
    )


def _state(item: Raw) -> str:
    if item.get("PingStatus") == "Online":
        return f"agent {foreign(item.get('AgentVersion'))}, older than 3.1.1374"
    return foreign(item.get("PingStatus"))
