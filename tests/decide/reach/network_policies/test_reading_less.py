"""What may not be read is unknown: reading less never turns an answer into its contrary."""

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
from tests.decide.reach.network_policies.test_against_brute_force import pod_of, raw_of

# What the adapter gives for a list that may not be read.
BLIND: Mapping[str, Any] = {"namespaces": (), "accounts": None, "slices": {}}
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
@given(objects=OBJECTS, hidden=HIDDEN)
def test_reading_less_never_turns_an_answer_round(
    objects: tuple[Mapping[str, Any], ...], hidden: set[str]
) -> None:
    raw = raw_of(objects)
    blind = replace(raw, **{field: BLIND[field] for field in hidden})
    for full, less in zip(states(raw), states(blind), strict=True):
        event(f"{full} {less}")
        assert {full, less} != {"yes", "no"}
