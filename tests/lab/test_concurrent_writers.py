"""Faults that other people make, on a schedule: a second writer of aws-auth, a node that stops."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.errors import Failed
from migrator.lab.kubernetes.cluster_api import kubernetes_api
from migrator.lab.kubernetes_controls import _one_row_more, add_controls
from migrator.lab.lab_client import control
from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.principals import Instance, InstanceProfile
from tests.support.aws_lab import client, serving, small_world
from tests.support.kubernetes_lab import ACCOUNT, LONG_AGO, Json, KubernetesLab, kubernetes_lab

CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
AWS_AUTH = f"{CONFIG_MAPS}/aws-auth"
READ, WRITE = "kubernetes:get configmaps", "kubernetes:update configmaps"
ROW = {"rolearn": f"arn:aws:iam::{ACCOUNT}:role/ops", "username": "ops", "groups": ["a"]}
NODE, INSTANCE = "ip-10-0-0-1.eu-central-1.compute.internal", "i-0123456789abcdef0"


@pytest.fixture
def lab() -> KubernetesLab:
    lab = kubernetes_lab()
    add_controls(lab.world)
    lab.set_aws_auth(mapRoles=json.dumps([ROW]))
    return lab


@pytest.fixture
def admin(lab: KubernetesLab) -> str:
    return lab.admin()


def found(lab: KubernetesLab, admin: str) -> Json:
    answer = lab.ask(admin, "GET", AWS_AUTH)
    assert answer.code == 200, answer
    body: Json = answer.body
    return body


def test_an_edit_just_before_a_write_makes_it_a_conflict(lab: KubernetesLab, admin: str) -> None:
    """The second of two writes is hit: read, then somebody else writes, then we write what we have
    read.
    """
    lab.world.faults.add(Fault(WRITE, "second-writer", skip=1, times=1))
    ours = found(lab, admin)
    assert lab.ask(admin, "PUT", AWS_AUTH, ours | {"data": {"mapRoles": "[]"}}).code == 200
    ours = found(lab, admin)
    answer = lab.ask(admin, "PUT", AWS_AUTH, ours | {"data": {"mapUsers": "[]"}})
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    theirs = found(lab, admin)
    assert theirs["metadata"]["uid"] == ours["metadata"]["uid"]
    assert "second-writer-0" in theirs["data"]["mapRoles"]
    assert lab.ask(admin, "PUT", AWS_AUTH, theirs).code == 200


def test_an_edit_leaves_everybody_elses_row(lab: KubernetesLab, admin: str) -> None:
    lab.world.faults.add(Fault(READ, "second-writer", times=2))
    found(lab, admin)
    rows = read_aws_auth(found(lab, admin)["data"]).rows
    assert [row.username for row in rows] == ["ops", "second-writer-1", "second-writer-2"]


def test_a_config_map_made_again_has_another_uid_and_the_same_rows(
    lab: KubernetesLab, admin: str
) -> None:
    before = found(lab, admin)
    lab.world.faults.add(Fault(WRITE, "second-writer", times=1, change="recreate"))
    answer = lab.ask(admin, "PUT", AWS_AUTH, before)
    assert answer.code == 409
    after = found(lab, admin)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["data"] == before["data"]


def test_a_config_map_can_be_gone_when_it_is_written(lab: KubernetesLab, admin: str) -> None:
    before = found(lab, admin)
    lab.world.faults.add(Fault(WRITE, "second-writer", times=1, change="delete"))
    assert lab.ask(admin, "PUT", AWS_AUTH, before).code == 404


def test_a_node_stops_before_the_call_that_looks_at_it(lab: KubernetesLab, admin: str) -> None:
    lab.world.clock.freeze()
    lab.add_role("nodes")
    account = lab.world.accounts[ACCOUNT]
    account.instance_profiles["nodes"] = InstanceProfile(
        "arn", "nodes", "/", "AIPA", LONG_AGO, "nodes"
    )
    account.instances[INSTANCE] = Instance(INSTANCE, "eu-central-1", NODE, "nodes")
    lab.load("Node", NODE, spec={"providerID": f"aws:///eu-central-1a/{INSTANCE}"})
    groups = ["system:bootstrappers", "system:nodes"]
    row = {
        **ROW,
        "rolearn": f"arn:aws:iam::{ACCOUNT}:role/nodes",
        "username": "system:node:{{EC2PrivateDNSName}}",
    }
    lab.set_aws_auth(mapRoles=json.dumps([{**row, "groups": groups}]))
    lab.world.faults.add(Fault("kubernetes:list nodes", "node-stops", skip=1, times=1, node=NODE))
    states = []
    for _ in range(3):
        (node,) = lab.ask(admin, "GET", "/api/v1/nodes").body["items"]
        states += [one["status"] for one in node["status"]["conditions"] if one["type"] == "Ready"]
        lab.world.clock.advance(timedelta(seconds=60))
    assert states == ["True", "True", "Unknown"]


@given(
    st.sampled_from(
        [
            "",
            "[]",
            "- {rolearn: 'arn:aws:iam::1:role/a', username: a}\n",
            "  - rolearn: arn:aws:iam::1:role/a\n    username: a\n\n",
            '[{"rolearn": "arn:aws:iam::1:role/a"}]',
            '[{"rolearn": "arn:aws:iam::1:role/a"},\n]\n',
            "# only a comment\n",
            "- rolearn: [broken\n",
            "\t- tab\n",
            "text",
        ]
    ),
    st.integers(1, 3),
)
def test_an_edit_changes_any_text_and_loses_no_row(text: str, times: int) -> None:
    for _ in range(times):
        before = read_aws_auth({"mapRoles": text})
        text, old = _one_row_more({"mapRoles": text}, "arn:aws:iam::1:role"), text
        after = read_aws_auth({"mapRoles": text})
        assert text != old
        assert len(after.rows) in (len(before.rows), len(before.rows) + 1)
        assert [row.arn for row in after.rows][: len(before.rows)] == [
            row.arn for row in before.rows
        ]


# over the control API


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": "nonsense"}, "known are latency, throttle"),
        ({"kind": "throttle", "probability": 1.5}, "from 0 to 1"),
        ({"kind": "throttle", "probability": "often"}, "must be a number"),
        ({"kind": "throttle", "times": -1}, "of at least 0"),
        ({"kind": "error", "status": 404}, "from 500 to 599"),
        ({"kind": "update-fails", "outcome": "Successful"}, "known are Failed, Cancelled"),
        ({"kind": "second-writer", "change": "improve"}, "known are edit, recreate, delete"),
        ({"kind": "second-writer", "cluster": "none"}, "known are demo"),
        ({"kind": "node-stops"}, "node=NAME"),
        ({"kind": "stale-read"}, "seconds=N"),
        (
            {"kind": "reset", "operation": "eks:CreateAccesEntry"},
            "did you mean eks:CreateAccessEntry",
        ),
        ({"kind": "reset", "operation": "nothing"}, "names are like eks:ListClusters"),
        ({"kind": "reset", "operation": "EKS:*"}, "no call of the lab is named EKS:*"),
    ],
)
def test_a_fault_that_could_never_strike_is_refused(
    served: Lab, tmp_path: Path, wrong: dict[str, object], told: str
) -> None:
    with pytest.raises(Failed) as refusal:
        control(tmp_path, "POST", "fault", {"operation": "eks:*", **wrong})
    assert refusal.value.code == "lab-refused"
    assert told in str(refusal.value.why)
    assert control(tmp_path, "GET", "fault")["faults"] == []


@pytest.mark.parametrize(
    "operation", ["*", "?*", "eks:*", "*:List*", "sso:*", "kubernetes:get x", "k*", "logs:F*"]
)
def test_every_name_that_a_call_can_have_is_taken(
    served: Lab, tmp_path: Path, operation: str
) -> None:
    control(tmp_path, "POST", "fault", {"operation": operation, "kind": "reset", "times": 0})
    assert [fault["operation"] for fault in control(tmp_path, "GET", "fault")["faults"]] == [
        operation
    ]


def test_a_call_of_aws_can_be_the_moment_at_which_somebody_writes(
    served: Lab, tmp_path: Path
) -> None:
    control(
        tmp_path,
        "POST",
        "fault",
        {"operation": "eks:ListClusters", "kind": "second-writer", "times": 1},
    )
    cluster = served.world.cluster("demo")
    client(served, "eks").list_clusters()
    client(served, "eks").list_clusters()
    store = kubernetes_api(served.world, cluster).registry.store
    written = store.get(("", "configmaps"), "kube-system", "aws-auth")
    assert written is not None
    assert [row.username for row in read_aws_auth(written["data"]).rows] == ["second-writer-0"]
