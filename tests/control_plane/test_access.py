"""What a login may do: RBAC, access policies beside it, and who cannot see the latter."""

from typing import Any

import pytest

from migrator.model.access_entry import AccessScope
from tests.support.control_plane.bed import Bed, can, could, fresh_token, rows, who
from tests.support.kubernetes_lab import Json

RBAC = "rbac.authorization.k8s.io"
CLUSTER_ADMIN, ADMIN, VIEW = (
    f"AmazonEKS{name}Policy" for name in ("ClusterAdmin", "Admin", "View")
)


def entry(
    bed: Bed, name: str, *policies: tuple[str, AccessScope], groups: tuple[str, ...] = ()
) -> str:
    """A role with an entry, in force."""
    arn = bed.lab.add_role(name)
    bed.lab.add_entry(arn, name, groups, policies)
    bed.lab.set_mode("API_AND_CONFIG_MAP")
    bed.put_aws_auth({})
    bed.settle()
    return arn


def binding(name: str, role: str, subject: Json, namespace: str | None = None) -> Json:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, **subject}],
    }


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def reviewed(user: Json) -> dict[str, Any]:
    """A login as a SubjectAccessReview names it."""
    return {
        "user": user["username"],
        "groups": user["groups"],
        "uid": user.get("uid", ""),
        "extra": user.get("extra", {}),
    }


def test_a_group_gives_what_rbac_binds_it_to(bed: Bed) -> None:
    arn = entry(bed, "by-group", groups=("devs",))
    bed.put(namespace("shop"))
    bed.put(binding("devs", "edit", {"kind": "Group", "name": "devs"}, "shop"))
    token = fresh_token(bed, arn)
    assert can(bed, token, verb="create", resource="pods", namespace="shop")["allowed"]
    assert not can(bed, token, verb="create", resource="pods", namespace="default").get("allowed")
    reason = can(bed, token, verb="get", resource="secrets", namespace="shop")["reason"]
    assert (
        reason == 'RBAC: allowed by RoleBinding "devs/shop" of ClusterRole "edit" to Group "devs"'
    )


def test_a_policy_gives_power_and_says_so(bed: Bed) -> None:
    arn = entry(bed, "by-policy", (CLUSTER_ADMIN, AccessScope()))
    status = can(bed, fresh_token(bed, arn), verb="delete", resource="nodes")
    policy = f"arn:aws:eks::aws:cluster-access-policy/{CLUSTER_ADMIN}"
    principal = bed.lab.world.principal(arn)
    assert principal is not None
    assert status["allowed"]
    assert status["reason"] == (
        f'EKS Access Policy: allowed by ClusterRoleBinding "{arn}+{policy}" '
        f'of ClusterRole "{policy}" to User "{principal.id}"'
    )


def test_a_policy_holds_in_its_namespaces_only(bed: Bed) -> None:
    arn = entry(bed, "in-namespaces", (VIEW, AccessScope("namespace", ("team-*", "shop"))))
    token = fresh_token(bed, arn)
    for place, allowed in (("shop", True), ("team-a", True), ("default", False)):
        assert (
            can(bed, token, verb="list", resource="pods", namespace=place).get("allowed", False)
            is allowed
        ), place
    assert not can(bed, token, verb="list", resource="pods").get("allowed")
    assert not can(bed, token, verb="get", resource="secrets", namespace="shop").get("allowed")


def test_policies_are_not_seen_without_the_principals_id(bed: Bed) -> None:
    """A SubjectAccessReview with name and groups, impersonation, and the list of rules know RBAC
    only.
    """
    arn = entry(bed, "unseen", (CLUSTER_ADMIN, AccessScope()))
    user = who(bed, fresh_token(bed, arn))
    assert user is not None
    asked = {"verb": "delete", "resource": "nodes"}
    assert could(bed, bed.admin(), reviewed(user), **asked)["allowed"]
    bare = {key: value for key, value in reviewed(user).items() if key != "extra"}
    assert not could(bed, bed.admin(), bare, **asked).get("allowed")
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    answer = bed.ask(
        bed.admin(),
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {**body, "spec": {"resourceAttributes": asked}},
        headers={"Impersonate-User": user["username"]},
    )
    assert answer.code == 201, answer
    assert not answer.body["status"].get("allowed")
    rules = bed.ask(
        fresh_token(bed, arn),
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        {
            "apiVersion": body["apiVersion"],
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": "default"},
        },
    )
    assert rules.code == 201, rules
    assert all(
        "nodes" not in rule.get("resources", ()) for rule in rules.body["status"]["resourceRules"]
    )


def test_whoever_has_rights_by_policy_cannot_hand_them_on_as_roles(bed: Bed) -> None:
    """RBAC's escalation check looks at RBAC; only ``*`` carries ``escalate`` and ``bind`` along."""
    bed.put(namespace("shop"))
    grant = binding("handed-on", "edit", {"kind": "User", "name": "somebody"}, "shop")
    place = f"/apis/{RBAC}/v1/namespaces/shop/rolebindings?dryRun=All"
    limited = fresh_token(bed, entry(bed, "limited", (ADMIN, AccessScope())))
    answer = bed.ask(limited, "POST", place, grant)
    assert answer.code == 403
    assert "attempting to grant RBAC permissions not currently held" in answer.message
    full = fresh_token(bed, entry(bed, "full", (CLUSTER_ADMIN, AccessScope())))
    assert bed.ask(full, "POST", place, grant).code == 201


def test_masters_may_do_everything_without_a_reason(bed: Bed) -> None:
    arn = bed.lab.add_role("master")
    bed.lab.set_mode("CONFIG_MAP")
    bed.put_aws_auth(rows({arn: ("master", ["system:masters"])}))
    bed.settle()
    status = can(bed, fresh_token(bed, arn), verb="*", group="*", resource="*")
    assert status["allowed"]
    assert not status.get("reason")


def test_a_stale_write_of_aws_auth_is_a_conflict(bed: Bed) -> None:
    bed.put_aws_auth({"mapRoles": "[]"})
    place = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
    found = bed.ask(bed.admin(), "GET", place).body
    stale = {**found, "data": {"mapUsers": "[]"}}
    assert bed.ask(bed.admin(), "PUT", place, found | {"data": {"mapRoles": "[ ]"}}).code == 200
    answer = bed.ask(bed.admin(), "PUT", place, stale)
    assert answer.code == 409
    assert (
        "the object has been modified; please apply your changes to the latest version"
        in answer.message
    )
    version = found["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "data": {"mapUsers": "[]"}}
    answer = bed.ask(bed.admin(), "PATCH", place, patch, "application/merge-patch+json")
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")


def test_a_field_of_another_manager_is_not_taken_over_by_applying(bed: Bed) -> None:
    bed.put_aws_auth({"mapRoles": "[]"})
    place = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
    wanted = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": "[  ]"},
    }
    kind = "application/apply-patch+yaml"
    found = bed.ask(bed.admin(), "GET", place).body
    edited = {**found, "data": {"mapRoles": "[ ]"}}
    assert bed.ask(bed.admin(), "PUT", f"{place}?fieldManager=first", edited).code == 200
    answer = bed.ask(bed.admin(), "PATCH", f"{place}?fieldManager=another", wanted, kind)
    assert answer.code == 409
    assert ".data.mapRoles" in answer.message
    assert (
        bed.ask(bed.admin(), "PATCH", f"{place}?fieldManager=another&force=true", wanted, kind).code
        == 200
    )


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_changes_nothing(bed: Bed, dry_run: bool) -> None:
    name = f"tried-{str(dry_run).lower()}"
    grant = binding(name, "view", {"kind": "User", "name": "nobody"})
    query = "?dryRun=All" if dry_run else ""
    assert (
        bed.ask(bed.admin(), "POST", f"/apis/{RBAC}/v1/clusterrolebindings{query}", grant).code
        == 201
    )
    found = bed.ask(bed.admin(), "GET", f"/apis/{RBAC}/v1/clusterrolebindings/{name}")
    assert found.code == (404 if dry_run else 200)
