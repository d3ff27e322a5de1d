"""What may not be read is unknown: reading less never turns an answer into its contrary. What
anybody may create makes no answer better.
"""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from migrator.decide.reach.network_policies.reach import reaches
from migrator.decide.reach.network_policies.read_world import policy_world
from migrator.model.network_policies.packets import Endpoint, Target
from migrator.model.network_policies.raw_policies import RawPolicies
from tests.decide.reach.network_policies.policy_strategies import DESTINATIONS, OBJECTS, SOURCE
from tests.decide.reach.network_policies.table_cluster import STRICT, daemon_set
from tests.decide.reach.network_policies.test_against_brute_force import PLUGINS, pod_of, raw_of

# What the adapter gives for a list that may not be read.
BLIND: Mapping[str, Any] = {
    "namespaces": (),
    "accounts": None,
    "slices": {},
    "daemon_sets": None,
}
HIDDEN = st.sets(st.sampled_from(sorted(BLIND)), min_size=1)


def states(raw: RawPolicies) -> list[str]:
    source = pod_of(SOURCE)
    assert source is not None
    world = policy_world(raw)
    targets = [
        Target("it", at=(Endpoint(ip_address(place.address), port, protocol, pod_of(place)),))
        for place, port, protocol in DESTINATIONS
    ]
    return [reaches(source, target, world).state for target in targets]


@settings(max_examples=150)
@given(objects=OBJECTS, plugin=PLUGINS, hidden=HIDDEN)
def test_reading_less_never_turns_an_answer_round(
    objects: tuple[Mapping[str, Any], ...], plugin: str, hidden: set[str]
) -> None:
    raw = raw_of(objects, plugin)
    blind = replace(raw, **{field: BLIND[field] for field in hidden})
    for full, less in zip(states(raw), states(blind), strict=True):
        event(f"{full} {less}")
        assert {full, less} != {"yes", "no"}


CONTAINERS = st.sampled_from(("main", "calico-node", "cilium-agent", "aws-eks-nodeagent"))
NAMES = st.sampled_from(("calico-node", "cilium", "aws-node", "x"))


@settings(max_examples=100)
@given(objects=OBJECTS, plugin=PLUGINS, name=NAMES, container=CONTAINERS, strict=st.booleans())
def test_a_daemon_set_of_anybody_decides_nothing(
    objects: tuple[Mapping[str, Any], ...], plugin: str, name: str, container: str, strict: bool
) -> None:
    args = {"args": ["--enable-network-policy=true"], **(STRICT if strict else {})}
    # An agent of that version ignores `except`.
    added = daemon_set(f"team/{name}", {"name": container, "image": "x:v1.0.1", **args})
    raw = raw_of(objects, plugin)
    more = replace(raw, daemon_sets=[*(raw.daemon_sets or ()), added])
    for before, after in zip(states(raw), states(more), strict=True):
        # A yes may become a question, a no stays.
        assert after == before or (before == "yes" and after in ("depends", "unknown"))
