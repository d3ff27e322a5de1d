"""Small worlds of policies, well formed: few labels, addresses, ports, so that they meet."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from tests.decide.reach.network_policies.brute_force import Labels, Place, SelectorText

KEYS, VALUES = ("app", "role"), ("web", "db", "w")
# One says that it is another: Calico's own label is what counts.
NAMESPACES: Mapping[str, Labels] = {
    "team": {"env": "prod", "projectcalico.org/name": "kube-system"},
    "kube-system": {"env": "core"},
}
ACCOUNTS: Mapping[tuple[str, str], Labels] = {("team", "runner"): {"app": "web"}}
SERVICES = {("kube-system", "kube-dns"): (("10.1.0.5", 53, "UDP"),)}
NETS = ("10.0.0.0/8", "10.1.0.0/16", "169.254.169.254/32", "0.0.0.0/0", "192.168.1.10")
SOURCE = Place("10.1.0.9", "team", (("app", "web"), ("role", "db")), "runner")
DNS = Place("10.1.0.5", "kube-system", (("app", "db"),), "dns", (("dns", "UDP", 53),))
DESTINATIONS = (
    (DNS, 53, "UDP"),
    (Place("10.1.0.7", "team", (("role", "web"),), "other", (("web", "TCP", 8080),)), 8080, "TCP"),
    (Place("192.168.1.10"), 443, "TCP"),
    (Place("169.254.169.254"), 80, "TCP"),
)


def _leaf(key: str, value: str, form: int) -> SelectorText:
    """One comparison."""
    forms: list[tuple[str, Callable[[Labels], bool]]] = [
        (f"{key} == '{value}'", lambda labels: labels.get(key) == value),
        (f'{key} != "{value}"', lambda labels: labels.get(key) != value),
        (f"has({key})", lambda labels: key in labels),
        (f"{key} in {{'{value}', 'x'}}", lambda labels: labels.get(key) in (value, "x")),
        (f"{key} not in {{'{value}'}}", lambda labels: labels.get(key) not in (value,)),
        (f"{key} contains 'e'", lambda labels: "e" in labels.get(key, "")),
        (f"{key} starts with 'w'", lambda labels: labels.get(key, "").startswith("w")),
        (f"{key} ends with 'b'", lambda labels: labels.get(key, "").endswith("b")),
        ("all()", lambda labels: True),
    ]
    return SelectorText(*forms[form])


def _joined(sign: str, left: SelectorText, right: SelectorText) -> SelectorText:
    """Two selectors with ``&&`` or ``||``; parentheses only where the precedence needs them."""
    if sign == "||":
        return SelectorText(
            f"{left} || {right}", lambda labels: left.holds(labels) or right.holds(labels)
        )
    spelled = [f"({each})" if "||" in each else str(each) for each in (left, right)]
    return SelectorText(
        " && ".join(spelled), lambda labels: left.holds(labels) and right.holds(labels)
    )


def _not(inner: SelectorText) -> SelectorText:
    return SelectorText(f"!({inner})", lambda labels: not inner.holds(labels))


LEAVES = st.builds(
    _leaf, st.sampled_from(KEYS), st.sampled_from(VALUES), st.integers(min_value=0, max_value=8)
)
_INHERITED = (
    ("pcns.env", "prod"),
    ("pcns.env", "core"),
    ("pcns.projectcalico.org/name", "team"),
    ("pcns.projectcalico.org/name", "kube-system"),
    ("pcsa.app", "web"),
    ("pcsa.projectcalico.org/name", "runner"),
    ("projectcalico.org/namespace", "team"),
)
# Labels that pods and network sets have by their namespace or ServiceAccount.
INHERITED = st.builds(
    lambda pair, form: _leaf(pair[0], pair[1], form),
    st.sampled_from(_INHERITED),
    st.integers(min_value=0, max_value=4),
)
SELECTORS = st.recursive(
    st.one_of(LEAVES, INHERITED),
    lambda inner: st.one_of(
        st.builds(_joined, st.sampled_from(("&&", "||")), inner, inner), st.builds(_not, inner)
    ),
    max_leaves=4,
)
ENVS = st.sampled_from(
    [
        SelectorText("env == 'prod'", lambda labels: labels.get("env") == "prod"),
        SelectorText("has(env)", lambda labels: "env" in labels),
        SelectorText("all()", lambda labels: True),
        SelectorText(
            "projectcalico.org/name == 'kube-system'",
            lambda labels: labels.get("projectcalico.org/name") == "kube-system",
        ),
    ]
)
GLOBAL = SelectorText("global()", lambda labels: False)
ACCOUNT_MATCHES = st.one_of(
    st.builds(lambda name: {"names": [name]}, st.sampled_from(("runner", "dns"))),
    st.builds(lambda selector: {"selector": selector}, LEAVES),
)


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object in which any of the fields may be absent."""
    return st.fixed_dictionaries({}, optional=fields)


_SELECTING = {
    "selector": SELECTORS,
    "notSelector": LEAVES,
    "namespaceSelector": st.one_of(ENVS, st.just(GLOBAL)),
    "serviceAccounts": ACCOUNT_MATCHES,
}
_PORTS = st.lists(st.sampled_from((53, 443, "50:90", "dns", "web")), min_size=1, max_size=2)
_NETS = st.lists(st.sampled_from(NETS), min_size=1, max_size=2)
_FAR = st.one_of(
    _some(nets=_NETS, notNets=_NETS, ports=_PORTS, notPorts=_PORTS, **_SELECTING),
    st.just({"services": {"name": "kube-dns", "namespace": "kube-system"}}),
    st.just({}),
)
# The address of the pod that asks is not known: conditions on it would have no certain answer.
_NEAR = st.one_of(st.just({}), _some(selector=SELECTORS, serviceAccounts=ACCOUNT_MATCHES))
_ACTIONS = st.sampled_from(("Allow", "Deny", "Pass", "Log"))
_PROTOCOLS = st.sampled_from(("TCP", "UDP"))
_ON_PORTS = st.fixed_dictionaries(
    {"action": _ACTIONS, "destination": _FAR, "source": _NEAR},
    optional={"protocol": _PROTOCOLS, "notProtocol": _PROTOCOLS},
)
_INTO = st.fixed_dictionaries(
    {"action": _ACTIONS, "source": _NEAR, "destination": _some(ports=_PORTS, selector=SELECTORS)},
    optional={"protocol": _PROTOCOLS},
)
_CALICO_SPEC = _some(
    order=st.sampled_from((1, 2, 999, 1000, 1001)),
    tier=st.sampled_from(("default", "first", "last")),
    selector=SELECTORS,
    serviceAccountSelector=LEAVES,
    types=st.sampled_from((["Ingress"], ["Egress"], ["Ingress", "Egress"])),
    ingress=st.lists(_INTO, max_size=2),
    egress=st.lists(_ON_PORTS, max_size=3),
)
_WITH_NAMESPACES = st.builds(
    lambda spec, more: {**spec, **more}, _CALICO_SPEC, _some(namespaceSelector=ENVS)
)

_LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=1)
_EXPRESSIONS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "key": st.sampled_from(KEYS),
                "operator": st.sampled_from(("In", "NotIn")),
                "values": st.lists(st.sampled_from(VALUES), min_size=1, max_size=2),
            }
        ),
        st.fixed_dictionaries(
            {
                "key": st.sampled_from(KEYS),
                "operator": st.sampled_from(("Exists", "DoesNotExist")),
            }
        ),
    ),
    max_size=1,
)
LABEL_SELECTORS = _some(matchLabels=_LABELS, matchExpressions=_EXPRESSIONS)
_NAMESPACE_SELECTORS = st.sampled_from(
    ({}, {"matchLabels": {"env": "prod"}}, {"matchLabels": {"env": "core"}})
)
_SELECTING_PEER = st.one_of(
    st.fixed_dictionaries({"podSelector": LABEL_SELECTORS}),
    st.fixed_dictionaries({"namespaceSelector": _NAMESPACE_SELECTORS}),
    st.fixed_dictionaries(
        {"namespaceSelector": _NAMESPACE_SELECTORS, "podSelector": LABEL_SELECTORS}
    ),
)
_BLOCK = st.fixed_dictionaries(
    {"cidr": st.sampled_from(("0.0.0.0/0", "10.0.0.0/8", "169.254.0.0/16"))},
    optional={"except": st.sampled_from((["169.254.169.254/32"], ["10.1.0.0/24"]))},
)
_TO = st.one_of(_SELECTING_PEER, st.fixed_dictionaries({"ipBlock": _BLOCK}))
_KUBERNETES_PORTS = st.lists(
    st.one_of(
        _some(protocol=_PROTOCOLS),
        st.fixed_dictionaries(
            {"port": st.sampled_from((53, 80, 443, "dns", "web"))},
            optional={"protocol": _PROTOCOLS},
        ),
        st.just({"port": 50, "endPort": 90}),
    ),
    max_size=2,
)
_KUBERNETES_SPEC = st.fixed_dictionaries(
    {"podSelector": LABEL_SELECTORS},
    optional={
        "policyTypes": st.sampled_from((["Ingress"], ["Egress"], ["Ingress", "Egress"])),
        "egress": st.lists(
            _some(to=st.lists(_TO, max_size=2), ports=_KUBERNETES_PORTS), max_size=2
        ),
        "ingress": st.lists(
            st.fixed_dictionaries(
                {"from": st.lists(_SELECTING_PEER, max_size=2)},
                optional={"ports": _KUBERNETES_PORTS},
            ),
            max_size=2,
        ),
    },
)
_ADMIN_PODS = st.one_of(
    st.fixed_dictionaries({"namespaces": _NAMESPACE_SELECTORS}),
    st.fixed_dictionaries(
        {
            "pods": st.fixed_dictionaries(
                {"namespaceSelector": _NAMESPACE_SELECTORS, "podSelector": LABEL_SELECTORS}
            )
        }
    ),
)
_ADMIN_PORTS = st.lists(
    st.sampled_from(
        (
            {"portNumber": {"protocol": "TCP", "port": 443}},
            {"portRange": {"protocol": "UDP", "start": 50, "end": 60}},
            {"namedPort": "dns"},
        )
    ),
    max_size=1,
)


def _admin_rules(actions: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, Any]]]:
    peers = st.one_of(_ADMIN_PODS, st.fixed_dictionaries({"networks": _NETS}))
    rule = st.fixed_dictionaries(
        {"action": st.sampled_from(actions), "to": st.lists(peers, min_size=1, max_size=2)},
        optional={"ports": _ADMIN_PORTS},
    )
    return st.lists(rule, max_size=2)


def _objects(
    version: str,
    kind: str,
    specs: st.SearchStrategy[Any],
    *,
    namespaced: bool = False,
    names: tuple[str, ...] = ("a", "m", "z"),
) -> st.SearchStrategy[dict[str, Any]]:
    metadata: dict[str, st.SearchStrategy[Any]] = {"name": st.sampled_from(names)}
    if namespaced:
        metadata["namespace"] = st.sampled_from(sorted(NAMESPACES))
    if kind.endswith("Set"):
        metadata["labels"] = _LABELS
    return st.fixed_dictionaries(
        {
            "apiVersion": st.just(version),
            "kind": st.just(kind),
            "metadata": st.fixed_dictionaries(metadata),
            "spec": specs,
        }
    )


_CALICO, _ADMIN = "projectcalico.org/v3", "policy.networking.k8s.io/v1alpha1"
_TIERS = _objects(
    _CALICO,
    "Tier",
    _some(order=st.sampled_from((1, 2_000_000)), defaultAction=st.sampled_from(("Deny", "Pass"))),
    names=("first", "last"),
)
_SETS = st.fixed_dictionaries({"nets": _NETS})
POLICIES = st.one_of(
    _objects("networking.k8s.io/v1", "NetworkPolicy", _KUBERNETES_SPEC, namespaced=True),
    _objects(_CALICO, "NetworkPolicy", _CALICO_SPEC, namespaced=True),
    _objects(_CALICO, "GlobalNetworkPolicy", _WITH_NAMESPACES),
)
OTHERS = st.one_of(
    _objects(
        _ADMIN,
        "AdminNetworkPolicy",
        st.fixed_dictionaries(
            {
                "priority": st.integers(min_value=0, max_value=3),
                "subject": _ADMIN_PODS,
                "egress": _admin_rules(("Allow", "Deny", "Pass")),
            }
        ),
    ),
    _objects(
        _ADMIN,
        "BaselineAdminNetworkPolicy",
        st.fixed_dictionaries({"subject": _ADMIN_PODS, "egress": _admin_rules(("Allow", "Deny"))}),
        names=("default",),
    ),
    _objects(_CALICO, "NetworkSet", _SETS, namespaced=True),
    _objects(_CALICO, "GlobalNetworkSet", _SETS),
)
TIERS = st.lists(_TIERS, min_size=2, max_size=2, unique_by=lambda tier: tier["metadata"]["name"])


def _key(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """No two policies of a kind of one order and name: their order is not defined."""
    metadata = raw["metadata"]
    return (raw["apiVersion"], raw["kind"], metadata["name"], metadata.get("namespace", ""))


OBJECTS = st.builds(
    lambda tiers, policies, others: (*tiers, *policies, *others),
    TIERS,
    st.lists(POLICIES, min_size=1, max_size=5, unique_by=_key),
    st.lists(OTHERS, max_size=3, unique_by=_key),
)
