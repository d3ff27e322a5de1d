"""Pods that doctor judges unasked: controllers that write aws-auth, and the pod of the command."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.this_pod import pod_here
from migrator.errors import Failed
from migrator.model.network_policies.packets import PodPlace
from migrator.model.network_policies.raw_policies import RawPolicies
from migrator.run.pod_reach import NearPods, reach_checks
from tests.decide.reach.network_policies.table_cluster import full, raw_policies

Raw = Mapping[str, Any]
ARGO = "app.kubernetes.io/name=argocd-application-controller"
PLACE = PodPlace("team", "migrate-x1")
DENY = full(
    {
        "kubernetes": "deny",
        "spec": {"podSelector": {"matchLabels": {"cut": "off"}}, "policyTypes": ["Egress"]},
    }
)


def pod(name: str, **labels: str) -> dict[str, Any]:
    metadata = {"namespace": "team", "name": name, "labels": labels}
    return {"metadata": metadata, "spec": {"serviceAccountName": "runner", "containers": []}}


def aws_auth(manager: str) -> dict[str, Any]:
    fields = {"manager": manager, "operation": "Update", "fieldsV1": {"f:data": {}}}
    return {"metadata": {"managedFields": [fields]}, "data": {}}


@dataclass
class Policies:
    objects: Sequence[Raw] = (DENY,)

    def read(self) -> RawPolicies:
        return raw_policies(self.objects, ["vpc-cni"])


@dataclass
class Pods:
    """Pods by their label selector, and one by its name; None: they may not be read."""

    by_selector: Mapping[str, Sequence[Raw]] | None = field(default_factory=dict)
    here: Raw | None = None

    def read(self, namespace: str, name: str) -> Raw | None:
        if self.by_selector is None:
            raise Failed("kubernetes-denied", "You may not get pods.")
        assert (namespace, name) == (PLACE.namespace, PLACE.name)
        return self.here

    def labelled(self, selector: str) -> Sequence[Raw]:
        if self.by_selector is None:
            raise Failed("kubernetes-denied", "You may not list pods.")
        return self.by_selector.get(selector, ())


def found(pods: Pods, manager: str = "kubectl", here: PodPlace | None = None) -> list[list[str]]:
    """State and text of each check but the timer's."""
    checks = reach_checks(Policies(), None, NearPods(pods, here, aws_auth(manager)))
    return [[each.state, each.said] for each in checks[1:]]


def test_a_controller_that_writes_aws_auth_and_is_cut_off_is_named_with_its_policy() -> None:
    pods = Pods({ARGO: [pod("argo-0"), pod("argo-1", cut="off")]})
    ((state, said),) = found(pods, "argocd-controller")
    assert state == "warn"
    assert "cut off Argo CD" in said
    assert "team/argo-1" in said
    assert "NetworkPolicy team/deny" in said
    assert "neither restores nor overwrites" in said


def test_a_controller_that_reaches_the_api_server_is_ok() -> None:
    ((state, said),) = found(Pods({ARGO: [pod("argo-0")]}), "argocd-controller")
    assert (state, "Argo CD" in said) == ("ok", True)


@pytest.mark.parametrize("manager", ["kubectl", "terraform", "migrate"])
def test_writers_outside_of_the_cluster_are_not_looked_for(manager: str) -> None:
    assert found(Pods(None), manager) == []


def test_a_controller_without_a_pod_here_says_nothing() -> None:
    assert found(Pods(), "argocd-controller") == []


def test_pods_that_may_not_be_read_are_unknown_by_name() -> None:
    writer, own = found(Pods(None), "argocd-controller", PLACE)
    assert writer[0] == own[0] == "unknown"
    assert "Argo CD" in writer[1]
    assert "team/migrate-x1" in own[1]


def test_labels_that_may_not_be_read_decide_nothing_without_policies() -> None:
    near = NearPods(Pods(None), PLACE, aws_auth("kubectl"))
    checks = reach_checks(Policies(()), None, near)
    assert [each.state for each in checks] == ["ok"] * 5


def test_the_pod_of_the_command_is_judged_by_its_labels_and_account() -> None:
    states = [state for state, _ in found(Pods(here=pod("migrate-x1")), here=PLACE)]
    assert states == ["ok"] * 4
    cut = found(Pods(here=pod("migrate-x1", cut="off")), here=PLACE)
    assert [state for state, _ in cut] == ["fail", "fail", "warn", "warn"]
    assert "team/runner with cut=off" in cut[0][1]


def test_a_pod_of_another_cluster_is_not_judged() -> None:
    assert found(Pods(), here=PLACE) == []


def test_the_pod_is_known_by_the_downward_api_or_by_its_host_name(tmp_path: Path) -> None:
    inside = {"KUBERNETES_SERVICE_HOST": "172.20.0.1"}
    named = {"POD_NAME": "migrate-x1", "POD_NAMESPACE": "team"}
    assert pod_here({**inside, **named}, tmp_path) == PLACE
    assert pod_here(named, tmp_path) is None
    assert pod_here(inside, tmp_path) is None
    (tmp_path / "namespace").write_text("other\n")
    by_files = pod_here(inside, tmp_path)
    assert by_files is not None
    assert by_files.namespace == "other"
    assert by_files.name
