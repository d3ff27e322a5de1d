"""Leases, nodes and roles over the wire; what may not be read is unknown, and Fargate nodes find
their profile.
"""

from collections.abc import Callable
from typing import Any

import pytest

from migrator.adapters.node_health import KubernetesNodeHealth
from migrator.errors import MigratorError
from tests.support.small_lab import ACCOUNT, NODES, REGION, SmallLab

Start = Callable[..., SmallLab]
PODS, BATCH = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("nodes", "closed"))


def fargate(number: int) -> dict[str, Any]:
    name = f"fargate-ip-10-0-9-{number}.{REGION}.compute.internal"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"eks.amazonaws.com/compute-type": "fargate"}},
        "spec": {"providerID": f"aws:///{REGION}a/0a1b-2c3d/{name}"},
    }


def pod(number: int, profile: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{number}",
            "namespace": "default",
            "labels": {"eks.amazonaws.com/fargate-profile": profile},
        },
        "spec": {"nodeName": f"fargate-ip-10-0-9-{number}.{REGION}.compute.internal"},
    }


def profile(name: str, role: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"fargateProfileName": name, "podExecutionRoleArn": role, "status": "ACTIVE", **fields}


def health(lab: SmallLab, *profiles: dict[str, Any]) -> KubernetesNodeHealth:
    return KubernetesNodeHealth(lab.kubernetes, lab.principals, lambda: profiles, lab.tasks)


def test_a_node_comes_with_its_lease_and_the_role_of_its_instance(lab: SmallLab) -> None:
    (node,) = health(lab).read().nodes
    assert node.role_arn == NODES
    assert node.fresh(lab.lab.world.now())
    assert not node.leaving
    assert node.system == "linux"


def test_a_cordoned_node_is_on_its_way_out(start_lab: Start) -> None:
    cordoned = {**fargate(1), "spec": {"providerID": "x", "unschedulable": True}}
    found = {node.name: node for node in health(start_lab(objects=(cordoned,))).read().nodes}
    assert [node.leaving for _, node in sorted(found.items())] == [True, False]


def test_one_role_for_all_profiles_is_the_role_of_every_fargate_node(start_lab: Start) -> None:
    found = health(start_lab(objects=(fargate(1),)), profile("a", PODS), profile("b", PODS)).read()
    (node,) = (node for node in found.nodes if node.compute == "fargate")
    assert node.role_arn == PODS


def test_with_several_roles_the_pod_on_the_node_names_its_profile(start_lab: Start) -> None:
    objects = (fargate(1), fargate(2), fargate(3), pod(1, "a"), pod(2, "b"))
    found = health(start_lab(objects=objects), profile("a", PODS), profile("b", BATCH)).read()
    roles = [
        node.role_arn
        for node in sorted(found.nodes, key=lambda node: node.name)
        if node.compute == "fargate"
    ]
    assert roles == [PODS, BATCH, None]


def test_issues_of_a_profile_are_told(lab: SmallLab) -> None:
    sick = profile("a", PODS, health={"issues": [{"code": "AccessDenied", "message": "no"}]})
    found = (
        health(lab, sick, profile("b", PODS), profile("c", PODS, status="DELETING")).read().profiles
    )
    assert [(each.name, each.healthy) for each in found] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
    assert found[0].issues == ("AccessDenied: no",)


def test_instances_that_may_not_be_read_leave_the_role_unknown(lab: SmallLab) -> None:
    operator = lab.lab.world.principal(lab.lab.world.settings.operator or "")
    assert operator is not None
    operator.permissions.denied = ("ec2:*",)
    (node,) = health(lab).read().nodes
    assert (node.role_arn, node.renewed is not None) == (None, True)


def test_leases_that_may_not_be_read_are_an_error(lab: SmallLab) -> None:
    from migrator.adapters.eks_token import TokenMint
    from migrator.adapters.kubernetes_client import KubernetesClient, MintedLogin

    alice = KubernetesClient(
        lab.wire,
        MintedLogin(
            TokenMint(
                lab.session.with_profile(lab.profile(f"arn:aws:iam::{ACCOUNT}:user/people/alice")),
                "prod",
            )
        ),
    )
    with pytest.raises(MigratorError) as caught:
        KubernetesNodeHealth(alice, lab.principals, list, lab.tasks).read()
    assert caught.value.code == "kubernetes-denied"
