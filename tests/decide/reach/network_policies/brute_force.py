"""A second evaluator, written from the specifications alone, for raw objects that are well formed.

It is slow and two-valued: it goes through every policy for one connection. Nothing of it comes from
``migrator.decide``. Selectors of Calico carry what they mean (``SelectorText.holds``), so that the
parser is judged, too. Sources: those of ``policy_table.yaml``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

Raw = Mapping[str, Any]
Labels = Mapping[str, str]


class SelectorText(str):
    """A selector of Calico with its meaning for labels that are not those of a network set."""

    holds: Callable[[Labels], bool]

    def __new__(cls, text: str, holds: Callable[[Labels], bool]) -> "SelectorText":
        made = super().__new__(cls, text)
        made.holds = holds
        return made


@dataclass(frozen=True)
class Place:
    """A pod, or an address that is no pod's (no namespace)."""

    address: str
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    account: str = ""
    port_names: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Packet:
    """A connection."""

    source: Place
    destination: Place
    port: int
    protocol: str


@dataclass(frozen=True)
class Cluster:
    """All objects, and the labels of namespaces and ServiceAccounts."""

    objects: tuple[Raw, ...]
    namespaces: Mapping[str, Labels]
    accounts: Mapping[tuple[str, str], Labels]
    services: Mapping[tuple[str, str], tuple[tuple[str, int, str], ...]]


def passes(cluster: Cluster, packet: Packet) -> bool:
    """Whether egress of the source and ingress of the destination both allow it."""
    out = _direction(cluster, packet, "Egress", packet.source)
    if not packet.destination.namespace:
        return out
    return out and _direction(cluster, packet, "Ingress", packet.destination)


def _direction(cluster: Cluster, packet: Packet, direction: str, near: Place) -> bool:
    tiers: dict[str, tuple[float, bool]] = {
        "adminnetworkpolicy": (1000, True),
        "default": (1_000_000, False),
        "baselineadminnetworkpolicy": (10_000_000, True),
    }
    for each in cluster.objects:
        if each["kind"] == "Tier":
            spec = each["spec"]
            order = spec.get("order", float("inf"))
            tiers[each["metadata"]["name"]] = (order, spec.get("defaultAction") == "Pass")
    for name in sorted(tiers, key=lambda tier: (tiers[tier][0], tier)):
        verdict = _tier(cluster, packet, direction, near, name, tiers[name][1])
        if verdict is not None:
            return verdict
    return True


def _tier(
    cluster: Cluster, packet: Packet, direction: str, near: Place, tier: str, pass_at_end: bool
) -> bool | None:
    found = []
    for each in cluster.objects:
        where, order, name = _place(each)
        if where == tier and _applies(cluster, each, direction, near):
            found.append(((order, name, each["metadata"].get("namespace", "")), each))
    for _, policy in sorted(found, key=lambda pair: pair[0]):
        for rule in policy["spec"].get(direction.lower(), []):
            action = "Allow" if _is_kubernetes(policy) else rule["action"]
            if action == "Log" or not _matches(cluster, policy, rule, packet, direction):
                continue
            if action == "Pass":
                return None
            return bool(action == "Allow")
    if found and not pass_at_end:
        return False
    return None


def _is_kubernetes(policy: Raw) -> bool:
    return bool(policy["apiVersion"] == "networking.k8s.io/v1")


def _place(policy: Raw) -> tuple[str, float, str]:
    """Tier, order, name; no tier for what is no policy."""
    name, spec = policy["metadata"]["name"], policy["spec"]
    if _is_kubernetes(policy):
        return "default", 1000, f"knp.default.{name}"
    if policy["kind"] == "AdminNetworkPolicy":
        return "adminnetworkpolicy", spec["priority"], name
    if policy["kind"] == "BaselineAdminNetworkPolicy":
        return "baselineadminnetworkpolicy", 0, name
    if policy["kind"] in ("NetworkPolicy", "GlobalNetworkPolicy"):
        return spec.get("tier", "default"), spec.get("order", float("inf")), name
    return "", 0, ""


def _applies(cluster: Cluster, policy: Raw, direction: str, pod: Place) -> bool:
    spec, namespace = policy["spec"], policy["metadata"].get("namespace")
    if namespace and namespace != pod.namespace:
        return False
    labels = dict(pod.labels)
    if _is_kubernetes(policy):
        types = spec.get("policyTypes") or (
            ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
        )
        return direction in types and _kubernetes_selector(spec["podSelector"], labels)
    if "subject" in spec:
        return _admin_pods(cluster, spec["subject"], pod)
    has_in, has_out = bool(spec.get("ingress")), bool(spec.get("egress"))
    inferred = [*(["Ingress"] if has_in or not has_out else []), *(["Egress"] if has_out else [])]
    if direction not in (spec.get("types") or inferred):
        return False
    return (
        _holds(spec.get("selector"), _endpoint_labels(cluster, pod))
        and _holds(spec.get("namespaceSelector"), _namespace_labels(cluster, pod.namespace))
        and _holds(spec.get("serviceAccountSelector"), _account_labels(cluster, pod))
    )


def _holds(selector: SelectorText | None, labels: Labels) -> bool:
    return selector is None or selector == "" or selector.holds(labels)


def _namespace_labels(cluster: Cluster, namespace: str) -> Labels:
    return {**cluster.namespaces[namespace], "projectcalico.org/name": namespace}


def _account_labels(cluster: Cluster, pod: Place) -> Labels:
    found = cluster.accounts.get((pod.namespace, pod.account), {})
    return {**found, "projectcalico.org/name": pod.account}


def _endpoint_labels(cluster: Cluster, pod: Place) -> Labels:
    return {
        **_prefixed("pcns", _namespace_labels(cluster, pod.namespace)),
        **_prefixed("pcsa", _account_labels(cluster, pod)),
        **dict(pod.labels),
        "projectcalico.org/namespace": pod.namespace,
        "projectcalico.org/serviceaccount": pod.account,
    }


def _prefixed(prefix: str, labels: Labels) -> dict[str, str]:
    return {f"{prefix}.{key}": value for key, value in labels.items()}


def _set_labels(cluster: Cluster, metadata: Raw) -> Labels:
    """Those of a network set, which has the labels of its namespace, too."""
    namespace = metadata.get("namespace", "")
    if not namespace:
        return dict(metadata["labels"])
    inherited = _prefixed("pcns", _namespace_labels(cluster, namespace))
    return {**inherited, **metadata["labels"], "projectcalico.org/namespace": namespace}


def _kubernetes_selector(selector: Raw, labels: Labels) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions", []):
        key, values = each["key"], each.get("values", [])
        holds = {
            "In": key in labels and labels.get(key) in values,
            "NotIn": not (key in labels and labels.get(key) in values),
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds[each["operator"]]:
            return False
    return True


def _admin_pods(cluster: Cluster, subject: Raw, pod: Place) -> bool:
    if not pod.namespace:
        return False
    namespace = cluster.namespaces[pod.namespace]
    if "namespaces" in subject:
        return _kubernetes_selector(subject["namespaces"], namespace)
    chosen = subject["pods"]
    return _kubernetes_selector(chosen["namespaceSelector"], namespace) and _kubernetes_selector(
        chosen["podSelector"], dict(pod.labels)
    )


# rules


def _matches(cluster: Cluster, policy: Raw, rule: Raw, packet: Packet, direction: str) -> bool:
    far = packet.destination if direction == "Egress" else packet.source
    if policy["apiVersion"].startswith("projectcalico.org"):
        return _calico_rule(cluster, policy, rule, packet)
    peers = rule.get("to" if direction == "Egress" else "from", [])
    ports = rule.get("ports", [])
    if peers and not any(_peer(cluster, policy, peer, far) for peer in peers):
        return False
    return not ports or any(_port(port, packet) for port in ports)


def _peer(cluster: Cluster, policy: Raw, peer: Raw, far: Place) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        if not _in_nets([block["cidr"]], far.address):
            return False
        return not _in_nets(block.get("except", []), far.address)
    if "networks" in peer:
        return _in_nets(peer["networks"], far.address)
    if "pods" in peer or "namespaces" in peer:
        return _admin_pods(cluster, peer, far)
    if not far.namespace:
        return False
    if "namespaceSelector" in peer:
        if not _kubernetes_selector(peer["namespaceSelector"], cluster.namespaces[far.namespace]):
            return False
    elif far.namespace != policy["metadata"]["namespace"]:
        return False
    return _kubernetes_selector(peer.get("podSelector", {}), dict(far.labels))


def _port(port: Raw, packet: Packet) -> bool:
    if "portNumber" in port:
        given = port["portNumber"]
        return (given["protocol"], given["port"]) == (packet.protocol, packet.port)
    if "portRange" in port:
        given = port["portRange"]
        inside = given["start"] <= packet.port <= given["end"]
        return bool(given["protocol"] == packet.protocol and inside)
    if "namedPort" in port:
        return _named(port["namedPort"], packet)
    if port.get("protocol", "TCP") != packet.protocol:
        return False
    number = port.get("port")
    if number is None:
        return True
    if isinstance(number, str):
        return _named(number, packet)
    return bool(number <= packet.port <= port.get("endPort", number))


def _named(name: str, packet: Packet) -> bool:
    return (name, packet.protocol, packet.port) in packet.destination.port_names


def _in_nets(nets: list[str], address: str) -> bool:
    return any(ip_address(address) in ip_network(net, strict=False) for net in nets)


def _calico_rule(cluster: Cluster, policy: Raw, rule: Raw, packet: Packet) -> bool:
    if "protocol" in rule and rule["protocol"] != packet.protocol:
        return False
    if "notProtocol" in rule and rule["notProtocol"] == packet.protocol:
        return False
    destination = rule.get("destination", {})
    ports, not_ports = destination.get("ports", []), destination.get("notPorts", [])
    if ports and not any(_calico_port(port, packet) for port in ports):
        return False
    if any(_calico_port(port, packet) for port in not_ports):
        return False
    return all(
        _entity(cluster, policy, rule.get(end, {}), place, packet)
        for end, place in (("source", packet.source), ("destination", packet.destination))
    )


def _calico_port(port: int | str, packet: Packet) -> bool:
    if isinstance(port, int):
        return port == packet.port
    if ":" in port:
        low, high = port.split(":")
        return int(low) <= packet.port <= int(high)
    return _named(port, packet)


def _entity(cluster: Cluster, policy: Raw, entity: Raw, place: Place, packet: Packet) -> bool:
    if "nets" in entity and not _in_nets(entity["nets"], place.address):
        return False
    if "notNets" in entity and _in_nets(entity["notNets"], place.address):
        return False
    if "services" in entity:
        wanted = (entity["services"].get("namespace"), entity["services"]["name"])
        if (place.address, packet.port, packet.protocol) not in cluster.services[wanted]:
            return False
    own = policy["metadata"].get("namespace", "")
    keys = ("selector", "notSelector", "namespaceSelector", "serviceAccounts")
    if any(key in entity for key in keys) and not _selected(cluster, own, entity, place):
        return False
    if "notSelector" in entity:
        return not _selected(cluster, "", {"selector": entity["notSelector"]}, place)
    return True


def _selected(cluster: Cluster, own: str, entity: Raw, place: Place) -> bool:
    """Whether the selectors of an end choose the pod, or a network set that holds the address."""
    given = {key for key in ("selector", "namespaceSelector", "serviceAccounts") if key in entity}
    if not given and not own:
        return True
    candidates: list[tuple[str, Labels, Labels, str]] = []
    if place.namespace:
        labels, account = _endpoint_labels(cluster, place), _account_labels(cluster, place)
        candidates.append((place.namespace, labels, account, place.account))
    for each in cluster.objects:
        if each["kind"] in ("NetworkSet", "GlobalNetworkSet"):
            metadata = each["metadata"]
            if _in_nets(each["spec"]["nets"], place.address):
                labels = _set_labels(cluster, metadata)
                candidates.append((metadata.get("namespace", ""), labels, {}, ""))
    return any(_chosen(cluster, own, entity, *candidate) for candidate in candidates)


def _chosen(
    cluster: Cluster,
    own: str,
    entity: Raw,
    namespace: str,
    labels: Labels,
    account: Labels,
    account_name: str,
) -> bool:
    selector = entity.get("namespaceSelector")
    if selector is None:
        if own and namespace != own:
            return False
    elif selector == "global()":
        if namespace:
            return False
    elif not namespace or not selector.holds(_namespace_labels(cluster, namespace)):
        return False
    accounts = entity.get("serviceAccounts")
    if accounts is not None:
        if accounts.get("names") and account_name not in accounts["names"]:
            return False
        if not _holds(accounts.get("selector"), account):
            return False
    return _holds(entity.get("selector"), labels)
