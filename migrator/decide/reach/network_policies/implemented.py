"""Which plugin enforces which kind of policy.

Sources: amazon-network-policy-controller-k8s (of the kinds that are evaluated here it reconciles
NetworkPolicy of networking.k8s.io alone; ClusterNetworkPolicy of networking.k8s.aws is its own
kind); Calico's release notes of v3.29 and projectcalico/calico#9206 (AdminNetworkPolicy), #9464
(BaselineAdminNetworkPolicy, v3.30), #11144 (both removed, v3.32).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from migrator.decide.reach.network_policies.admin_policies import ADMIN, BASELINE
from migrator.decide.reach.network_policies.kubernetes_policies import KIND
from migrator.model.network_policies.packets import Plugin, PolicyWorld, Version
from migrator.model.network_policies.policies import Policy

_SINCE: Final[Mapping[str, Version]] = {ADMIN: (3, 29), BASELINE: (3, 30)}
_REMOVED: Final[Version] = (3, 32)
_NOT_KNOWN: Final = "whether this version of Calico enforces it is not known"


def policies_of(plugin: Plugin, world: PolicyWorld) -> tuple[Policy, ...]:
    """The policies that a plugin enforces; with a condition where that is not known."""
    if plugin == "calico":
        return tuple(_of_calico(world))
    return tuple(each for each in world.policies if each.kind == KIND and not each.calico)


def _of_calico(world: PolicyWorld) -> Iterator[Policy]:
    version = world.calico_version
    for each in world.policies:
        since = _SINCE.get(each.kind)
        if since is None or (version is not None and since <= version < _REMOVED):
            yield each
        elif version is None:
            yield replace(each, condition=_NOT_KNOWN)
