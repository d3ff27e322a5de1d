"""Live nodes: their leases, their roles, and what is known of the Fargate profiles that they come
from.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Kubernetes documentation, "Leases", "Node heartbeats": kubelets renew every 10 seconds, and the
# node controller takes a node for lost after 40 (leaseDurationSeconds).
LEASE_GRACE = timedelta(seconds=40)


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node as the API server shows it.

    ``renewed``: the last renewal of its lease, None where it has none. ``role_arn``: the role that
    its kubelet logs in with, None where that is unknown. ``leaving``: cordoned or being
    deleted, so that it may stop at any time.
    """

    name: str
    role_arn: str | None = None
    renewed: datetime | None = None
    created: datetime | None = None
    compute: str = ""  # ``fargate``, ``hybrid``, … ; empty for an EC2 instance
    leaving: bool = False
    system: str = ""  # ``linux``, ``windows``; empty where its label is missing

    def fresh(self, now: datetime) -> bool:
        """Whether the lease was renewed so recently that the node counts as alive."""
        if self.renewed is None:
            return False
        return now - self.renewed <= LEASE_GRACE


@dataclass(frozen=True, slots=True)
class ProfileHealth:
    """A Fargate profile: its pod execution role, status (``ACTIVE``, …) and the issues that EKS
    reports.
    """

    name: str
    role_arn: str
    status: str
    issues: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether EKS can start pods under it."""
        if self.status != "ACTIVE":
            return False
        return not self.issues


@dataclass(frozen=True, slots=True)
class NodesNow:
    """All nodes of a cluster and its Fargate profiles, read at about the same time."""

    nodes: tuple[NodeState, ...]
    profiles: tuple[ProfileHealth, ...] = ()


@dataclass(frozen=True, slots=True)
class NodesUnread:
    """Why the nodes are not known, and what to do about it."""

    why: str
    remedy: str = ""
