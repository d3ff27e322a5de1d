"""Raw objects of a cluster to what decides: policies, tiers, sets, namespaces, Services, plugins.

Kinds that are not in the tables are named as not understood; those that enforce nothing are left
out (Calico's staged policies: reference, "StagedNetworkPolicy").
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from migrator.decide.reach.network_policies.admin_policies import (
    ADMIN,
    BASELINE,
    parse_admin_policy,
)
from migrator.decide.reach.network_policies.calico_policies import (
    is_for_hosts_only,
    parse_calico_policy,
    parse_network_set,
    parse_tier,
)
from migrator.decide.reach.network_policies.kubernetes_policies import parse_kubernetes_policy
from migrator.decide.reach.network_policies.plugins import ignores_except, plugins_in
from migrator.decide.reach.network_policies.raw_fields import labels_of, name_of
from migrator.decide.reach.network_policies.services import endpoints_in
from migrator.model.network_policies.packets import Endpoint, PolicyWorld
from migrator.model.network_policies.policies import NetworkSet, Policy, Tier
from migrator.model.network_policies.raw_policies import RawPolicies

Raw = Mapping[str, Any]
KUBERNETES_GROUP: Final = "networking.k8s.io"
ADMIN_GROUP: Final = "policy.networking.k8s.io"
CALICO_GROUPS: Final = ("projectcalico.org", "crd.projectcalico.org")
# They enforce nothing.
_STAGED: Final = frozenset(
    {"StagedNetworkPolicy", "StagedGlobalNetworkPolicy", "StagedKubernetesNetworkPolicy"}
)
_POLICIES: Final[Mapping[tuple[str, str], Callable[[Raw], Policy]]] = {
    (KUBERNETES_GROUP, "NetworkPolicy"): parse_kubernetes_policy,
    (ADMIN_GROUP, ADMIN): parse_admin_policy,
    (ADMIN_GROUP, BASELINE): parse_admin_policy,
}
_CALICO_POLICIES: Final = frozenset({"NetworkPolicy", "GlobalNetworkPolicy"})
_SETS: Final = frozenset({"NetworkSet", "GlobalNetworkSet"})


@dataclass(slots=True)
class _Sorted:
    """The objects by what they are."""

    policies: dict[tuple[str, ...], Policy] = field(default_factory=dict)
    tiers: dict[str, Tier] = field(default_factory=dict)
    sets: dict[tuple[str, ...], NetworkSet] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)


def policy_world(raw: RawPolicies) -> PolicyWorld:
    """What decides. Nothing raises: what is not understood is in it, as such."""
    found = _Sorted()
    for each in raw.objects:
        _sort(each, found)
    return PolicyWorld(
        namespaces={name_of(each)[1]: labels_of(each) for each in raw.namespaces},
        accounts={name_of(each): labels_of(each) for each in raw.accounts},
        policies=tuple(found.policies.values()),
        tiers=tuple(found.tiers.values()),
        sets=tuple(found.sets.values()),
        services=_endpoints(raw),
        plugins=None if raw.daemon_sets is None else plugins_in(raw.daemon_sets),
        unread=raw.unread,
        foreign=tuple(found.foreign),
        ignores_except=ignores_except(raw.daemon_sets or ()),
    )


def _sort(raw: Raw, found: _Sorted) -> None:
    """Put an object where it belongs. One that two API groups serve is the same object."""
    group, _, _ = str(raw.get("apiVersion") or "").rpartition("/")
    kind = str(raw.get("kind") or "")
    if group in CALICO_GROUPS:
        _sort_calico(raw, kind, found)
        return
    parse = _POLICIES.get((group, kind))
    if parse is None:
        found.foreign.append(_place(raw, kind))
        return
    found.policies.setdefault((group, kind, *name_of(raw)), parse(raw))


def _sort_calico(raw: Raw, kind: str, found: _Sorted) -> None:
    """The same for an object of Calico, by whichever of its two groups it was read."""
    namespace, name = name_of(raw)
    key = (CALICO_GROUPS[0], kind, namespace, name)
    if kind in _STAGED or _is_copy(kind, name):
        return
    if kind == "GlobalNetworkPolicy" and is_for_hosts_only(raw):
        return
    if kind in _CALICO_POLICIES:
        found.policies.setdefault(key, parse_calico_policy(raw))
    elif kind in _SETS:
        found.sets.setdefault(key, parse_network_set(raw))
    elif kind == "Tier":
        found.tiers.setdefault(name, parse_tier(raw))
    else:
        found.foreign.append(_place(raw, kind))


def _place(raw: Raw, kind: str) -> str:
    """``Kind namespace/name``, ``Kind name`` for what has no namespace."""
    namespace, name = name_of(raw)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _is_copy(kind: str, name: str) -> bool:
    """Calico's API serves Kubernetes policies under such names: they are read as themselves."""
    return "NetworkPolicy" in kind and name.startswith(("knp.default.", "kanp.", "kbanp."))


def _endpoints(raw: RawPolicies) -> dict[tuple[str, str], tuple[Endpoint, ...]]:
    """The endpoints of every Service that was read, in any of its ports."""
    return {name: endpoints_in(found, raw.pods) for name, found in raw.slices.items()}
