"""NetworkPolicy, GlobalNetworkPolicy, Tier, NetworkSet and GlobalNetworkSet of Calico, parsed.

Source: Calico, reference of these resources. They are served as ``projectcalico.org/v3`` and stored
as ``crd.projectcalico.org/v1``. Without ``types`` a policy is for Ingress, for Egress where it has
egress rules alone, for both where it has both; Calico writes that into the object, and Felix takes
a stored one without types for both (``felix/calc/policy_sorter.go``), so that of such an object the
other direction is not known.
"""

from collections.abc import Mapping
from math import inf
from typing import Final

from migrator.decide.reach.network_policies.calico_selectors import parse_selector
from migrator.decide.reach.network_policies.raw_fields import (
    NotUnderstood,
    Raw,
    blocks_of,
    calico_port,
    labels_of,
    listed,
    name_of,
    number,
    only,
    part,
    parts,
    protocol_of,
    text,
    texts,
)
from migrator.model.network_policies.policies import (
    DEFAULT_TIER,
    Action,
    Direction,
    NetworkSet,
    Peer,
    Policy,
    Rule,
    Tier,
)
from migrator.model.network_policies.selectors import Selector

STORED: Final = "crd.projectcalico.org/v1"
DEFAULT_TIER_ORDER: Final = 1_000_000.0
_ACTIONS: Final[dict[str, Action]] = {
    each.lower(): each for each in ("Allow", "Deny", "Pass", "Log")
}
_BOTH: Final[frozenset[Direction]] = frozenset({"Ingress", "Egress"})
_TYPES: Final[dict[str, Direction]] = {"ingress": "Ingress", "egress": "Egress"}
_SPEC: Final = (
    *("tier", "order", "selector", "namespaceSelector", "serviceAccountSelector", "types"),
    *("ingress", "egress", "doNotTrack", "preDNAT", "applyOnForward", "performanceHints"),
)
_FOR_HOSTS: Final = ("applyOnForward", "preDNAT", "doNotTrack")
_ENDS: Final = ("source", "destination")
_RULE: Final = (
    *("action", "metadata", "ipVersion", "protocol", "notProtocol", "icmp", "notICMP", "http"),
    *_ENDS,
)
_ENTITY: Final = (
    *("nets", "notNets", "selector", "notSelector", "namespaceSelector", "ports", "notPorts"),
    *("serviceAccounts", "services"),
)


def for_hosts(raw: Raw) -> tuple[str, ...]:
    """The fields by which a GlobalNetworkPolicy is for traffic that passes a host endpoint
    (reference, ``applyOnForward``, ``preDNAT`` and ``doNotTrack``); empty where it is not.
    """
    spec = raw.get("spec")
    if not isinstance(spec, Mapping):
        return ()
    return tuple(key for key in _FOR_HOSTS if spec.get(key) not in (None, False))


def is_for_hosts_only(raw: Raw) -> bool:
    """Whether a GlobalNetworkPolicy is for host endpoints alone (reference, ``preDNAT`` and
    ``doNotTrack``): it is none for pods.
    """
    spec = raw.get("spec")
    if not isinstance(spec, Mapping):
        return False
    return spec.get("preDNAT") is True or spec.get("doNotTrack") is True


def parse_calico_policy(raw: Raw) -> Policy:
    """The policy; one with a doubt where it is not understood.

    Raises :class:`NotUnderstood` where its place among the others is not known.
    """
    kind, (namespace, name) = str(raw.get("kind")), name_of(raw)
    spec = part(raw, "spec")
    tier = text(spec, "tier") or DEFAULT_TIER
    order = number(spec, "order")
    order = inf if order is None else order
    try:
        only(spec, _SPEC, "spec")
        types, perhaps = _types(spec, str(raw.get("apiVersion")))
        return Policy(
            kind,
            name,
            namespace,
            tier,
            order,
            pods=parse_selector(text(spec, "selector")),
            namespaces=_selector(spec, "namespaceSelector"),
            accounts=_selector(spec, "serviceAccountSelector"),
            types=types,
            perhaps=perhaps,
            ingress=tuple(_calico_rule(rule, _ENDS, namespace) for rule in parts(spec, "ingress")),
            egress=tuple(
                _calico_rule(rule, _ENDS[::-1], namespace) for rule in parts(spec, "egress")
            ),
            calico=True,
        )
    except NotUnderstood as error:
        return Policy(
            kind,
            name,
            namespace,
            tier,
            order,
            doubt=str(error),
            calico=True,
        )


def _selector(raw: Raw, key: str) -> Selector | None:
    given = text(raw, key)
    return parse_selector(given) if given else None


def _types(spec: Raw, api_version: str) -> tuple[frozenset[Direction], frozenset[Direction]]:
    """The directions, and those of which it is not known."""
    given = [each.lower() for each in texts(spec, "types")]
    if not set(given) <= set(_TYPES):
        raise NotUnderstood("types has another value than Ingress and Egress")
    if given:
        return frozenset(_TYPES[each] for each in given), frozenset()
    has_ingress, has_egress = bool(parts(spec, "ingress")), bool(parts(spec, "egress"))
    inferred: frozenset[Direction] = frozenset({"Egress"} if has_egress else {"Ingress"})
    if has_ingress and has_egress:
        inferred = _BOTH
    return inferred, _BOTH - inferred if api_version == STORED else frozenset()


def _calico_rule(raw: Raw, ends: tuple[str, ...], namespace: str) -> Rule:
    """A rule. ``ends``: the far one and the near one; ports count at the destination."""
    action = _ACTIONS.get(text(raw, "action").lower())
    if action is None:
        raise NotUnderstood(f"a rule has the action {text(raw, 'action')[:40]!r}")
    far, near = (part(raw, end) for end in ends)
    destination = part(raw, "destination")
    try:
        return Rule(
            action,
            (_peer(far, namespace),),
            _peer(near, namespace),
            protocol_of(raw.get("protocol")),
            protocol_of(raw.get("notProtocol")),
            int(number(raw, "ipVersion") or 0),
            tuple(map(calico_port, listed(destination, "ports"))),
            tuple(map(calico_port, listed(destination, "notPorts"))),
            _conditions_not_known(raw),
        )
    except NotUnderstood as error:
        return Rule(action, doubt=str(error))


def _conditions_not_known(raw: Raw) -> str:
    """Conditions of a rule that are not known of a connection that is not there yet."""
    only(raw, _RULE, "a rule")
    if raw.get("http"):
        return "a rule is for HTTP requests"
    if raw.get("notICMP"):
        return "a rule has notICMP"
    if raw.get("icmp") and not raw.get("protocol"):
        return "a rule has icmp without a protocol"
    source = part(raw, "source")
    if source.get("ports") or source.get("notPorts"):
        return "a rule is for source ports"
    return ""


def _peer(raw: Raw, namespace: str) -> Peer:
    """One end. A rule of a namespaced policy with a selector is for its namespace, unless it
    selects namespaces (reference, EntityRule, ``namespaceSelector``).
    """
    only(raw, _ENTITY, "an end of a rule")
    accounts, services = part(raw, "serviceAccounts"), part(raw, "services")
    only(accounts, ("names", "selector"), "serviceAccounts")
    only(services, ("name", "namespace"), "services")
    namespaces = _selector(raw, "namespaceSelector")
    service = None
    if services:
        service = (text(services, "namespace") or namespace, text(services, "name"))
    return Peer(
        blocks=blocks_of(texts(raw, "nets")),
        not_blocks=blocks_of(texts(raw, "notNets")),
        pods=_selector(raw, "selector"),
        not_pods=_selector(raw, "notSelector"),
        namespaces=namespaces,
        own_namespace=namespace if namespaces is None else "",
        accounts=_selector(accounts, "selector"),
        account_names=tuple(texts(accounts, "names")),
        sets=True,
        service=service,
    )


def parse_tier(raw: Raw) -> Tier:
    """A tier without its policies. Raises :class:`NotUnderstood` where its place is not known."""
    _, name = name_of(raw)
    spec = part(raw, "spec")
    only(spec, ("order", "defaultAction"), "spec")
    order, action = number(spec, "order"), text(spec, "defaultAction") or "Deny"
    doubt = "" if action in ("Deny", "Pass") else f"Tier {name} has the default {action[:40]!r}"
    return Tier(
        name,
        inf if order is None else order,
        action == "Pass",
        doubt=doubt,
    )


def parse_network_set(raw: Raw) -> NetworkSet:
    """A set of addresses; one with a doubt where it is not understood."""
    namespace, name = name_of(raw)
    labels = tuple(sorted(labels_of(raw).items()))
    try:
        spec = part(raw, "spec")
        only(spec, ("nets",), "spec")
        return NetworkSet(
            name,
            namespace,
            labels,
            blocks_of(texts(spec, "nets")),
        )
    except NotUnderstood as error:
        return NetworkSet(
            name,
            namespace,
            labels,
            (),
            f"{raw.get('kind')} {name}: {error}",
        )
