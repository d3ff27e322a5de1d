"""Updates of a cluster that run now, and its certificate authorities.

A cluster can be ACTIVE while an update runs: the roll-back of a version of an EKS Auto Mode cluster
leaves it ACTIVE for days. ListUpdates and DescribeUpdate answer the question (EKS API reference).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunningUpdate:
    """An update that is in progress. ``resource``: the cluster, or the node group or add-on by
    name. ``kind``: EKS's own name, such as ``VersionRollback``.
    """

    resource: str
    kind: str
    update_id: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.resource} (update {self.update_id})"


@dataclass(frozen=True, slots=True)
class UpdatesUnread:
    """Why the updates are not known: what AWS answered, and what to do about it."""

    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ClusterUpdates:
    """``running``: updates in progress of the cluster, its node groups and its add-ons.
    ``certificate_authorities``: how many CA certificates DescribeCluster returns; during a
    rotation there are several.
    """

    running: tuple[RunningUpdate, ...] = ()
    certificate_authorities: int = 1
