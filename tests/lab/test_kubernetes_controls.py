"""What happens in a cluster besides the client under test."""

import json
from datetime import timedelta
from typing import Any

import pytest

from migrator.lab.kubernetes_controls import add_controls
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.principals import InstanceProfile
from tests.support.kubernetes_lab import ACCOUNT, LONG_AGO, KubernetesLab, kubernetes_lab

AWS_AUTH = "/api/v1/namespaces/kube-system/configmaps/aws-auth"


@pytest.fixture
def lab() -> KubernetesLab:
    lab = kubernetes_lab()
    add_controls(lab.world)
    return lab


def run(lab: KubernetesLab, control: str, /, **value: object) -> Any:  # noqa: ANN401 - JSON
    return lab.world.controls[control]({"cluster": "demo", **value})


def test_a_second_writer_edits_and_deletes_aws_auth(lab: KubernetesLab) -> None:
    admin = lab.admin()
    lab.ask(
        admin,
        "POST",
        AWS_AUTH.rpartition("/")[0],
        {"metadata": {"name": "aws-auth"}, "data": {"mapRoles": "a"}},
    )
    run(lab, "writeAwsAuth", data={"mapRoles": "b"}, manager="Terraform")
    found = lab.ask(admin, "GET", AWS_AUTH).body
    assert found["data"] == {"mapRoles": "b"}
    owners = {entry["manager"]: entry["fieldsV1"] for entry in found["metadata"]["managedFields"]}
    assert owners == {"Terraform": {"f:data": {"f:mapRoles": {}}}, "tests": {"f:data": {".": {}}}}
    run(lab, "writeAwsAuth", data=None)
    assert lab.ask(admin, "GET", AWS_AUTH).code == 404
    run(lab, "writeAwsAuth", data={"mapRoles": "c"})
    assert lab.ask(admin, "GET", AWS_AUTH).body["metadata"]["uid"] != found["metadata"]["uid"]


def test_any_object_can_be_put_and_deleted(lab: KubernetesLab) -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    }
    assert run(lab, "putObject", object=binding).isdecimal()
    assert (
        run(
            lab,
            "deleteObject",
            apiVersion=binding["apiVersion"],
            kind="ClusterRoleBinding",
            name="b",
        )
        is True
    )
    assert (
        run(
            lab,
            "deleteObject",
            apiVersion=binding["apiVersion"],
            kind="ClusterRoleBinding",
            name="b",
        )
        is False
    )
    with pytest.raises(ValueError, match="knows no Thing"):
        run(lab, "deleteObject", apiVersion="v1", kind="Thing", name="b")


def test_a_node_joins_when_its_role_may_log_in_as_it(lab: KubernetesLab) -> None:
    arn = lab.add_role("nodes")
    lab.world.accounts[ACCOUNT].instance_profiles["p"] = InstanceProfile(
        "arn", "p", "/", "AIPA", LONG_AGO, "nodes"
    )
    node = {"node": "ip-10-0-0-7", "instanceId": "i-0123456789abcdef7", "instanceProfile": "p"}
    assert run(lab, "joinNode", **node) == "refused"
    row = {
        "rolearn": arn,
        "username": "system:node:{{EC2PrivateDNSName}}",
        "groups": ["system:nodes"],
    }
    lab.set_aws_auth(mapRoles=json.dumps([row]))
    assert run(lab, "joinNode", **node) == "joined"
    admin = lab.admin()
    assert (
        lab.ask(admin, "GET", "/api/v1/nodes/ip-10-0-0-7").body["status"]["conditions"][0]["status"]
        == "True"
    )
    run(lab, "stopNode", node="ip-10-0-0-7")
    lab.world.clock.advance(timedelta(minutes=5))
    assert (
        lab.ask(admin, "GET", "/api/v1/nodes/ip-10-0-0-7").body["status"]["conditions"][0]["status"]
        == "Unknown"
    )
    run(lab, "startNode", node="ip-10-0-0-7")
    assert (
        lab.ask(admin, "GET", "/api/v1/nodes/ip-10-0-0-7").body["status"]["conditions"][0]["status"]
        == "True"
    )


def test_tokens_and_history_can_be_forgotten(lab: KubernetesLab) -> None:
    arn = lab.add_role("ops")
    lab.set_aws_auth(mapRoles=json.dumps([{"rolearn": arn, "username": "ops"}]))
    token = lab.token(arn)
    assert lab.who(token) is not None
    lab.set_aws_auth()
    assert lab.who(token) is not None
    run(lab, "forgetTokens")
    assert lab.who(token) is None
    run(lab, "compactHistory")
    store = lab.api.registry.store
    assert store.oldest == store.revision


def test_a_cluster_that_is_not_there_is_named(lab: KubernetesLab) -> None:
    with pytest.raises(KeyError, match="0 clusters are named other"):
        lab.world.controls["forgetTokens"]({"cluster": "other"})


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", AWS_AUTH, "cannot get resource"),
        ("GET", AWS_AUTH.rpartition("/")[0], "cannot list resource"),
        ("DELETE", AWS_AUTH, "admission webhook"),
        ("POST", AWS_AUTH.rpartition("/")[0], "admission webhook"),
    ],
)
def test_reads_are_denied_by_an_authorizer_and_writes_by_admission(
    lab: KubernetesLab, method: str, path: str, said: str
) -> None:
    """Admission never sees reads (Kubernetes documentation, "Admission Control in Kubernetes")."""
    lab.world.faults.add(Fault("kubernetes:* configmaps", "denied"))
    answer = lab.ask(lab.admin(), method, path, {"metadata": {"name": "x"}})
    assert answer.code == 403
    assert said in answer.body["message"]
