"""Kubelets renew their leases as long as their role may log in as their node, and leave their
logins in the logs.
"""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from migrator.lab.http_wire import Request
from migrator.lab.worlds.principals import Instance, InstanceProfile
from tests.support.kubernetes_lab import ACCOUNT, LONG_AGO, KubernetesLab, kubernetes_lab

NODE, INSTANCE = "ip-10-0-0-1.eu-central-1.compute.internal", "i-0123456789abcdef0"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NODE}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/nodes"
ROW = {
    "rolearn": ROLE,
    "username": "system:node:{{EC2PrivateDNSName}}",
    "groups": ["system:bootstrappers", "system:nodes"],
}


@pytest.fixture
def lab() -> KubernetesLab:
    lab = kubernetes_lab("API_AND_CONFIG_MAP")
    lab.world.clock.freeze()
    lab.world.settings.propagation = timedelta(0)
    lab.add_role("nodes")
    account = lab.world.accounts[ACCOUNT]
    account.instance_profiles["nodes"] = InstanceProfile(
        "arn", "nodes", "/", "AIPA", LONG_AGO, "nodes"
    )
    account.instances[INSTANCE] = Instance(INSTANCE, "eu-central-1", NODE, "nodes")
    lab.load("Node", NODE, spec={"providerID": f"aws:///eu-central-1a/{INSTANCE}"})
    lab.set_aws_auth(mapRoles=json.dumps([ROW]))
    return lab


@pytest.fixture
def admin(lab: KubernetesLab) -> str:
    return lab.admin()


def age(lab: KubernetesLab, admin: str) -> float:
    """Seconds since the lease was renewed."""
    text = lab.ask(admin, "GET", LEASE).body["spec"]["renewTime"]
    return (lab.world.now() - datetime.fromisoformat(text.replace("Z", "+00:00"))).total_seconds()


def ready(lab: KubernetesLab, admin: str) -> str:
    node = lab.ask(admin, "GET", f"/api/v1/nodes/{NODE}").body
    (condition,) = [found for found in node["status"]["conditions"] if found["type"] == "Ready"]
    return str(condition["status"])


def step(lab: KubernetesLab, seconds: float) -> None:
    lab.world.clock.advance(timedelta(seconds=seconds))


def messages(lab: KubernetesLab, stream: str) -> list[str]:
    return [
        line.message
        for line in lab.cluster.logs.between(None, None)
        if line.stream.startswith(stream)
    ]


def kubelet_events(lab: KubernetesLab) -> list[dict[str, Any]]:
    events = [json.loads(message) for message in messages(lab, "kube-apiserver-audit")]
    return [event for event in events if event["user"]["username"].startswith("system:node:")]


def test_a_lease_is_never_older_than_ten_seconds_while_all_is_well(
    lab: KubernetesLab, admin: str
) -> None:
    for seconds in (0, 3, 7, 10, 61, 3600, 86400):
        step(lab, seconds)
        assert 0 <= age(lab, admin) <= 10
        assert ready(lab, admin) == "True"


def test_a_node_without_a_mapping_goes_stale_and_comes_back(lab: KubernetesLab, admin: str) -> None:
    assert age(lab, admin) <= 10
    step(lab, 100)
    lab.set_aws_auth()
    step(lab, 100)
    assert 100 <= age(lab, admin) <= 110
    assert ready(lab, admin) == "Unknown"
    lab.set_aws_auth(mapRoles=json.dumps([ROW]))
    step(lab, 20)
    assert age(lab, admin) <= 10
    assert ready(lab, admin) == "True"


def test_what_happened_between_two_looks_is_known(lab: KubernetesLab, admin: str) -> None:
    assert age(lab, admin) <= 10
    step(lab, 60)
    lab.set_aws_auth()
    step(lab, 600)
    lab.set_aws_auth(mapRoles=json.dumps([ROW]))
    step(lab, 60)
    lab.set_aws_auth()
    step(lab, 300)
    assert 300 <= age(lab, admin) <= 310
    said = [
        line.split('msg="')[1].split('"')[0]
        for line in messages(lab, "authenticator")
        if 'msg="access' in line
    ]
    assert said == ["access granted", "access denied", "access granted", "access denied"]


def test_an_entry_takes_over_and_the_audit_log_shows_whose_groups(
    lab: KubernetesLab, admin: str
) -> None:
    assert age(lab, admin) <= 10
    (first,) = kubelet_events(lab)
    assert first["user"]["username"] == f"system:node:{NODE}"
    assert first["user"]["groups"] == [
        "system:bootstrappers",
        "system:nodes",
        "system:authenticated",
    ]
    assert first["user"]["extra"]["arn"] == [
        f"arn:aws:sts::{ACCOUNT}:assumed-role/nodes/{INSTANCE}"
    ]
    assert first["objectRef"]["resource"] == "leases"
    step(lab, 30)
    lab.add_entry(
        ROLE, "system:node:{{EC2PrivateDNSName}}", ["system:nodes"], delay=timedelta(seconds=20)
    )
    step(lab, 60)
    assert age(lab, admin) <= 10
    events = kubelet_events(lab)
    assert events[-1]["user"]["groups"] == ["system:nodes", "system:authenticated"]
    assert len(events) == 2


def test_an_entry_of_the_wrong_name_stops_the_node(lab: KubernetesLab, admin: str) -> None:
    assert age(lab, admin) <= 10
    lab.add_entry(ROLE, "nodes:{{SessionName}}", ["system-nodes"])
    step(lab, 120)
    assert age(lab, admin) > 100


def test_a_token_is_taken_anew_every_14_minutes(lab: KubernetesLab, admin: str) -> None:
    age(lab, admin)
    step(lab, 3600)
    assert (
        len([line for line in messages(lab, "authenticator") if "access granted" in line])
        == 1 + 3600 // 840
    )
    stamps = [event["requestReceivedTimestamp"] for event in kubelet_events(lab)]
    assert stamps == sorted(stamps)


def test_a_stopped_node_renews_nothing_until_it_is_started(lab: KubernetesLab, admin: str) -> None:
    assert age(lab, admin) <= 10
    lab.api.kubelets.stop(NODE)
    step(lab, 60)
    assert age(lab, admin) >= 60
    assert ready(lab, admin) == "Unknown"
    lab.api.kubelets.start(NODE)
    step(lab, 1)
    assert age(lab, admin) <= 11


def test_a_fargate_node_logs_in_as_the_profiles_role(lab: KubernetesLab, admin: str) -> None:
    arn = lab.add_role("fargate")
    name = "fargate-ip-10-0-0-9.eu-central-1.compute.internal"
    lab.cluster.fargate_profiles["p"] = {"podExecutionRoleArn": arn}
    lab.load("Node", name, spec={"providerID": f"aws:///eu-central-1a/0a1b-2c3d/{name}"})
    row = {"rolearn": arn, "username": "system:node:{{SessionName}}", "groups": ["system:nodes"]}
    lab.set_aws_auth(mapRoles=json.dumps([ROW, row]))
    assert lab.ask(admin, "GET", LEASE.replace(NODE, name)).code == 200


def fargate_pod(lab: KubernetesLab, admin: str, **labels: str) -> dict[str, Any]:
    """A pod in the profile's namespace, as it looks a little later."""
    body = {
        "metadata": {"name": "canary", "labels": labels},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
    }
    assert lab.ask(admin, "POST", "/api/v1/namespaces/reports/pods", body).code == 201
    step(lab, 15)
    found: dict[str, Any] = lab.ask(admin, "GET", "/api/v1/namespaces/reports/pods/canary").body
    return found


def profile(lab: KubernetesLab) -> dict[str, Any]:
    """A Fargate profile for pods of one label; its role's row."""
    arn = lab.add_role("fargate")
    lab.load("Namespace", "reports")
    selectors = [{"namespace": "reports", "labels": {"on": "fargate"}}]
    lab.cluster.fargate_profiles["p"] = {
        "podExecutionRoleArn": arn,
        "selectors": selectors,
        "status": "ACTIVE",
    }
    return {"rolearn": arn, "username": "system:node:{{SessionName}}", "groups": ["system:nodes"]}


def test_a_fargate_pod_runs_on_a_node_of_its_own_while_its_role_may_log_in(
    lab: KubernetesLab, admin: str
) -> None:
    lab.set_aws_auth(mapRoles=json.dumps([ROW, profile(lab)]))
    pod = fargate_pod(lab, admin, on="fargate")
    assert pod["status"]["phase"] == "Running"
    node = pod["spec"]["nodeName"]
    assert node.startswith("fargate-ip-")
    assert lab.ask(admin, "GET", LEASE.replace(NODE, node)).code == 200
    assert lab.ask(admin, "DELETE", "/api/v1/namespaces/reports/pods/canary").code == 200
    assert lab.ask(admin, "GET", f"/api/v1/nodes/{node}").code == 404


def test_a_fargate_pod_waits_and_says_why_until_its_role_may_log_in(
    lab: KubernetesLab, admin: str
) -> None:
    row = profile(lab)
    pod = fargate_pod(lab, admin, on="fargate")
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["conditions"][0]["message"].startswith(
        "Pod execution role is not found in auth config"
    )
    lab.set_aws_auth(mapRoles=json.dumps([ROW, row]))
    step(lab, 15)
    assert (
        lab.ask(admin, "GET", "/api/v1/namespaces/reports/pods/canary").body["status"]["phase"]
        == "Running"
    )


def test_a_pod_that_no_profile_selects_is_left_alone(lab: KubernetesLab, admin: str) -> None:
    lab.set_aws_auth(mapRoles=json.dumps([ROW, profile(lab)]))
    assert "status" not in fargate_pod(lab, admin, on="nodes")


def test_a_node_whose_role_nobody_knows_has_no_lease(lab: KubernetesLab, admin: str) -> None:
    lab.load("Node", "stranger", spec={"providerID": "gce:///x/y"})
    assert lab.ask(admin, "GET", LEASE.replace(NODE, "stranger")).code == 404


def test_a_watch_on_leases_sees_renewals(lab: KubernetesLab, admin: str) -> None:
    age(lab, admin)
    version = str(lab.api.registry.store.revision)
    path = LEASE.rpartition("/")[0]
    headers = {"authorization": [f"Bearer {admin}"]}
    query = f"watch=1&resourceVersion={version}&timeoutSeconds=3"
    chunks = lab.api.handle(Request("GET", path, query, headers, b"", "x:1")).chunks
    assert chunks is not None
    assert next(chunks) == b""
    step(lab, 30)
    event = json.loads(next(chunk for chunk in chunks if chunk))
    assert (event["type"], event["object"]["metadata"]["name"]) == ("MODIFIED", NODE)
    lab.api.stop()
