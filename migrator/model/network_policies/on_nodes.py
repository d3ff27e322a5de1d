"""What decides about the traffic of pods besides policies for them: rules of their node, of the
plugin, and of security groups.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.model.network_policies.policies import Policy
from migrator.model.network_policies.selectors import Selector

# Felix's ``defaultEndpointToHostAction``; empty: not understood, or it could not be read.
ToHostAction: TypeAlias = Literal["Accept", "Drop", "Return", ""]


@dataclass(frozen=True, slots=True)
class HostEndpoint:
    """Interfaces of a node that Calico polices (Calico, reference of HostEndpoint)."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ToHost:
    """What happens to traffic of a pod to its own node. ``source``: what says so."""

    source: str
    action: ToHostAction


@dataclass(frozen=True, slots=True)
class PodGroups:
    """A SecurityGroupPolicy. ``pods``, ``accounts``: selectors of its namespace, None where there
    is none. ``doubt``: why it is not understood, empty where it is.
    """

    name: str
    namespace: str
    pods: Selector | None = None
    accounts: Selector | None = None
    groups: tuple[str, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class OnNodes:
    """``host_policies``: those of Calico for traffic that passes a host endpoint. ``denying``:
    what denies everything to pods without a policy, ``partly``: what may, on some nodes.
    """

    host_endpoints: tuple[HostEndpoint, ...] = ()
    host_policies: tuple[Policy, ...] = ()
    to_host: tuple[ToHost, ...] = ()
    pod_groups: tuple[PodGroups, ...] = ()
    denying: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
