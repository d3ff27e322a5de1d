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
    for_hosts,
    is_for_hosts_only,
    parse_calico_policy,
    parse_network_set,
    parse_tier,
)
from migrator.decide.reach.network_policies.kubernetes_policies import parse_kubernetes_policy
from migrator.decide.reach.network_policies.plugin_settings import (
    NODE_CLASS,
    denying_always,
    denying_perhaps,
    to_host_actions,
)
from migrator.decide.reach.network_policies.plugins import (
    ignores_except,
    plugins_found,
    version_of,
)
from migrator.decide.reach.network_policies.pod_groups import (
    SECURITY_GROUP_POLICY,
    parse_pod_groups,
)
from migrator.decide.reach.network_policies.raw_fields import NotUnderstood, labels_of, name_of
from migrator.decide.reach.network_policies.services import endpoints_in
from migrator.model.network_policies.on_nodes import HostEndpoint, OnNodes, PodGroups
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


@dataclass(slots=True)
class _Sorted:
    """The objects by what they are."""

    policies: dict[tuple[str, ...], Policy] = field(default_factory=dict)
    tiers: dict[str, Tier] = field(default_factory=dict)
    sets: dict[tuple[str, ...], NetworkSet] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    host_endpoints: list[HostEndpoint] = field(default_factory=list)
    host_policies: list[Policy] = field(default_factory=list)
    felix: list[Raw] = field(default_factory=list)
    pod_groups: list[PodGroups] = field(default_factory=list)
    node_classes: list[Raw] = field(default_factory=list)
    calico: bool = False


def policy_world(raw: RawPolicies) -> PolicyWorld:
    """What decides. Nothing raises: what is not understood is in it, as such."""
    found = _Sorted()
    for each in raw.objects:
        _sort(each, found)
    plugins = None if raw.daemon_sets is None else plugins_found(raw.daemon_sets)
    on = [each for each in plugins or () if each.on]
    certain = frozenset(each.plugin for each in on if each.certain)
    accounts = raw.accounts
    return PolicyWorld(
        namespaces={name_of(each)[1]: labels_of(each) for each in raw.namespaces},
        accounts=None
        if accounts is None
        else {name_of(each): labels_of(each) for each in accounts},
        policies=tuple(found.policies.values()),
        tiers=tuple(found.tiers.values()),
        sets=tuple(found.sets.values()),
        services=_endpoints(raw),
        plugins=None if plugins is None else certain,
        perhaps={each.plugin: each.place for each in on if each.plugin not in certain},
        calico_version=version_of(on, "calico"),
        unread=raw.unread,
        foreign=tuple(found.foreign),
        ignores_except=ignores_except(on),
        on_nodes=OnNodes(
            tuple(found.host_endpoints),
            tuple(found.host_policies),
            to_host_actions(found.felix, plugins, calico=found.calico),
            tuple(found.pod_groups),
            denying_always(plugins),
            denying_perhaps(plugins, found.node_classes),
        ),
    )


def _sort(raw: Raw, found: _Sorted) -> None:
    """Put an object where it belongs. One that two API groups serve is the same object."""
    group, _, _ = str(raw.get("apiVersion") or "").rpartition("/")
    kind = str(raw.get("kind") or "")
    try:
        if group in CALICO_GROUPS:
            _sort_calico(raw, group, kind, found)
        elif (group, kind) in _POLICIES:
            policy = _POLICIES[group, kind](raw)
            found.policies.setdefault((group, kind, *name_of(raw)), policy)
        elif (group, kind) == SECURITY_GROUP_POLICY:
            found.pod_groups.append(parse_pod_groups(raw))
        elif (group, kind) == NODE_CLASS:
            found.node_classes.append(raw)
        else:
            found.foreign.append(_place(raw, kind))
    except NotUnderstood:
        found.foreign.append(_place(raw, kind))


def _sort_calico(
    raw: Raw,
    group: str,
    kind: str,
    found: _Sorted,
) -> None:
    """The same for an object of Calico, by whichever of its two groups it was read."""
    _, name = name_of(raw)
    found.calico = True
    if kind in _STAGED or _is_copy(group, kind, name):
        return
    keep = _CALICO_KINDS.get(kind)
    if keep is None:
        found.foreign.append(_place(raw, kind))
        return
    keep(raw, (CALICO_GROUPS[0], kind, *name_of(raw)), found)


def _keep_policy(raw: Raw, key: tuple[str, ...], found: _Sorted) -> None:
    policy = parse_calico_policy(raw)
    if policy.kind == "GlobalNetworkPolicy" and for_hosts(raw):
        found.host_policies.append(policy)
        if is_for_hosts_only(raw):
            return
    found.policies.setdefault(key, policy)


def _keep_set(raw: Raw, key: tuple[str, ...], found: _Sorted) -> None:
    found.sets.setdefault(key, parse_network_set(raw))


def _keep_tier(raw: Raw, key: tuple[str, ...], found: _Sorted) -> None:
    found.tiers.setdefault(key[-1], parse_tier(raw))


def _keep_host_endpoint(raw: Raw, key: tuple[str, ...], found: _Sorted) -> None:
    labels = tuple(sorted(labels_of(raw).items()))
    found.host_endpoints.append(HostEndpoint(key[-1], labels))


def _keep_felix(raw: Raw, key: tuple[str, ...], found: _Sorted) -> None:
    del key
    found.felix.append(raw)


_CALICO_KINDS: Final[Mapping[str, Callable[[Raw, tuple[str, ...], _Sorted], None]]] = {
    "NetworkPolicy": _keep_policy,
    "GlobalNetworkPolicy": _keep_policy,
    "NetworkSet": _keep_set,
    "GlobalNetworkSet": _keep_set,
    "Tier": _keep_tier,
    "HostEndpoint": _keep_host_endpoint,
    "FelixConfiguration": _keep_felix,
}


def _place(raw: Raw, kind: str) -> str:
    """``Kind namespace/name``, ``Kind name`` for what has no namespace."""
    namespace, name = name_of(raw)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _is_copy(group: str, kind: str, name: str) -> bool:
    """Calico's API serves Kubernetes policies under such names: they are read as themselves. It
    stores none of them: one that is stored was written by somebody, and is enforced.
    """
    if group != CALICO_GROUPS[0]:
        return False
    return "NetworkPolicy" in kind and name.startswith(("knp.default.", "kanp.", "kbanp."))


def _endpoints(raw: RawPolicies) -> dict[tuple[str, str], tuple[Endpoint, ...]]:
    """The endpoints of every Service that was read, in any of its ports."""
    return {name: endpoints_in(found, raw.pods) for name, found in raw.slices.items()}
