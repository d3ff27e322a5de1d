"""NetworkPolicies of Kubernetes (networking.k8s.io/v1), parsed.

Source: Kubernetes documentation, "Network Policies", and API reference, NetworkPolicySpec: a pod
that a policy selects for a direction is isolated in it; the rules of all such policies add up;
without ``policyTypes`` a policy is for Ingress, and for Egress where it has egress rules.
"""

from typing import Final

from migrator.decide.reach.network_policies.label_selectors import parse_label_selector
from migrator.decide.reach.network_policies.raw_fields import (
    NotUnderstood,
    Raw,
    name_of,
    net_of,
    only,
    part,
    parts,
    port_number,
    protocol_in,
    text,
    texts,
)
from migrator.model.network_policies.policies import (
    KUBERNETES_ORDER,
    Block,
    Direction,
    Peer,
    Policy,
    PortMatch,
    Rule,
)
from migrator.model.network_policies.selectors import Everything

KIND: Final = "NetworkPolicy"
_SPEC: Final = ("podSelector", "policyTypes", "ingress", "egress")


def parse_kubernetes_policy(raw: Raw) -> Policy:
    """The policy; one with a doubt where it is not understood."""
    namespace, name = name_of(raw)
    try:
        spec = part(raw, "spec")
        only(spec, _SPEC, "spec")
        return Policy(
            KIND,
            name,
            namespace,
            order=KUBERNETES_ORDER,
            pods=parse_label_selector(spec.get("podSelector") or {}),
            types=_types(spec),
            ingress=tuple(
                _kubernetes_rule(rule, "from", namespace) for rule in parts(spec, "ingress")
            ),
            egress=tuple(_kubernetes_rule(rule, "to", namespace) for rule in parts(spec, "egress")),
        )
    except NotUnderstood as error:
        return Policy(
            KIND,
            name,
            namespace,
            order=KUBERNETES_ORDER,
            doubt=str(error),
        )


def _types(spec: Raw) -> frozenset[Direction]:
    given = texts(spec, "policyTypes")
    known: dict[str, Direction] = {"Ingress": "Ingress", "Egress": "Egress"}
    if not set(given) <= set(known):
        raise NotUnderstood("policyTypes has another value than Ingress and Egress")
    if given:
        return frozenset(known[each] for each in given)
    if parts(spec, "egress"):
        return frozenset(known.values())
    return frozenset({"Ingress"})


def _kubernetes_rule(raw: Raw, far: str, namespace: str) -> Rule:
    """A rule: any of the peers, on any of the ports; without a list: any at all."""
    try:
        only(raw, (far, "ports"), "a rule")
        peers = tuple(_peer(each, namespace) for each in parts(raw, far))
        return Rule("Allow", peers, ports=tuple(map(_port, parts(raw, "ports"))))
    except NotUnderstood as error:
        return Rule("Allow", doubt=str(error))


def _peer(raw: Raw, namespace: str) -> Peer:
    only(raw, ("podSelector", "namespaceSelector", "ipBlock"), "a peer")
    block = raw.get("ipBlock")
    selects = [raw.get(key) for key in ("podSelector", "namespaceSelector")]
    # The API server takes either a block or selectors.
    if (block is None) == (selects == [None, None]):
        raise NotUnderstood("a peer has no selector and no ipBlock, or both")
    if block is not None:
        return Peer(blocks=(_block(part(raw, "ipBlock")),))
    return selecting_peer(raw, namespace)


def selecting_peer(raw: Raw, namespace: str) -> Peer:
    """A peer with selectors. A pod selector alone is for pods of ``namespace``; without one all
    pods of the namespaces count.
    """
    pods, namespaces = raw.get("podSelector"), raw.get("namespaceSelector")
    chosen = Everything() if pods is None else parse_label_selector(pods)
    if namespaces is None:
        return Peer(pods=chosen, own_namespace=namespace)
    return Peer(pods=chosen, namespaces=parse_label_selector(namespaces))


def _block(raw: Raw) -> Block:
    only(raw, ("cidr", "except"), "an ipBlock")
    excepted = tuple(map(net_of, texts(raw, "except")))
    return Block(net_of(text(raw, "cidr")), excepted)


def _port(raw: Raw) -> PortMatch:
    """``protocol`` is TCP where it is absent; ``endPort`` ends a range."""
    only(raw, ("protocol", "port", "endPort"), "a port")
    protocol = protocol_in(raw)
    port, end = raw.get("port"), raw.get("endPort")
    if port is None and end is None:
        return PortMatch(protocol)
    if isinstance(port, str) and end is None:
        return PortMatch(protocol, name=port)
    first = port_number(port)
    return PortMatch(protocol, first, first if end is None else port_number(end))
