"""AdminNetworkPolicy and BaselineAdminNetworkPolicy (policy.networking.k8s.io/v1alpha1), parsed.

Source: Network Policy API, API reference: admin policies by priority come before NetworkPolicies,
rules in order, Allow, Deny or Pass; the baseline comes after them, Allow or Deny; traffic that no
rule matches is left to the next. Calico keeps them in tiers of their own with the default Pass
(Calico, "Get started with policy tiers").
"""

from typing import Final

from migrator.decide.reach.network_policies.kubernetes_policies import selecting_peer
from migrator.decide.reach.network_policies.label_selectors import parse_label_selector
from migrator.decide.reach.network_policies.raw_fields import (
    NotUnderstood,
    Raw,
    blocks_of,
    name_of,
    number,
    only,
    part,
    parts,
    port_number,
    protocol_in,
    text,
    texts,
)
from migrator.model.network_policies.policies import Action, Peer, Policy, PortMatch, Rule
from migrator.model.network_policies.selectors import Everything, Selector

ADMIN: Final = "AdminNetworkPolicy"
BASELINE: Final = "BaselineAdminNetworkPolicy"
ADMIN_TIER: Final = "adminnetworkpolicy"
BASELINE_TIER: Final = "baselineadminnetworkpolicy"
_TIERS: Final = {ADMIN: ADMIN_TIER, BASELINE: BASELINE_TIER}
_ACTIONS: Final[dict[str, Action]] = {"Allow": "Allow", "Deny": "Deny", "Pass": "Pass"}


def parse_admin_policy(raw: Raw) -> Policy:
    """The policy; one with a doubt where it is not understood.

    Raises :class:`NotUnderstood` where its place among the others is not known.
    """
    kind, (_, name) = str(raw.get("kind")), name_of(raw)
    tier = _TIERS[kind]
    spec = part(raw, "spec")
    order = number(spec, "priority") or 0.0
    try:
        only(spec, ("priority", "subject", "ingress", "egress"), "spec")
        pods, namespaces = _subject(part(spec, "subject"))
        return Policy(
            kind,
            name,
            tier=tier,
            order=order,
            pods=pods,
            namespaces=namespaces,
            types=frozenset({"Ingress", "Egress"}),
            ingress=tuple(_admin_rule(rule, "from") for rule in parts(spec, "ingress")),
            egress=tuple(_admin_rule(rule, "to") for rule in parts(spec, "egress")),
        )
    except NotUnderstood as error:
        return Policy(
            kind,
            name,
            tier=tier,
            order=order,
            doubt=str(error),
        )


def _subject(raw: Raw) -> tuple[Selector, Selector]:
    """Which pods of which namespaces: exactly one of ``namespaces`` and ``pods``."""
    only(raw, ("namespaces", "pods"), "subject")
    if len(raw) != 1:
        raise NotUnderstood("subject has not one selector")
    if "namespaces" in raw:
        return Everything(), parse_label_selector(raw["namespaces"])
    pods = part(raw, "pods")
    only(pods, ("namespaceSelector", "podSelector"), "subject")
    return (
        parse_label_selector(pods.get("podSelector")),
        parse_label_selector(pods.get("namespaceSelector")),
    )


def _admin_rule(raw: Raw, far: str) -> Rule:
    action = _ACTIONS.get(text(raw, "action"))
    if action is None:
        raise NotUnderstood(f"a rule has the action {text(raw, 'action')[:40]!r}")
    try:
        only(raw, ("name", "action", far, "ports"), "a rule")
        peers = tuple(map(_peer, parts(raw, far)))
        # Without a peer a rule would not be taken by the API server.
        if not peers:
            raise NotUnderstood("a rule has no peer")
        return Rule(action, peers, ports=tuple(map(_port, parts(raw, "ports"))))
    except NotUnderstood as error:
        return Rule(action, doubt=str(error))


def _peer(raw: Raw) -> Peer:
    """One of ``namespaces``, ``pods``, ``networks``; nodes and domain names are not known here."""
    if set(raw) == {"networks"}:
        return Peer(blocks=blocks_of(texts(raw, "networks")))
    if set(raw) == {"pods"}:
        return selecting_peer(part(raw, "pods"), "")
    if set(raw) == {"namespaces"}:
        return Peer(pods=Everything(), namespaces=parse_label_selector(raw["namespaces"]))
    found = ", ".join(sorted(str(key)[:40] for key in raw)) or "nothing"
    return Peer(doubt=f"a peer is given by {found}")


def _port(raw: Raw) -> PortMatch:
    if set(raw) == {"portNumber"}:
        given = part(raw, "portNumber")
        exact = port_number(given.get("port"))
        return PortMatch(protocol_in(given), exact, exact)
    if set(raw) == {"portRange"}:
        given = part(raw, "portRange")
        ends = port_number(given.get("start")), port_number(given.get("end"))
        return PortMatch(protocol_in(given), *ends)
    if set(raw) == {"namedPort"}:
        return PortMatch(name=text(raw, "namedPort"))
    raise NotUnderstood("a port is given in another way")
