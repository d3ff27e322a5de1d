"""Access at any moment: what the authenticator and the authorizers say, and will say, by all that
is done.
"""

import gzip
import json
from datetime import timedelta
from pathlib import Path

import pytest

from migrator.model.access_entry import AccessScope
from migrator.model.rbac import AccessRequest
from tests.support.kubernetes_lab import KubernetesLab, kubernetes_lab

NODES = AccessRequest("get", "", "nodes")
SECONDS = timedelta(seconds=1)


@pytest.fixture
def lab() -> KubernetesLab:
    lab = kubernetes_lab("API_AND_CONFIG_MAP")
    lab.world.clock.freeze()
    return lab


def timeline(lab: KubernetesLab, arn: str, offsets: list[int]) -> list[tuple[str | None, bool]]:
    """Username and access to nodes at seconds from now."""
    caller = lab.world.caller_of(lab.world.credentials_of(arn, "s"))
    assert caller is not None
    found: list[tuple[str | None, bool]] = []
    for offset in offsets:
        moment = lab.world.now() + offset * SECONDS
        user = lab.api.user_at(caller, moment)
        allowed = user is not None and lab.api.authorizer.decide(user, NODES, moment=moment).allowed
        found.append((user.username if user else None, allowed))
    return found


@pytest.mark.parametrize(
    ("version", "verbs", "refused"),
    [
        ("1.34", ["get"], False),
        ("1.35", ["get"], True),
        ("1.35", ["get", "create"], False),
        ("1.36", ["get"], True),
    ],
)
def test_stream_into_a_pod_needs_create_from_1_35_on(
    version: str, verbs: list[str], refused: bool, lab: KubernetesLab
) -> None:
    lab.cluster.version = version
    arn = lab.add_role("debugger")
    lab.add_entry(arn, "debugger", ["debuggers"])
    rule = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": verbs}
    lab.load("ClusterRole", "debug", rules=[rule])
    lab.bind("debug", "Group:debuggers")
    answer = lab.ask(lab.token(arn), "GET", "/api/v1/namespaces/default/pods/web/exec")
    assert (answer.code == 403) == refused
    if refused:
        assert 'cannot create resource "pods/exec"' in answer.body["message"]


def test_the_gap_between_entry_and_policy_is_seen_before_and_after_it_happens(
    lab: KubernetesLab,
) -> None:
    arn = lab.add_role("ops")
    lab.set_aws_auth(
        mapRoles=json.dumps([{"rolearn": arn, "username": "row", "groups": ["system:masters"]}])
    )
    lab.world.clock.advance(10 * SECONDS)
    lab.add_entry(arn, "entry", [], delay=2 * SECONDS)
    lab.add_entry(
        arn, "entry", [], [("AmazonEKSClusterAdminPolicy", AccessScope())], delay=5 * SECONDS
    )
    expected = [
        (None, False),
        ("row", True),
        ("row", True),
        ("entry", False),
        ("entry", False),
        ("entry", True),
    ]
    assert timeline(lab, arn, [-11, -10, 1, 2, 4, 5]) == expected
    lab.world.clock.advance(20 * SECONDS)
    assert timeline(lab, arn, [-31, -30, -19, -18, -16, -15]) == expected


def test_rbac_as_it_was_can_be_asked(lab: KubernetesLab) -> None:
    arn = lab.add_role("dev")
    lab.add_entry(arn, "dev")
    caller = lab.world.caller_of(lab.world.credentials_of(arn, "s"))
    assert caller is not None
    user = lab.api.user_at(caller, lab.world.now())
    assert user is not None
    before = lab.api.authorizer.rbac
    lab.bind("cluster-admin", "User:dev")
    assert lab.api.authorizer.decide(user, NODES).allowed
    assert not lab.api.authorizer.decide(user, NODES, rbac=before).allowed


def test_judging_leaves_no_trace_in_the_logs(lab: KubernetesLab) -> None:
    arn = lab.add_role("dev")
    timeline(lab, arn, [0])
    assert len(lab.cluster.logs) == 0


def test_contradicting_rows_are_judged_by_the_first(lab: KubernetesLab) -> None:
    arn = lab.add_user("carol")
    rows = [
        {"userarn": arn, "username": "one"},
        {"userarn": arn.replace("carol", "Carol"), "username": "two"},
    ]
    lab.set_aws_auth(mapUsers=json.dumps(rows))
    assert timeline(lab, arn, [0, 0, 0]) == [("one", False)] * 3


def test_nodes_of_a_copy_may_read_what_their_pods_name_in_every_way(lab: KubernetesLab) -> None:
    arn = lab.add_role("nodes")
    lab.set_aws_auth(
        mapRoles=json.dumps(
            [{"rolearn": arn, "username": "system:node:n", "groups": ["system:nodes"]}]
        )
    )
    token = lab.token(arn)
    container = {
        "envFrom": [{"configMapRef": {"name": "all"}}],
        "env": [
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}},
            {"name": "Y", "value": "z"},
        ],
    }
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "disk"}}]
    spec = {
        "nodeName": "n",
        "containers": [container],
        "volumes": volumes,
        "imagePullSecrets": [{"name": "pull"}],
    }
    lab.load("Pod", "p", "team", spec=spec)

    def may_read(resource: str, name: str) -> bool:
        return bool(lab.can(token, "get", resource, "team", name=name)["allowed"])

    for resource, name in (
        ("configmaps", "all"),
        ("secrets", "one"),
        ("secrets", "pull"),
        ("persistentvolumeclaims", "disk"),
    ):
        assert may_read(resource, name), name
        assert not may_read(resource, "other")


def test_every_recorded_access_review_is_answered_alike() -> None:
    recorded = json.loads(
        gzip.decompress((Path(__file__).parents[1] / "data" / "vectors-rbac.json.gz").read_bytes())
    )
    kinds = {
        "clusterroles": "ClusterRole",
        "clusterrolebindings": "ClusterRoleBinding",
        "roles": "Role",
        "rolebindings": "RoleBinding",
    }
    objects = [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kinds[plural], **found}
        for plural, items in recorded["objects"].items()
        for found in items
    ]
    lab = kubernetes_lab(objects=objects)
    admin = lab.admin()
    different = []
    for user, groups, attributes, allowed in recorded["sars"]:
        spec = {"user": user, "groups": groups}
        key = "nonResourceAttributes" if "path" in attributes else "resourceAttributes"
        answer = lab.ask(
            admin,
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {"spec": {**spec, key: attributes}},
        )
        if answer.body["status"]["allowed"] is not allowed:
            different.append((user, groups, attributes, allowed))
    assert len(recorded["sars"]) == 1000
    assert different == []
