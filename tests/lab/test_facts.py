"""The table of facts names tests that exist; and the facts that no other test shows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.server import Lab
from migrator.lab.worlds.world_copies import world_from_snapshot
from migrator.model.access_entry import AccessScope
from tests.support.aws_lab import (
    HOME,
    NODES,
    Client,
    client,
    error_of,
    serving,
    small_world,
    switch_to_entries,
)
from tests.support.kubernetes_lab import KubernetesLab, kubernetes_lab
from tests.support.tables import functions_of_tests, table_rows

TABLE = Path(__file__).with_name("facts.md")
REVIEWS = "/apis/authorization.k8s.io/v1"
CAPABILITY = f"arn:aws:iam::{HOME}:role/web"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    capabilities = [{"capabilityName": "argocd", "type": "ARGOCD", "roleArn": CAPABILITY}]
    with serving(small_world(capabilities=capabilities), tmp_path) as running:
        switch_to_entries(running)
        yield running


@pytest.fixture
def cluster() -> KubernetesLab:
    return kubernetes_lab("API_AND_CONFIG_MAP")


def test_every_fact_has_tests_that_exist() -> None:
    facts = {fact: [test.strip() for test in tests.split(",")] for fact, tests in table_rows(TABLE)}
    known = functions_of_tests()
    missing = {fact: [test for test in tests if test not in known] for fact, tests in facts.items()}
    assert {fact: tests for fact, tests in missing.items() if tests} == {}
    assert len(facts) == len(table_rows(TABLE)) > 60
    assert all(re.fullmatch(r"test_\w+", test) for tests in facts.values() for test in tests)


# entries


def test_an_entry_changes_its_type_by_being_made_anew(lab: Lab) -> None:
    eks: Client = client(lab, "eks")
    entry = {"clusterName": "demo", "principalArn": NODES}
    eks.create_access_entry(**entry, type="STANDARD")
    assert (
        "type"
        not in eks.meta.service_model.operation_model("UpdateAccessEntry").input_shape.members
    )
    assert (
        error_of(eks.create_access_entry, **entry, type="EC2_LINUX")[0] == "ResourceInUseException"
    )
    eks.delete_access_entry(**entry)
    assert eks.create_access_entry(**entry, type="EC2_LINUX")["accessEntry"]["type"] == "EC2_LINUX"


def test_entries_of_capabilities_have_no_groups_and_may_be_given_some(lab: Lab) -> None:
    eks: Client = client(lab, "eks")
    entry = {"clusterName": "demo", "principalArn": CAPABILITY}
    shown = eks.describe_access_entry(**entry)["accessEntry"]
    assert (shown["type"], shown["kubernetesGroups"]) == ("STANDARD", [])
    changed = eks.update_access_entry(**entry, kubernetesGroups=["argocd"])["accessEntry"]
    assert (changed["kubernetesGroups"], changed["username"]) == (["argocd"], shown["username"])


def test_auto_modes_node_entry_is_untouchable_in_a_copy(tmp_path: Path) -> None:
    arn = f"arn:aws:eks:eu-central-1:{HOME}:cluster/c"
    config = {"authenticationMode": "API"}
    raw: dict[str, Any] = {
        "format": "migrator/snapshot/v1",
        "cluster": {
            "name": "c",
            "arn": arn,
            "accessConfig": config,
            "computeConfig": {"nodeRoleArn": NODES},
        },
        "iam": {
            "principals": [{"arn": NODES, "id": "AROANODES", "createDate": "2024-01-01T00:00:00Z"}]
        },
        "accessEntries": [
            {"principalArn": NODES, "type": "EC2", "createdAt": "2025-01-01T00:00:00Z"}
        ],
    }
    world = world_from_snapshot(raw).world
    with serving(world, tmp_path) as copy:
        assert world.settings.operator is not None
        eks: Client = client(copy, "eks", world.settings.operator)
        entry = {"clusterName": "c", "principalArn": NODES}
        assert eks.describe_access_entry(**entry)["accessEntry"]["type"] == "EC2"
        assert error_of(eks.delete_access_entry, **entry)[0] == "InvalidRequestException"


def test_a_users_session_name_renders_to_nothing(cluster: KubernetesLab) -> None:
    arn = cluster.add_user("alice", "/people/")
    cluster.add_entry(arn, "people:{{SessionName}}")
    found = cluster.who(cluster.token(arn))
    assert found is not None
    assert found["username"] == "people:"


# access policies

EVERYWHERE, TEAM = AccessScope(), AccessScope("namespace", ("team-*",))
# (policy, scope, verb, resource, API group, namespace, allowed): the user guide's "Review access
# policy permissions".
RIGHTS: list[tuple[str, AccessScope, str, str, str, str, bool]] = [
    ("View", EVERYWHERE, "get", "pods", "", "team-a", True),
    ("View", EVERYWHERE, "get", "secrets", "", "team-a", False),
    ("View", EVERYWHERE, "list", "namespaces", "", "", True),
    ("View", EVERYWHERE, "list", "nodes", "", "", False),
    ("Edit", EVERYWHERE, "create", "deployments", "apps", "team-a", True),
    ("Edit", EVERYWHERE, "create", "pods/eviction", "", "team-a", False),
    ("Edit", EVERYWHERE, "create", "serviceaccounts/token", "", "team-a", False),
    ("Edit", EVERYWHERE, "get", "leases", "coordination.k8s.io", "team-a", False),
    ("Edit", EVERYWHERE, "create", "rolebindings", "rbac.authorization.k8s.io", "team-a", False),
    ("Admin", EVERYWHERE, "create", "rolebindings", "rbac.authorization.k8s.io", "team-a", True),
    ("Admin", EVERYWHERE, "create", "pods/eviction", "", "team-a", False),
    ("Admin", EVERYWHERE, "get", "persistentvolumes", "", "", False),
    ("AdminView", EVERYWHERE, "get", "secrets", "", "team-a", True),
    ("AdminView", EVERYWHERE, "list", "nodes", "", "", True),
    ("AdminView", EVERYWHERE, "get", "things", "example.com", "team-a", True),
    ("AdminView", EVERYWHERE, "create", "pods", "", "team-a", False),
    ("AdminView", EVERYWHERE, "get", "/metrics", "", "", False),
    ("ClusterAdmin", EVERYWHERE, "get", "/metrics", "", "", True),
    ("ClusterAdmin", EVERYWHERE, "escalate", "clusterroles", "rbac.authorization.k8s.io", "", True),
    ("ClusterAdmin", TEAM, "delete", "secrets", "", "team-a", True),
    ("ClusterAdmin", TEAM, "create", "things", "example.com", "team-b", True),
    ("ClusterAdmin", TEAM, "delete", "secrets", "", "other", False),
    ("ClusterAdmin", TEAM, "list", "nodes", "", "", False),
    ("ClusterAdmin", TEAM, "get", "/metrics", "", "", False),
]


@pytest.mark.parametrize(
    ("policy", "scope", "verb", "resource", "group", "namespace", "allowed"), RIGHTS
)
def test_a_policy_allows_what_its_table_says_and_no_more(
    cluster: KubernetesLab,
    policy: str,
    scope: AccessScope,
    verb: str,
    resource: str,
    group: str,
    namespace: str,
    allowed: bool,
) -> None:
    arn = cluster.add_role("holder")
    cluster.add_entry(arn, "holder", [], [(f"AmazonEKS{policy}Policy", scope)])
    name, _, part = resource.partition("/") if not resource.startswith("/") else (resource, "", "")
    inside = {
        "verb": verb,
        "resource": name,
        "subresource": part,
        "group": group,
        "namespace": namespace,
    }
    asked = (
        {"nonResourceAttributes": {"verb": verb, "path": resource}}
        if resource.startswith("/")
        else {}
    )
    spec = asked or {"resourceAttributes": inside}
    answer = cluster.ask(
        cluster.token(arn), "POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": spec}
    )
    assert answer.body["status"]["allowed"] is allowed


def test_a_policy_does_not_aggregate(cluster: KubernetesLab) -> None:
    """A role that the built-in edit takes in is in force by RBAC, and not by the policy of that
    name.
    """
    rules = [{"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}]
    metadata = {"name": "things", "labels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}}
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    cluster.api.registry.load({**kind, "metadata": metadata, "rules": rules})
    by_policy, by_group = cluster.add_role("by-policy"), cluster.add_role("by-group")
    cluster.add_entry(by_policy, "by-policy", [], [("AmazonEKSEditPolicy", AccessScope())])
    cluster.add_entry(by_group, "by-group", ["editors"])
    cluster.bind("edit", "Group:editors")
    answers = [
        cluster.can(cluster.token(arn), "get", "things", "team", "example.com")["allowed"]
        for arn in (by_group, by_policy)
    ]
    assert answers == [True, False]


def test_masters_list_everything_and_holders_of_the_policy_next_to_nothing(
    cluster: KubernetesLab,
) -> None:
    master, holder = cluster.add_role("master"), cluster.add_role("holder")
    cluster.set_aws_auth(
        mapRoles=json.dumps([{"rolearn": master, "username": "m", "groups": ["system:masters"]}])
    )
    cluster.add_entry(holder, "h", ["team"], [("AmazonEKSClusterAdminPolicy", AccessScope())])
    found = []
    for arn in (master, holder):
        token = cluster.token(arn)
        body = {"spec": {"namespace": "default"}}
        status = cluster.ask(token, "POST", f"{REVIEWS}/selfsubjectrulesreviews", body).body[
            "status"
        ]
        user = cluster.who(token)
        assert user is not None
        everything = any(
            rule["verbs"] == ["*"] and rule["resources"] == ["*"]
            for rule in status["resourceRules"]
        )
        found.append(
            (everything, sorted(user["groups"]), cluster.can(token, "delete", "nodes")["allowed"])
        )
    assert found == [
        (True, ["system:authenticated", "system:masters"], True),
        (False, ["system:authenticated", "team"], True),
    ]
