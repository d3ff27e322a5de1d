"""The evaluator agrees with one that is written from the specifications alone."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from migrator.decide.reach.network_policies.calico_selectors import parse_selector
from migrator.decide.reach.network_policies.match_selector import selector_matches
from migrator.decide.reach.network_policies.reach import reaches
from migrator.decide.reach.network_policies.read_world import policy_world
from migrator.model.network_policies.packets import Endpoint, Pod, PodPort, Target
from migrator.model.network_policies.raw_policies import RawPolicies
from tests.decide.reach.network_policies.brute_force import (
    Cluster,
    Packet,
    Place,
    SelectorText,
    passes,
)
from tests.decide.reach.network_policies.policy_strategies import (
    ACCOUNTS,
    DESTINATIONS,
    KEYS,
    NAMESPACES,
    OBJECTS,
    SELECTORS,
    SERVICES,
    SOURCE,
    VALUES,
)
from tests.decide.reach.network_policies.table_cluster import daemon_sets, slice_of


def pod_of(place: Place) -> Pod | None:
    if not place.namespace:
        return None
    ports = tuple(PodPort(*each) for each in place.port_names)
    return Pod(place.namespace, dict(place.labels), place.account, "p", ports)


# Plugin -> the kinds that are not its own are no policies for it. Sources: policy_table.yaml.
_CALICO_ONLY = "projectcalico.org/v3"
_ADMIN_API = "policy.networking.k8s.io/v1alpha1"
NOT_ENFORCED: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "calico": lambda policy: False,
    "calico-3.28": lambda policy: bool(policy["apiVersion"] == _ADMIN_API),
    "calico-3.29": lambda policy: bool(policy["kind"] == "BaselineAdminNetworkPolicy"),
    "calico-3.32": lambda policy: bool(policy["apiVersion"] == _ADMIN_API),
    "vpc-cni": lambda policy: policy["apiVersion"] in (_CALICO_ONLY, _ADMIN_API),
}
PLUGINS = st.sampled_from(sorted(NOT_ENFORCED))


def raw_of(objects: tuple[Mapping[str, Any], ...], plugin: str = "calico") -> RawPolicies:
    return RawPolicies(
        objects=objects,
        namespaces=[{"metadata": {"name": n, "labels": v}} for n, v in NAMESPACES.items()],
        accounts=[
            {"metadata": {"namespace": n, "name": a, "labels": labels}}
            for (n, a), labels in ACCOUNTS.items()
        ],
        slices={
            name: [slice_of(name, {address: "dns"}, "", port, protocol)]
            for name, ((address, port, protocol),) in SERVICES.items()
        },
        daemon_sets=daemon_sets([plugin]),
    )


@settings(max_examples=120)
@given(objects=OBJECTS, plugin=PLUGINS)
def test_same_answers(objects: tuple[Mapping[str, Any], ...], plugin: str) -> None:
    enforced = tuple(each for each in objects if not NOT_ENFORCED[plugin](each))
    cluster = Cluster(enforced, NAMESPACES, ACCOUNTS, SERVICES)
    world, source = policy_world(raw_of(objects, plugin)), pod_of(SOURCE)
    assert source is not None
    for place, port, protocol in DESTINATIONS:
        endpoint = Endpoint(ip_address(place.address), port, protocol, pod_of(place))
        answer = reaches(source, Target("it", at=(endpoint,)), world)
        wanted = passes(cluster, Packet(SOURCE, place, port, protocol))
        event(f"allowed: {wanted}")
        assert answer.state == ("yes" if wanted else "no"), (answer, place)


@settings(max_examples=100)
@given(
    selector=SELECTORS,
    labels=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)),
)
def test_selectors_mean_what_they_say(selector: SelectorText, labels: dict[str, str]) -> None:
    assert selector_matches(parse_selector(str(selector)), labels) is selector.holds(labels)
