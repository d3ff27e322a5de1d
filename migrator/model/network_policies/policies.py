"""Network policies of every kind in one form: policies in tiers, with rules of which the first that
matches decides.

The form is Calico's (reference of Tier, NetworkPolicy and GlobalNetworkPolicy); a Kubernetes
NetworkPolicy is one whose rules all allow, in a tier that denies at its end (Calico, "Kubernetes
policy": order 1000 in tier default).
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from math import inf
from typing import Literal, TypeAlias

from migrator.model.network_policies.selectors import Everything, Selector

Net: TypeAlias = IPv4Network | IPv6Network
Direction: TypeAlias = Literal["Ingress", "Egress"]
Action: TypeAlias = Literal["Allow", "Deny", "Pass", "Log"]
KUBERNETES_ORDER = 1000.0
DEFAULT_TIER = "default"


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses: a network without the ones that are excepted."""

    net: Net
    excepted: tuple[Net, ...] = ()


@dataclass(frozen=True, slots=True)
class PortMatch:
    """Ports ``first`` to ``last`` of a protocol, or the port that a pod gives a ``name``. Empty
    ``protocol``: of any; ``first`` None and no name: every port.
    """

    protocol: str = ""
    first: int | None = None
    last: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """One end of a connection as a rule describes it: every condition that is given must hold.

    ``pods``, ``namespaces``, ``accounts``: selectors, None where there is none. ``sets``: whether
    selectors match network sets too. ``service``: ``(namespace, name)``. ``doubt``: a condition
    that is not understood.
    """

    blocks: tuple[Block, ...] = ()
    not_blocks: tuple[Block, ...] = ()
    pods: Selector | None = None
    not_pods: Selector | None = None
    namespaces: Selector | None = None
    own_namespace: str = ""
    accounts: Selector | None = None
    account_names: tuple[str, ...] = ()
    sets: bool = False
    service: tuple[str, str] | None = None
    doubt: str = ""

    @property
    def selects(self) -> bool:
        """Whether it selects by labels."""
        given = (self.pods, self.namespaces, self.accounts)
        return bool(self.account_names) or any(each is not None for each in given)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. ``peers``: the far end is one of them, or any where there is none; ``own``: what it
    says of the near end. ``ports``, ``not_ports``: of the destination.
    """

    action: Action
    peers: tuple[Peer, ...] = ()
    own: Peer | None = None
    protocol: str = ""
    not_protocol: str = ""
    ip_version: int = 0
    ports: tuple[PortMatch, ...] = ()
    not_ports: tuple[PortMatch, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy. ``namespace`` is empty for one of the whole cluster. ``pods``, ``namespaces``,
    ``accounts``: which pods it is for.

    ``types``: the directions it is for; ``perhaps``: those of which it is not known. ``doubt``: why
    the policy as a whole is not understood, empty where it is. ``condition``: why it may not be
    enforced. ``calico``: two kinds have one name.
    """

    kind: str
    name: str
    namespace: str = ""
    tier: str = DEFAULT_TIER
    order: float = inf
    pods: Selector = field(default_factory=Everything)
    namespaces: Selector | None = None
    accounts: Selector | None = None
    types: frozenset[Direction] = frozenset()
    perhaps: frozenset[Direction] = frozenset()
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    doubt: str = ""
    condition: str = ""
    calico: bool = False

    @property
    def title(self) -> str:
        """``Calico GlobalNetworkPolicy deny-metadata``, ``NetworkPolicy kube-system/deny``."""
        kind = f"Calico {self.kind}" if self.calico else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"

    def rules(self, direction: Direction) -> tuple[Rule, ...]:
        """The rules of one direction, the first one first."""
        return self.ingress if direction == "Ingress" else self.egress


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier with its policies in order. ``passes``: at its end the next tier decides; else a
    connection is denied that no rule matched, where some policy of the tier is for the pod.
    """

    name: str
    order: float = inf
    passes: bool = False
    policies: tuple[Policy, ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class NetworkSet:
    """A NetworkSet (with a namespace) or GlobalNetworkSet: addresses with labels."""

    name: str
    namespace: str
    labels: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    doubt: str = ""
