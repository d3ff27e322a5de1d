"""Where a canary pod can go, what it is, and what its state tells."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.proving.canary_pods import (
    CANARY_LABEL,
    PROFILE_LABEL,
    canary_manifest,
    is_canary,
    look_at_pod,
    places_for,
)
from migrator.model.canary_pod import CanaryPod
from migrator.model.snapshot import FargateProfile, FargateSelector

ROLE = "arn:aws:iam::111122223333:role/fargate/pods"
NAMESPACES = ("default", "kube-system", "shop", "shop-2")
REFUSAL = "Pod execution role is not found in auth config or does not have all required permissions"


def profile(
    *selectors: FargateSelector, name: str = "pods", role: str = ROLE, status: str = "ACTIVE"
) -> FargateProfile:
    return FargateProfile(name, role, status, selectors)


def places(*profiles: FargateProfile) -> list[str]:
    found = places_for(ROLE, profiles, NAMESPACES, "canary")
    assert not isinstance(found, str), found
    return [f"{pod.profile}:{pod.namespace}" for pod in found]


def test_a_pod_goes_where_a_selector_leads_and_into_kube_system_last() -> None:
    chosen = places(profile(FargateSelector("kube-system"), FargateSelector("shop*")))
    assert chosen == ["pods:shop", "pods:shop-2", "pods:kube-system"]


def test_the_role_is_found_whatever_its_path_and_spelling() -> None:
    assert places(profile(FargateSelector("shop"), role="arn:aws:iam::111122223333:role/PODS")) == [
        "pods:shop"
    ]


@pytest.mark.parametrize(
    ("profiles", "reason"),
    [
        ([], "no Fargate profile uses the role"),
        (
            [profile(FargateSelector("shop"), role="arn:aws:iam::111122223333:role/o")],
            "no Fargate profile uses the role",
        ),
        ([profile(FargateSelector("shop"), status="DELETING")], "Fargate profile pods is DELETING"),
        (
            [profile(FargateSelector("till-?"))],
            "no namespace is there that its Fargate profiles select (till-?)",
        ),
        ([profile()], "no namespace is there that its Fargate profiles select (they select none)"),
    ],
)
def test_what_keeps_a_canary_away_is_said(profiles: list[FargateProfile], reason: str) -> None:
    assert places_for(ROLE, profiles, NAMESPACES, "canary") == reason


_PATTERNS = st.text("ab-*?", min_size=1, max_size=8).filter(
    lambda text: text[0] not in "-" and text[-1] not in "-"
)


@given(_PATTERNS, _PATTERNS)
def test_the_label_matches_the_selector_that_it_is_made_for(key: str, value: str) -> None:
    found = places_for(ROLE, [profile(FargateSelector("shop", {key: value}))], ("shop",), "canary")
    assert not isinstance(found, str)
    ((made, worth),) = found[0].labels.items()
    assert fnmatchcase(made, key)
    assert fnmatchcase(worth, value)
    for text in (made, worth):
        assert not set("*?") & set(text)
        assert "-" not in (text[0], text[-1])


def test_the_pod_is_unprivileged_small_named_by_its_profile_and_ends_by_itself() -> None:
    made = canary_manifest(
        CanaryPod(ROLE, "pods", "shop", "canary", {"team": "x"}), "registry.example/pause"
    )
    assert (
        made["metadata"]["labels"] | {"team": "x", PROFILE_LABEL: "pods", CANARY_LABEL: "true"}
        == made["metadata"]["labels"]
    )
    assert is_canary(made)
    spec: Any = made["spec"]
    assert spec["activeDeadlineSeconds"] == 3600
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    (container,) = spec["containers"]
    assert container["image"] == "registry.example/pause"
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["requests"] == container["resources"]["limits"]


def test_what_a_pod_and_its_events_tell() -> None:
    blocked = {
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "False", "message": "no address free"}
            ]
        }
    }
    assert look_at_pod({"spec": {"nodeName": "fargate-1"}}, [REFUSAL]).state == "placed"
    assert look_at_pod(blocked).said == "no address free"
    assert look_at_pod(blocked, ["will retry", REFUSAL]).state == "refused"
    assert look_at_pod({"status": {}}).state == "waiting"
    assert look_at_pod({}, ["a\nb" * 400]).said.count("\n") == 0
    assert len(look_at_pod({}, ["a\nb" * 400]).said) == 256
    assert not is_canary({"metadata": {"name": "till"}})


def test_pod_says_the_last_thing_that_is_said_of_it() -> None:
    conditions = [
        {"type": "Initialized", "status": "True", "message": "never said"},
        {"type": "PodScheduled", "status": "False", "message": "no room"},
        {"type": "Ready", "status": "False", "message": " "},
    ]
    found = look_at_pod({"status": {"conditions": conditions}}, ("", "starting"))
    assert (found.state, found.said) == ("waiting", "no room")
