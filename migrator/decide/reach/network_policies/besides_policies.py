"""What may keep a pod from a target besides the policies for pods: the node's rules, the plugin's
default, security groups of the pod.

Sources: Calico, "Apply on forwarded traffic" (traffic of a pod that leaves by a host endpoint is
denied by policies with ``applyOnForward`` that select it, and allowed where none does; policies
before translation and untracked ones are such), reference of FelixConfiguration
(``defaultEndpointToHostAction``: traffic of a pod to its own node, whatever policies of host
endpoints say, unless it is ``Return``). What host policies allow is not evaluated here: a policy
that selects a host endpoint makes the answer unknown.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from migrator.decide.reach.network_policies.implemented import policies_of
from migrator.decide.reach.network_policies.match_selector import selector_matches
from migrator.decide.reach.network_policies.pod_groups import groups_given
from migrator.decide.reach.network_policies.walk_tiers import selects
from migrator.model.network_policies.on_nodes import HostEndpoint, ToHostAction
from migrator.model.network_policies.packets import Plugin, Pod, PolicyWorld, State, Target
from migrator.model.network_policies.policies import Direction, Policy

# Pairs of host endpoint and policy that are looked at; more of them are not known.
_MOST_PAIRS: Final = 200_000
_DOES: Final[Mapping[ToHostAction, str]] = {
    "Drop": "drops traffic of a pod to its own node",
    "Return": "leaves traffic of a pod to its own node to the rules of the node",
    "": "decides about traffic of a pod to its own node",
}


def besides_policies(pod: Pod, target: Target, world: PolicyWorld) -> Iterator[tuple[State, str]]:
    """Each thing that denies, or may deny, the way to a target; the answer and the reason."""
    yield from _at_end(pod, "Egress", world)
    for each in target.places:
        if each.pod is not None:
            yield from _at_end(each.pod, "Ingress", world)
    plugins = world.plugins or frozenset[Plugin](("calico",))
    if "calico" in plugins or "calico" in world.perhaps:
        on_the_way = _to_host if target.on_node else _host_endpoints
        yield from on_the_way(world)


def _at_end(pod: Pod, direction: Direction, world: PolicyWorld) -> Iterator[tuple[State, str]]:
    """What is at one end of the connection."""
    for said in groups_given(pod, world):
        yield "depends", f"it depends on the rules of security groups: {said}"
    if _is_selected(pod, direction, world):
        return
    who = f"pod {pod.name}" if pod.name else "the pod"
    said = f"denies what no policy allows, and none is for {direction} of {who}"
    for each in world.on_nodes.denying:
        yield "no", f"{each} {said}"
    for each in world.on_nodes.partly:
        yield "unknown", f"{each} may be one that {said}"


def _is_selected(pod: Pod, direction: Direction, world: PolicyWorld) -> bool:
    """Whether a policy selects the pod: what denies pods without a policy then denies it not."""
    known = policies_of("vpc-cni", world)
    return any(
        selects(
            each,
            pod,
            direction,
            world,
        )
        is True
        for each in known
    )


def _to_host(world: PolicyWorld) -> Iterator[tuple[State, str]]:
    """What Calico does with traffic to the pod's own node."""
    found = world.on_nodes.to_host
    actions = {each.action for each in found}
    # All of the nodes, and nothing else decides.
    certain = actions == {"Drop"} and "calico" in (world.plugins or ())
    state: State = "no" if certain else "unknown"
    for each in found:
        if each.action != "Accept":
            yield state, f"{each.source} {_DOES[each.action]} (defaultEndpointToHostAction)"
            return


def _host_endpoints(world: PolicyWorld) -> Iterator[tuple[State, str]]:
    """Policies of Calico for traffic that passes a host endpoint."""
    endpoints, policies = world.on_nodes.host_endpoints, world.on_nodes.host_policies
    if len(endpoints) * len(policies) > _MOST_PAIRS:
        yield "unknown", f"{len(policies)} policies of {len(endpoints)} host endpoints are too many"
        return
    for policy in policies:
        for each in endpoints:
            if _may_select(policy, each):
                passes = f"is for traffic that passes HostEndpoint {each.name}"
                yield "unknown", f"{policy.title} {passes}, and may deny it"
                return


def _may_select(policy: Policy, endpoint: HostEndpoint) -> bool:
    """Whether a policy selects a host endpoint, or may."""
    # Selectors of namespaces and ServiceAccounts are for pods; what they mean for hosts is not
    # documented.
    if policy.doubt:
        return True
    return selector_matches(policy.pods, dict(endpoint.labels), global_means=True) is not False
