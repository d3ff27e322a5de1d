"""Policies that let a pod through to the API server, where the cluster's deny it.

Rules of NetworkPolicies add up (Kubernetes documentation, "Network Policies"); in Calico the first
rule that matches decides (reference of Tier), so that an Allow before the one that denies is
enough. What is made is judged with the other policies before it is shown.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Final

from migrator.decide.reach.network_policies.reach import reaches
from migrator.decide.reach.network_policies.read_world import CALICO_GROUPS, policy_world
from migrator.model.network_policies.packets import Answer, Pod, PolicyWorld, Target
from migrator.model.network_policies.policies import DEFAULT_TIER
from migrator.model.network_policies.raw_policies import RawPolicies

_GROUP: Final = "networking.k8s.io/v1"


def letting_through(
    raw: RawPolicies,
    pod: Pod,
    label: str,
    target: Target,
    *,
    name: str,
) -> tuple[dict[str, Any], ...]:
    """The policies, for the pods of ``pod``'s namespace that have the label; none where no policy
    would do.
    """
    world = policy_world(raw)
    answer = reaches(pod, target, world)
    kubernetes = _kubernetes(
        pod,
        label,
        target,
        name,
    )
    calico = _calico(
        raw,
        world,
        answer,
        pod,
        label,
        target,
        name,
    )
    tries = [(kubernetes,)]
    if calico is not None:
        tries += [(calico,), (kubernetes, calico)]  # type: ignore[list-item]
    for made in tries:
        objects = (*raw.objects, *made)
        if reaches(pod, target, policy_world(replace(raw, objects=objects))).state == "yes":
            return made
    return ()


def apply_command(policies: Sequence[Mapping[str, Any]]) -> str:
    """One line for a shell that applies them."""
    document: Mapping[str, Any] = {"apiVersion": "v1", "kind": "List", "items": list(policies)}
    if len(policies) == 1:
        document = policies[0]
    return f"printf '%s' {shlex.quote(json.dumps(document))} | kubectl apply -f -"


def _blocks(target: Target) -> list[str]:
    """The Service's addresses and those behind it: plugins see the one or the other."""
    service = target.service
    found = [*(service.addresses if service else ()), *(each.address for each in target.places)]
    return [f"{each}/{each.max_prefixlen}" for each in dict.fromkeys(found)]


def _ports(target: Target) -> list[int]:
    service = target.service
    found = [*([service.port] if service else []), *(each.port for each in target.places)]
    return list(dict.fromkeys(found))


def _kubernetes(
    pod: Pod,
    label: str,
    target: Target,
    name: str,
) -> dict[str, Any]:
    return {
        "apiVersion": _GROUP,
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": pod.namespace},
        "spec": {
            "podSelector": {"matchExpressions": [{"key": label, "operator": "Exists"}]},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"ipBlock": {"cidr": each}} for each in _blocks(target)],
                    "ports": [{"protocol": "TCP", "port": each} for each in _ports(target)],
                }
            ],
        },
    }


def _calico(
    raw: RawPolicies,
    world: PolicyWorld,
    answer: Answer,
    pod: Pod,
    label: str,
    target: Target,
    name: str,
) -> dict[str, Any] | None:
    """A policy of Calico, first in the tier that denies; None where Calico denies nothing."""
    denied = [each for each in answer.denied_by if each.policy is not None and each.policy.calico]
    version = _calico_version(raw)
    if not denied or not version:
        return None
    tier = denied[0].tier or DEFAULT_TIER
    orders = [each.order for each in world.policies if each.tier == tier and isfinite(each.order)]
    return {
        "apiVersion": version,
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{tier}.{name}", "namespace": pod.namespace},
        "spec": {
            "tier": tier,
            "order": min(orders, default=0.0) - 1,
            "selector": f"has({label})",
            "types": ["Egress"],
            "egress": [
                {
                    "action": "Allow",
                    "protocol": "TCP",
                    "destination": {"nets": _blocks(target), "ports": _ports(target)},
                }
            ],
        },
    }


def _calico_version(raw: RawPolicies) -> str:
    """The API version in which the cluster's objects of Calico were read."""
    for each in raw.objects:
        version = str(each.get("apiVersion"))
        if version.rpartition("/")[0] in CALICO_GROUPS:
            return version
    return ""
