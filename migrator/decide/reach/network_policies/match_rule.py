"""Whether a rule of a network policy matches a connection.

Sources: Kubernetes documentation, "Network Policies"; Calico, reference of NetworkPolicy (Rule,
EntityRule, Ports) and of NetworkSet: selectors of a rule match pods and network sets, of a
namespaced policy those of its namespace.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from migrator.decide.reach.network_policies.match_selector import (
    Labels,
    keys_of,
    selector_matches,
)
from migrator.decide.reach.network_policies.truth import Truth, every, negated, some
from migrator.model.network_policies.packets import (
    Address,
    Destination,
    Pod,
    PolicyWorld,
    Service,
)
from migrator.model.network_policies.policies import Block, NetworkSet, Peer, PortMatch, Rule
from migrator.model.network_policies.selectors import Selector

_NO_ADDRESS = "the address of the pod is not known"
# Calico gives them to every namespace and ServiceAccount (libcalico-go, NamespaceToProfile and
# ServiceAccountToProfile): their values are known without a read, whatever other labels there are.
_NAME_LABEL = "projectcalico.org/name"
_KNOWN_KEYS = frozenset({f"pcns.{_NAME_LABEL}", f"pcsa.{_NAME_LABEL}"})
UNREAD_ACCOUNTS = "the labels of ServiceAccounts could not be read"


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a connection. ``address`` None: it is not known. ``sets``: the network sets that
    may hold the address. ``excepts`` False: the plugin ignores ``except``.
    """

    address: Address | None
    pod: Pod | None = None
    service: Service | None = None
    sets: tuple[NetworkSet, ...] = ()
    excepts: bool = True


def side_of(destination: Destination, world: PolicyWorld, *, excepts: bool = True) -> Side:
    """The far end of a connection from a pod."""
    address = destination.address
    sets = tuple(each for each in world.sets if each.doubt or _inside(each.blocks, address))
    return Side(
        address,
        destination.pod,
        destination.service,
        sets,
        excepts,
    )


def rule_matches(
    rule: Rule,
    near: Side,
    far: Side,
    destination: Destination,
    world: PolicyWorld,
) -> Truth:
    """Whether a rule matches: near is the end that has the policy."""
    return every(
        _conditions(
            rule,
            near,
            far,
            destination,
            world,
        )
    )


def _conditions(
    rule: Rule,
    near: Side,
    far: Side,
    destination: Destination,
    world: PolicyWorld,
) -> Iterator[Truth]:
    """The conditions of a rule, cheap ones first."""
    protocol = destination.protocol
    yield rule.protocol in ("", protocol)
    yield rule.not_protocol != protocol
    yield rule.ip_version in (0, destination.address.version)
    yield rule.doubt or True
    if rule.not_ports:
        yield negated(_some_port(rule.not_ports, destination, translated=True))
    if rule.own is not None:
        yield _peer(
            rule.own,
            near,
            destination,
            world,
        )
    yield _far(
        rule,
        far,
        destination,
        world,
    )


def _far(
    rule: Rule,
    far: Side,
    destination: Destination,
    world: PolicyWorld,
) -> Truth:
    """Whether one of the peers with one of the ports is the far end."""
    # Kubernetes API reference: an empty or missing list of peers is every peer.
    peers = rule.peers or (Peer(),)
    return some(
        every(
            _peer_and_port(
                peer,
                rule.ports,
                far,
                destination,
                world,
            )
        )
        for peer in peers
    )


def _peer_and_port(
    peer: Peer,
    ports: tuple[PortMatch, ...],
    far: Side,
    destination: Destination,
    world: PolicyWorld,
) -> Iterator[Truth]:
    if ports:
        # A selector finds a Service by its pods, whose ports then are what the policy says.
        yield _some_port(ports, destination, translated=not peer.selects)
    yield _peer(
        peer,
        far,
        destination,
        world,
    )


def _some_port(ports: Iterable[PortMatch], destination: Destination, *, translated: bool) -> Truth:
    """Whether one of the ports is the destination's. ``translated`` False: that of the pods behind
    the Service.
    """
    number, named = destination.port, _names(destination)
    service = destination.service
    if not translated and service is not None and service.endpoints:
        number = service.endpoints[0].port
    return any(
        _port(
            each,
            destination.protocol,
            number,
            named,
        )
        for each in ports
    )


def _port(
    port: PortMatch,
    protocol: str,
    number: int,
    named: frozenset[str],
) -> bool:
    if port.protocol not in ("", protocol):
        return False
    if port.name:
        return port.name in named
    if port.first is None or port.last is None:
        return True
    return port.first <= number <= port.last


def _names(destination: Destination) -> frozenset[str]:
    """The names of the destination's port: those that pods give it. An address that is no pod's has
    none, so that a rule with a name does not match it.
    """
    protocol = destination.protocol
    service = destination.service
    if service is None:
        return frozenset(_names_given(destination.pod, protocol, destination.port))
    names = [_names_given(each.pod, protocol, each.port) for each in service.endpoints]
    return frozenset[str]().union(*names)


def _names_given(pod: Pod | None, protocol: str, number: int) -> set[str]:
    """The names that a pod gives one of its ports; none where the end is no pod."""
    if pod is None:
        return set()
    wanted = (protocol, number)
    return {port.name for port in pod.ports if (port.protocol, port.number) == wanted}


# peers


def _peer(
    peer: Peer,
    side: Side,
    destination: Destination,
    world: PolicyWorld,
) -> Truth:
    return every(
        _peer_conditions(
            peer,
            side,
            destination,
            world,
        )
    )


def _peer_conditions(
    peer: Peer,
    side: Side,
    destination: Destination,
    world: PolicyWorld,
) -> Iterator[Truth]:
    yield peer.doubt or True
    if peer.blocks:
        yield _among(peer.blocks, side)
    if peer.not_blocks:
        yield negated(_among(peer.not_blocks, side))
    if peer.service is not None:
        yield _endpoint_of(
            peer.service,
            side,
            destination,
            world,
        )
    # A negative selector alone, too, is for the namespace of its policy.
    if peer.selects or (peer.not_pods is not None and peer.own_namespace):
        yield _selected(peer, side, world)
    if peer.not_pods is not None:
        yield negated(_selected(Peer(pods=peer.not_pods, sets=True), side, world))


def _among(blocks: Iterable[Block], side: Side) -> Truth:
    if side.address is None:
        return _everywhere(blocks) or _NO_ADDRESS
    if side.excepts:
        return _inside(blocks, side.address)
    return _inside([Block(block.net) for block in blocks], side.address)


def _everywhere(blocks: Iterable[Block]) -> bool:
    """Whether they hold every IPv4 address: then the pod's, whatever it is. A pod of a cluster of
    IPv6 has a policy for its own family.
    """
    nets = {str(block.net) for block in blocks if not block.excepted}
    return nets >= {"0.0.0.0/0", "::/0"}


def _inside(blocks: Iterable[Block], address: Address) -> bool:
    return any(_holds(block, address) for block in blocks)


def _holds(block: Block, address: Address) -> bool:
    """Whether a block has the address and does not except it. A network of one family holds no
    address of the other (Python, ``ipaddress``).
    """
    if address not in block.net:
        return False
    return not any(address in net for net in block.excepted)


def _endpoint_of(
    service: tuple[str, str],
    side: Side,
    destination: Destination,
    world: PolicyWorld,
) -> Truth:
    """Whether the end is an endpoint of the Service (reference, ServiceMatch: its endpoints, at
    their ports). An address that is not translated yet is the Service's, not an endpoint's.
    """
    endpoints = world.services.get(service)
    if endpoints is None:
        return f"the endpoints of Service {'/'.join(service)} could not be read"
    wanted = (side.address, destination.port, destination.protocol)
    return any((each.address, each.port, each.protocol) == wanted for each in endpoints)


def _selected(peer: Peer, side: Side, world: PolicyWorld) -> Truth:
    """Whether the selectors choose what the end is."""
    return some(_candidates(peer, side, world))


def _candidates(peer: Peer, side: Side, world: PolicyWorld) -> Iterator[Truth]:
    if side.pod is not None:
        yield pod_is_selected(peer, side.pod, world)
    if peer.sets:
        for each in side.sets:
            yield _set_is_selected(peer, each, world)
    elif side.service is not None:
        yield _service_is_selected(peer, side.service, world)


def pod_is_selected(peer: Peer, pod: Pod, world: PolicyWorld) -> Truth:
    """Whether the selectors of a peer, or of a policy, choose a pod."""
    return every(_pod_conditions(peer, pod, world))


def _pod_conditions(peer: Peer, pod: Pod, world: PolicyWorld) -> Iterator[Truth]:
    yield peer.own_namespace in ("", pod.namespace)
    yield not peer.account_names or pod.service_account in peer.account_names
    if peer.pods is not None:
        yield _by_labels(
            peer.pods,
            pod,
            world,
            calico=peer.sets,
        )
    if peer.namespaces is not None:
        yield _in_namespaces(peer.namespaces, pod.namespace, world)
    if peer.accounts is not None:
        found = _account_labels(pod, world)
        yield UNREAD_ACCOUNTS if found is None else selector_matches(peer.accounts, found)


def _by_labels(
    selector: Selector,
    pod: Pod,
    world: PolicyWorld,
    *,
    calico: bool,
) -> Truth:
    """Whether a selector chooses the labels of a pod."""
    labels = calico_labels(pod, world) if calico else pod.labels
    # Of labels that could not be read nothing is known, not that they are absent.
    if calico and (unread := _labels_unread(selector, pod, world)):
        return unread
    # What ``global()`` means in a selector of pods the reference does not say.
    return selector_matches(selector, labels, global_means="global() selects pods")


def _labels_unread(selector: Selector, pod: Pod, world: PolicyWorld) -> str:
    """Which labels of namespace and ServiceAccount that a selector compares were not read."""
    prefixes = {key.partition(".")[0] for key in set(keys_of(selector)) - _KNOWN_KEYS}
    unread = {}
    if pod.namespace not in world.namespaces:
        unread["pcns"] = _unread_labels(pod.namespace)
    if _account_labels(pod, world) is None:
        unread["pcsa"] = UNREAD_ACCOUNTS
    return next((unread[each] for each in sorted(prefixes & set(unread))), "")


def _unread_labels(namespace: str) -> str:
    return f"the labels of namespace {namespace} could not be read"


def _in_namespaces(selector: Selector, namespace: str, world: PolicyWorld) -> Truth:
    """Calico gives a namespace its name as a label ``projectcalico.org/name``, Kubernetes as
    ``kubernetes.io/metadata.name``.
    """
    found = world.namespaces.get(namespace)
    own = {_NAME_LABEL: namespace, "kubernetes.io/metadata.name": namespace}
    # A selector that compares nothing but the name needs no labels that would have to be read.
    if found is None and not set(keys_of(selector)) <= set(own):
        return _unread_labels(namespace)
    return selector_matches(selector, {**(found or {}), **own})


def _account_labels(pod: Pod, world: PolicyWorld) -> Labels | None:
    """The labels of the pod's ServiceAccount, None where they could not be read."""
    found = account_labels(pod, world)
    if found is None:
        return None
    return {**found, _NAME_LABEL: pod.service_account}


def account_labels(pod: Pod, world: PolicyWorld) -> Labels | None:
    """The labels that the ServiceAccount itself has, None where they could not be read."""
    if pod.account_labels is not None or world.accounts is None:
        return pod.account_labels
    return world.accounts.get((pod.namespace, pod.service_account), {})


def calico_labels(pod: Pod, world: PolicyWorld) -> Labels:
    """The labels of a pod for Calico (reference, WorkloadEndpoint): its own, its namespace and
    ServiceAccount, and their labels with the prefixes ``pcns.`` and ``pcsa.``.
    """
    return {
        **_namespace_labels(pod.namespace, world),
        **{f"pcsa.{key}": value for key, value in (_account_labels(pod, world) or {}).items()},
        f"pcsa.{_NAME_LABEL}": pod.service_account,
        **pod.labels,
        "projectcalico.org/namespace": pod.namespace,
        "projectcalico.org/serviceaccount": pod.service_account,
        "projectcalico.org/orchestrator": "k8s",
    }


def _namespace_labels(namespace: str, world: PolicyWorld) -> dict[str, str]:
    """The labels that pods and network sets of a namespace have by it; only its name where the
    others were not read.
    """
    found = {**world.namespaces.get(namespace, {}), _NAME_LABEL: namespace}
    return {f"pcns.{key}": value for key, value in found.items()}


def _set_is_selected(peer: Peer, found: NetworkSet, world: PolicyWorld) -> Truth:
    return every(_set_conditions(peer, found, world))


def _set_conditions(peer: Peer, found: NetworkSet, world: PolicyWorld) -> Iterator[Truth]:
    """A set has no ServiceAccount; a global one is in no namespace: ``all()`` selects it not, and
    ``global()`` it alone (reference, EntityRule, ``namespaceSelector``).
    """
    yield peer.own_namespace in ("", found.namespace)
    yield not peer.account_names
    if peer.pods is not None:
        yield _by_set_labels(peer.pods, found, world)
    if peer.namespaces is not None and found.namespace:
        yield _in_namespaces(peer.namespaces, found.namespace, world)
    elif peer.namespaces is not None:
        yield selector_matches(
            peer.namespaces,
            {},
            all_means=False,
            global_means=True,
        )
    if peer.accounts is not None:
        yield selector_matches(peer.accounts, {})
    yield found.doubt or True


def _by_set_labels(selector: Selector, found: NetworkSet, world: PolicyWorld) -> Truth:
    """Whether a selector chooses the labels of a set: its own, and those of its namespace."""
    labels = dict(found.labels)
    if found.namespace:
        labels = _namespace_labels(found.namespace, world) | labels
        labels["projectcalico.org/namespace"] = found.namespace
        of_namespace = {key for key in keys_of(selector) if key.startswith("pcns.")} - _KNOWN_KEYS
        if of_namespace and found.namespace not in world.namespaces:
            return _unread_labels(found.namespace)
    return selector_matches(selector, labels, global_means="global() selects sets")


def _service_is_selected(peer: Peer, service: Service, world: PolicyWorld) -> Truth:
    """The VPC CNI's controller allows the address of a Service whose own selector, taken as labels,
    a peer selects (amazon-network-policy-controller-k8s, ``pkg/resolvers/endpoints.go``).
    """
    standing = Pod(service.namespace, service.selector)
    return pod_is_selected(peer, standing, world)
