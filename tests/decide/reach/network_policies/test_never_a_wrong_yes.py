"""What is not understood, and could touch the traffic, never leaves a plain yes about it.

A pod that reaches everything, by policies that allow it or without any; then one object more, with
something in it that this package does not evaluate.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.model.network_policies.packets import Pod
from migrator.model.network_policies.raw_policies import RawPolicies
from tests.decide.reach.network_policies.table_cluster import (
    LABELS,
    answers,
    daemon_sets,
    full,
    raw_policies,
)
from tests.decide.reach.network_policies.test_policy_input import JSON

POD = Pod("team", LABELS, "runner")
ALLOWING: tuple[dict[str, Any], ...] = (
    {"tier": "first", "spec": {"order": 1, "defaultAction": "Pass"}},
    {
        "global": "first.allow",
        "spec": {"tier": "first", "order": 1, "egress": [{"action": "Allow"}]},
    },
    {"kubernetes": "allow", "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}},
    {"felix": "default", "spec": {"defaultEndpointToHostAction": "Accept"}},
)
ALL, FORWARDED, ON_NODE = (0, 1, 2, 3), (0, 1, 2), (3,)
WORDS = st.text(alphabet="abcXYZ09-", min_size=1, max_size=8).map(lambda text: f"x{text}")
SELECTED = st.sampled_from(("", "all()", "app == 'web'", "has(role)", "app contains 'w'"))
# A policy of Calico for the pod, with a field, a rule or a selector that is not understood.
BROKEN_SPECS = st.one_of(
    st.tuples(SELECTED, WORDS, JSON).map(
        lambda given: {"selector": given[0], "types": ["Egress"], given[1]: given[2]}
    ),
    st.tuples(SELECTED, WORDS, JSON).map(
        lambda given: {
            "selector": given[0],
            "types": ["Egress"],
            "egress": [{"action": "Deny", given[1]: given[2]}],
        }
    ),
    WORDS.map(lambda word: {"selector": f"{word} ==", "types": ["Egress"]}),
    WORDS.map(lambda word: {"selector": "all()", "types": [word]}),
    st.sampled_from(("first", True, [], {})).map(lambda order: {"order": order}),
)


def first(spec: dict[str, Any]) -> dict[str, Any]:
    """The same, before every policy that allows."""
    return {"order": -1, "tier": "first", **spec}


CALICO = st.sampled_from(("projectcalico.org/v3", "crd.projectcalico.org/v1"))
FLAGS = st.lists(
    st.sampled_from(("applyOnForward", "preDNAT", "doNotTrack")), min_size=1, unique=True
)
HOST_SELECTORS = st.sampled_from(
    ("", "all()", "role == 'node'", "role != 'x'", "!has(x)", "role ==", "global()")
)
ACTIONS = st.one_of(st.sampled_from(("Drop", "Return", "drop", "RETURN")), WORDS)


@st.composite
def policies_of_hosts(draw: st.DrawFn) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
    """A host endpoint, and a policy for traffic that passes it."""
    api = draw(CALICO)
    endpoint = {"api": api, "other": "HostEndpoint", "name": "node-a", "labels": {"role": "node"}}
    policy = {"api": api, "other": "GlobalNetworkPolicy", "name": "hosts"}
    flags = dict.fromkeys(draw(FLAGS), True)
    rules = draw(st.sampled_from(([], [{"action": "Deny"}], [{"action": "Allow"}], [{"x": 1}])))
    direction = draw(st.sampled_from((["Ingress"], ["Egress"], ["Ingress", "Egress"], [])))
    # For a host: no pod has the label, and the pods are selected by `all()` in one case alone.
    spec = {"selector": draw(HOST_SELECTORS), "types": direction, "egress": rules, **flags}
    interface = draw(st.sampled_from(("*", "eth0", "")))
    return [
        {**endpoint, "spec": {"node": "a", "interfaceName": interface}},
        {**policy, "spec": first(spec)},
    ], FORWARDED


NOT_UNDERSTOOD = st.one_of(
    policies_of_hosts(),
    st.tuples(CALICO, BROKEN_SPECS).map(
        lambda given: (
            [
                {
                    "api": given[0],
                    "other": "GlobalNetworkPolicy",
                    "name": "first.broken",
                    "spec": first(given[1]),
                }
            ],
            ALL,
        )
    ),
    st.tuples(
        st.sampled_from(("cilium.io/v2", "networking.k8s.aws/v1alpha1", "crd.antrea.io/v1beta1")),
        WORDS,
        JSON,
    ).map(lambda each: ([{"api": each[0], "other": each[1], "name": "x", "spec": each[2]}], ALL)),
    st.tuples(CALICO, WORDS, JSON).map(
        lambda each: ([{"api": each[0], "other": each[1], "name": "x", "spec": each[2]}], ALL)
    ),
    st.tuples(st.sampled_from(("default", "node.a", "node.b")), ACTIONS).map(
        lambda given: (
            [{"felix": given[0], "spec": {"defaultEndpointToHostAction": given[1]}}],
            ON_NODE,
        )
    ),
    JSON.filter(lambda found: not isinstance(found, dict | None)).map(
        lambda spec: ([{"groups": "x", "spec": spec}], ALL)
    ),
    st.sampled_from(({}, {"app": "web"}, {"role": "client"})).map(
        lambda labels: (
            [{"groups": "x", "spec": {"podSelector": {"matchLabels": labels}}}],
            ALL,
        )
    ),
    st.tuples(st.sampled_from(("admin",)), JSON.filter(lambda spec: spec is not None)).map(
        lambda each: ([{each[0]: "x", "spec": each[1]}], ALL)
    ),
)


def reached(objects: list[dict[str, Any]], plugins: list[str] | None) -> list[str]:
    found = answers(raw_policies([full(each) for each in objects], plugins), POD)
    assert all(each.why for each in found if each.state != "yes")
    return [each.state for each in found]


@settings(max_examples=300)
@given(
    added=NOT_UNDERSTOOD,
    allowing=st.booleans(),
    plugins=st.sampled_from((["calico-plain"], ["calico-plain", "vpc-cni"])),
)
def test_no_object_that_is_not_understood_leaves_a_plain_yes(
    added: tuple[list[dict[str, Any]], tuple[int, ...]],
    allowing: bool,
    plugins: list[str],
) -> None:
    objects, touched = added
    before = list(ALLOWING) if allowing else list(ALLOWING[-1:])
    assert reached(before, plugins) == ["yes"] * 4
    # The configuration of all nodes is one object.
    kept = [each for each in before if each.get("felix") not in {o.get("felix") for o in objects}]
    after = reached([*kept, *objects], plugins)
    assert not [index for index in touched if after[index] == "yes"], (objects, after)


@pytest.mark.parametrize("kind", ["hostendpoints", "felixconfigurations", "tiers", "x"])
def test_a_kind_that_may_not_be_read_leaves_no_plain_yes(kind: str) -> None:
    raw = raw_policies([], ["calico"], [f"{kind}.crd.projectcalico.org"])
    assert [each.state for each in answers(raw, POD)] == ["unknown"] * 4


@pytest.mark.parametrize(
    "selector", ["pcns.env == 'prod'", "pcsa.level == 'low'", "!has(pcsa.level)", "!has(pcns.x)"]
)
def test_labels_that_could_not_be_read_leave_no_plain_yes(selector: str) -> None:
    deny = {"global": "deny", "spec": {"selector": selector, "types": ["Egress"]}}
    raw = raw_policies([full(deny)], ["calico"])
    blind = RawPolicies(
        objects=raw.objects,
        accounts=None,
        services=raw.services,
        slices=raw.slices,
        pods=raw.pods,
        daemon_sets=daemon_sets(["calico"]),
    )
    found = answers(blind, POD)
    assert {each.state for each in found} == {"unknown"}
    assert "could not be read" in found[0].why
