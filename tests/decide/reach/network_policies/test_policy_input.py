"""What is no policy, what is hostile, how many there may be: nothing raises or is ignored."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.decide.reach.network_policies.calico_selectors import parse_selector
from migrator.decide.reach.network_policies.label_selectors import parse_label_selector
from migrator.model.network_policies.packets import Pod
from migrator.model.network_policies.selectors import Unparsed
from tests.decide.reach.network_policies.table_cluster import LABELS, answers, raw_policies

POD = Pod("team", LABELS, "runner")
KINDS = (
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("projectcalico.org/v3", "NetworkPolicy"),
    ("crd.projectcalico.org/v1", "GlobalNetworkPolicy"),
    ("projectcalico.org/v3", "Tier"),
    ("projectcalico.org/v3", "GlobalNetworkSet"),
    ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"),
    ("cilium.io/v2", "CiliumNetworkPolicy"),
)
WORDS = st.sampled_from(
    (
        *("selector", "types", "egress", "ingress", "podSelector", "matchLabels", "to", "ports"),
        *(
            "action",
            "Allow",
            "Egress",
            "destination",
            "nets",
            "10.0.0.0/8",
            "tier",
            "order",
            "port",
        ),
        *("services", "subject", "priority", "spec", "ipBlock", "cidr", "\x1b[31m", "a == 'b'", ""),
    )
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=150)
@given(kind=st.sampled_from(KINDS), spec=JSON, plugin=st.sampled_from(("calico", "vpc-cni")))
def test_no_object_raises(kind: tuple[str, str], spec: Any, plugin: str) -> None:  # noqa: ANN401 - any JSON
    raw = {"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "x"}, "spec": spec}
    found = answers(raw_policies([raw], [plugin]), POD)
    assert len(found) == 4
    assert all(answer.why for answer in found if answer.state != "yes")


@settings(max_examples=150)
@given(text=st.text(alphabet="ab='\"!&|(){}, \thasinotlg", max_size=30))
def test_no_selector_raises(text: str) -> None:
    parse_selector(text)


@pytest.mark.parametrize(
    "text",
    [
        "a ==",
        "a == b",
        "a = 'b'",
        "a",
        "a == 'b' &&",
        "|| a == 'b'",
        "(a == 'b'",
        "a == 'b')",
        "a in 'b'",
        "a in {'b'",
        "a == 'b' c == 'd'",
        "has()",
        "has(a",
        "all(a)",
        "'a' == a",
        "a starts 'b'",
        "a not 'b'",
        "é == 'a'",
        "a == 'b",
        "(" * 1000 + "all()" + ")" * 1000,
        "a == 'b' && " * 5000 + "all()",
    ],
)
def test_what_is_no_selector_is_not_understood(text: str) -> None:
    assert isinstance(parse_selector(text), Unparsed)


@pytest.mark.parametrize(
    "raw", [None, [], {"matchLabels": ["a"]}, {"other": {}}, {"matchLabels": {"a": 1}}]
)
def test_what_is_no_label_selector_is_not_understood(raw: object) -> None:
    assert isinstance(parse_label_selector(raw), Unparsed)


def many(count: int) -> list[dict[str, Any]]:
    """Policies of both sorts, all for the pod."""
    rule = {"to": [{"ipBlock": {"cidr": "10.9.0.0/16", "except": ["10.9.1.0/24"]}}]}
    found: list[dict[str, Any]] = []
    for number in range(count // 2):
        metadata = {"name": f"p{number}", "namespace": "team"}
        spec: dict[str, Any] = {"podSelector": {"matchLabels": {"app": "web"}}, "egress": [rule]}
        found.append(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": metadata,
                "spec": {**spec, "policyTypes": ["Egress"]},
            }
        )
        rules = [{"action": "Deny", "protocol": "TCP", "destination": {"nets": ["10.8.0.0/16"]}}]
        deny = {"types": ["Egress"], "egress": rules}
        selector = f"app == 'web' && !has(gone{number}) || role in {{'a', 'client'}}"
        found.append(
            {
                "apiVersion": "projectcalico.org/v3",
                "kind": "GlobalNetworkPolicy",
                "metadata": {"name": f"g{number}"},
                "spec": {"order": number, "selector": selector, **deny},
            }
        )
    return found


def test_a_thousand_policies() -> None:
    """All of them are asked. How long 10,000 take is measured in tests/benchmarks."""
    found = answers(raw_policies(many(1_000), ["calico"]), POD)
    assert [answer.state for answer in found] == ["no"] * 4
    assert "(and 999 more)" in found[0].why
