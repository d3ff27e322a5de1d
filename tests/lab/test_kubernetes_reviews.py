"""Reviews, impersonation, escalation: what RBAC and access policies allow, and who can see it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from migrator.model.access_entry import AccessScope
from tests.support.kubernetes_lab import ACCOUNT, Answer, KubernetesLab, kubernetes_lab

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1"
ADMIN_POLICY, VIEW_POLICY = "AmazonEKSClusterAdminPolicy", "AmazonEKSViewPolicy"
EVERYWHERE = AccessScope()


@pytest.fixture
def lab() -> KubernetesLab:
    return kubernetes_lab("API_AND_CONFIG_MAP")


def holder(lab: KubernetesLab, policy: str = ADMIN_POLICY, scope: AccessScope = EVERYWHERE) -> str:
    """A principal with an entry and this policy, by ARN."""
    arn = lab.add_role("ops", "/team/")
    lab.add_entry(arn, "ops:{{SessionName}}", ["ops-group"], [(policy, scope)])
    return arn


def subject_review(
    lab: KubernetesLab, token: str, spec: dict[str, Any], verb: str = "get"
) -> dict[str, Any]:
    attributes = {"verb": verb, "resource": "nodes"}
    answer = lab.ask(
        token,
        "POST",
        f"{REVIEWS}/subjectaccessreviews",
        {"spec": {"resourceAttributes": attributes, **spec}},
    )
    assert answer.code == 201, answer
    status: dict[str, Any] = answer.body["status"]
    return status


# access reviews


def test_rbac_allows_with_the_binding_as_reason(lab: KubernetesLab) -> None:
    arn = lab.add_role("dev")
    lab.add_entry(arn, "dev", ["devs"])
    lab.load("RoleBinding", "devs", "team", roleRef=reference("view"), subjects=[group("devs")])
    token = lab.token(arn)
    assert lab.can(token, "list", "pods", "team") == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "devs/team" of ClusterRole "view" to Group "devs"',
    }
    assert lab.can(token, "list", "pods", "default") == {"allowed": False}
    assert lab.can(token, "list", "pods") == {"allowed": False}


def test_a_policy_allows_with_entry_and_policy_as_reason(lab: KubernetesLab) -> None:
    arn = holder(lab)
    policy = f"arn:aws:eks::aws:cluster-access-policy/{ADMIN_POLICY}"
    assert lab.can(lab.token(arn), "delete", "nodes") == {
        "allowed": True,
        "reason": (
            f'EKS Access Policy: allowed by ClusterRoleBinding "{arn}+{policy}" of ClusterRole '
            f'"{policy}" '
            'to User "AROAOPSXXXXXXXXXXXXXX"'
        ),
    }


def test_a_policy_in_namespaces_counts_there_only(lab: KubernetesLab) -> None:
    token = lab.token(holder(lab, VIEW_POLICY, AccessScope("namespace", ("team", "dev-*"))))
    allowed = [
        place
        for place in ("team", "dev-a", "prod", "")
        if lab.can(token, "get", "pods", place)["allowed"]
    ]
    assert allowed == ["team", "dev-a"]


def test_a_policy_counts_when_it_has_propagated_and_no_longer_when_it_is_gone(
    lab: KubernetesLab,
) -> None:
    lab.world.clock.freeze()
    arn = lab.add_role("ops")
    lab.add_entry(arn, "ops", [])
    token = lab.token(arn)
    lab.add_entry(arn, "ops", [], [(ADMIN_POLICY, EVERYWHERE)], delay=timedelta(seconds=5))
    assert not lab.can(token, "get", "nodes")["allowed"]
    lab.world.clock.advance(timedelta(seconds=5))
    assert lab.can(token, "get", "nodes")["allowed"]
    lab.remove_entry(arn)
    assert not lab.can(token, "get", "nodes")["allowed"]


def test_a_policy_of_an_entry_for_a_former_principal_is_nobodys(lab: KubernetesLab) -> None:
    arn = lab.add_role("ops", id="AROAFIRSTXXXXXXXXXXXX")
    lab.add_entry(arn, "ops", [], [(ADMIN_POLICY, EVERYWHERE)])
    lab.set_aws_auth(mapRoles=f"- rolearn: {arn}\n  username: row\n")
    lab.add_role("ops", id="AROASECONDXXXXXXXXXXX")
    token = lab.token(arn, "second")
    assert (lab.who(token) or {})["username"] == "row"
    assert lab.can(token, "get", "nodes") == {"allowed": False}


def test_an_opaque_policy_grants_nothing_and_says_so(lab: KubernetesLab) -> None:
    status = lab.can(
        lab.token(holder(lab, "AmazonEKSSomethingNewPolicy")), "get", "pods", "default"
    )
    assert not status["allowed"]
    assert status["reason"].startswith(
        "unknown: access policy arn:aws:eks::aws:cluster-access-policy/AmazonEKSSome"
    )


def test_system_masters_is_allowed_everything_without_a_reason(lab: KubernetesLab) -> None:
    arn = lab.add_role("root")
    lab.set_aws_auth(mapRoles=f"- rolearn: {arn}\n  username: root\n  groups: [system:masters]\n")
    assert lab.can(lab.token(arn), "anything", "anywhere") == {"allowed": True}


def test_a_binding_of_a_role_that_is_not_there_is_named(lab: KubernetesLab) -> None:
    arn = lab.add_role("dev")
    lab.add_entry(arn, "dev")
    lab.bind("nowhere", "User:dev")
    assert lab.can(lab.token(arn), "get", "pods") == {
        "allowed": False,
        "reason": 'RBAC: clusterrole.rbac.authorization.k8s.io "nowhere" not found',
    }


def test_a_change_of_rbac_counts_at_once(lab: KubernetesLab) -> None:
    arn = lab.add_role("dev")
    lab.add_entry(arn, "dev")
    token, admin = lab.token(arn), lab.admin()
    assert not lab.can(token, "get", "pods")["allowed"]
    binding = {
        "metadata": {"name": "b"},
        "roleRef": reference("view"),
        "subjects": [{"kind": "User", "name": "dev"}],
    }
    assert lab.ask(admin, "POST", f"{RBAC}/clusterrolebindings", binding).code == 201
    assert lab.can(token, "get", "pods")["allowed"]
    lab.ask(admin, "DELETE", f"{RBAC}/clusterrolebindings/b")
    assert not lab.can(token, "get", "pods")["allowed"]


def test_urls_are_asked_for_like_resources(lab: KubernetesLab) -> None:
    arn = lab.add_role("dev")
    lab.add_entry(arn, "dev")
    for path, allowed in (("/api/v1", True), ("/metrics", False)):
        spec = {"nonResourceAttributes": {"verb": "get", "path": path}}
        answer = lab.ask(
            lab.token(arn), "POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": spec}
        )
        assert answer.body["status"]["allowed"] is allowed


@pytest.mark.parametrize("spec", [{}, {"resourceAttributes": {}, "nonResourceAttributes": {}}])
def test_a_review_asks_exactly_one_thing(lab: KubernetesLab, spec: dict[str, Any]) -> None:
    answer = lab.ask(lab.admin(), "POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": spec})
    assert answer.code == 422
    assert answer.message.startswith(
        'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.'
    )


# what others cannot see


def test_a_review_of_somebody_else_sees_rbac_only(lab: KubernetesLab) -> None:
    arn = holder(lab)
    who = lab.who(lab.token(arn))
    assert who is not None
    admin = lab.admin()
    by_name = {"user": who["username"], "groups": who["groups"]}
    assert subject_review(lab, admin, by_name) == {"allowed": False}
    assert subject_review(lab, admin, {**by_name, "uid": who["uid"], "extra": who["extra"]})[
        "allowed"
    ]
    lab.bind("cluster-admin", "Group:ops-group")
    assert subject_review(lab, admin, by_name)["reason"].startswith(
        "RBAC: allowed by ClusterRoleBinding"
    )


def test_a_review_of_nobody_is_refused(lab: KubernetesLab) -> None:
    body = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    answer = lab.ask(lab.admin(), "POST", f"{REVIEWS}/subjectaccessreviews", body)
    assert "at least one of user or group must be specified" in answer.message


def test_a_local_review_asks_about_its_own_namespace(lab: KubernetesLab) -> None:
    admin = lab.admin()
    lab.load("RoleBinding", "v", "team", roleRef=reference("view"), subjects=[group("devs")])

    def ask(namespace: str) -> Answer:
        attributes = {"verb": "get", "resource": "pods", "namespace": namespace}
        body = {"spec": {"groups": ["devs"], "resourceAttributes": attributes}}
        return lab.ask(admin, "POST", f"{REVIEWS}/namespaces/team/localsubjectaccessreviews", body)

    assert ask("team").body["status"]["allowed"]
    assert "must match metadata.namespace" in ask("other").message


def test_a_rules_review_shows_rbac_and_owns_up_that_it_is_incomplete(lab: KubernetesLab) -> None:
    token = lab.token(holder(lab))
    answer = lab.ask(
        token, "POST", f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}
    )
    status = answer.body["status"]
    assert status["incomplete"] is True
    assert status["evaluationError"] == "webhook authorizer does not support user rule resolution"
    verbs = {verb for rule in status["resourceRules"] for verb in rule["verbs"]}
    assert verbs == {"create"}
    lab.load(
        "RoleBinding", "v", "default", roleRef=reference("view"), subjects=[group("ops-group")]
    )
    answer = lab.ask(
        token, "POST", f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}
    )
    assert any("configmaps" in rule["resources"] for rule in answer.body["status"]["resourceRules"])
    answer = lab.ask(token, "POST", f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {}})
    assert (answer.code, answer.message) == (400, "no namespace on request")


def test_a_token_review_names_the_user_behind_a_token(lab: KubernetesLab) -> None:
    admin, token = lab.admin(), lab.token(holder(lab))
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    status = lab.ask(admin, "POST", path, {"spec": {"token": token}}).body["status"]
    assert status["authenticated"]
    assert status["user"]["extra"]["principalId"] == ["AROAOPSXXXXXXXXXXXXXX"]
    status = lab.ask(admin, "POST", path, {"spec": {"token": "x\ud800"}}).body["status"]
    assert "authenticated" not in status
    assert lab.ask(admin, "POST", path, {"spec": {}}).code == 422
    assert (
        lab.ask(lab.token(lab.add_role("x")), "POST", path, {"spec": {"token": token}}).code == 401
    )


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_who_am_i_is_served_in_every_version(lab: KubernetesLab, version: str) -> None:
    answer = lab.ask(
        lab.token(holder(lab), "jane"),
        "POST",
        f"/apis/authentication.k8s.io/{version}/selfsubjectreviews",
        {},
    )
    assert (answer.code, answer.body["apiVersion"]) == (201, f"authentication.k8s.io/{version}")
    assert answer.body["status"]["userInfo"]["username"] == "ops:jane"


@pytest.mark.parametrize(
    ("username", "groups", "shown"),
    [
        ("dev", ["devs"], ("devs", "system:authenticated")),
        ("dev", ["system:authenticated", "devs"], ("system:authenticated", "devs")),
        ("dev", ["devs", "system:unauthenticated"], ("devs", "system:unauthenticated")),
        ("system:anonymous", ["devs"], ("devs",)),
    ],
)
def test_group_of_every_login_is_added_unless_the_row_says_which(
    lab: KubernetesLab, username: str, groups: list[str], shown: tuple[str, ...]
) -> None:
    """Without it a login may not even ask who it is: the API server answers 403, not 401."""
    arn = lab.add_role("odd")
    row = {"rolearn": arn, "username": username, "groups": groups}
    lab.set_aws_auth(mapRoles=json.dumps([row]))
    token = lab.token(arn)
    review = lab.ask(
        lab.admin(),
        "POST",
        "/apis/authentication.k8s.io/v1/tokenreviews",
        {"spec": {"token": token}},
    )
    assert tuple(review.body["status"]["user"]["groups"]) == shown
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    answer = lab.ask(token, "POST", path, {})
    if "system:authenticated" in shown:
        assert answer.code == 201
        return
    assert (answer.code, answer.message) == (
        403,
        f'selfsubjectreviews.authentication.k8s.io is forbidden: User "{username}" cannot create '
        'resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
    )


# impersonation


def speak_as(lab: KubernetesLab, token: str, user: str, *groups: str, **headers: str) -> Answer:
    sent = {"impersonate-user": [user], **{key: [value] for key, value in headers.items()}}
    if groups:
        sent["impersonate-group"] = list(groups)
    return lab.ask(token, "GET", "/api/v1/nodes", headers=sent)


def test_an_impersonated_user_has_rbac_and_never_the_policy(lab: KubernetesLab) -> None:
    arn = holder(lab)
    who = lab.who(lab.token(arn))
    assert who is not None
    token = lab.token(arn)
    assert lab.ask(token, "GET", "/api/v1/nodes").code == 200
    answer = speak_as(lab, token, who["username"], *who["groups"])
    assert (answer.code, answer.message) == (
        403,
        'nodes is forbidden: User "ops:s1" cannot list resource "nodes" in API group "" at the '
        "cluster scope",
    )
    extra = {"impersonate-extra-principalid": who["extra"]["principalId"][0]}
    assert speak_as(lab, token, "ops:s1", **extra).code == 403
    assert speak_as(lab, token, "x", "system:masters").code == 200


def test_whoever_impersonates_needs_the_right_to(lab: KubernetesLab) -> None:
    arn = lab.add_role("dev")
    lab.add_entry(arn, "dev")
    token = lab.token(arn)
    answer = speak_as(lab, token, "jane")
    assert answer.message == (
        'users "jane" is forbidden: User "dev" cannot impersonate resource "users" in API group "" '
        "at the cluster scope"
    )
    rule = {
        "apiGroups": [""],
        "resources": ["users"],
        "verbs": ["impersonate"],
        "resourceNames": ["jane"],
    }
    lab.load("ClusterRole", "as-jane", rules=[rule])
    lab.bind("as-jane", "User:dev")
    lab.bind("system:node-proxier", "User:jane")
    assert speak_as(lab, token, "jane").code == 200
    assert 'groups "x" is forbidden' in speak_as(lab, token, "jane", "x").message
    assert 'userextras/k "v" is forbidden' not in speak_as(lab, token, "jane").body
    answer = speak_as(lab, token, "jane", **{"impersonate-extra-k": "v"})
    assert (
        'cannot impersonate resource "userextras/k" in API group "authentication.k8s.io"'
        in answer.message
    )
    assert speak_as(lab, token, "jane", **{"impersonate-uid": "1"}).code == 403
    answer = speak_as(lab, token, "system:serviceaccount:team:bot")
    assert (
        'cannot impersonate resource "serviceaccounts" in API group "" in the namespace "team"'
        in answer.message
    )


@pytest.mark.parametrize("groups", [(), ("devs",), ("system:unauthenticated",)])
def test_an_impersonated_anonymous_user_is_unauthenticated(
    lab: KubernetesLab, groups: tuple[str, ...]
) -> None:
    """Source: apiserver ``pkg/endpoints/filters/impersonation.go``."""
    lab.load(
        "ClusterRoleBinding",
        "outside",
        roleRef=reference("view"),
        subjects=[group("system:unauthenticated")],
    )
    headers = {"impersonate-user": ["system:anonymous"]}
    if groups:
        headers["impersonate-group"] = list(groups)
    assert lab.ask(lab.admin(), "GET", "/api/v1/pods", headers=headers).code == 200
    asked = lab.ask(lab.admin(), "POST", REVIEWS + "/selfsubjectaccessreviews", {}, headers=headers)
    assert asked.code == 403


def test_an_impersonated_service_account_has_its_groups(lab: KubernetesLab) -> None:
    headers = {"impersonate-user": ["system:serviceaccount:team:bot"]}
    answer = lab.ask(
        lab.admin(),
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        {},
        headers=headers,
    )
    assert answer.body["status"]["userInfo"]["groups"] == [
        "system:serviceaccounts",
        "system:serviceaccounts:team",
        "system:authenticated",
    ]


def test_a_group_without_a_user_is_refused(lab: KubernetesLab) -> None:
    answer = lab.ask(
        lab.admin(), "GET", "/api/v1/nodes", headers={"impersonate-group": ["system:masters"]}
    )
    assert answer.code == 500


# escalation


def reference(role: str, kind: str = "ClusterRole") -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}


def group(name: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name}


SECRETS = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]


def role_writer(lab: KubernetesLab) -> str:
    """A token of somebody who may write roles and bindings, and holds pods besides."""
    rules = [
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["*"],
            "verbs": ["create", "update", "patch"],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]},
    ]
    lab.load("ClusterRole", "writer", rules=rules)
    arn = lab.add_role("writer")
    lab.add_entry(arn, "writer", ["writers"])
    lab.bind("writer", "User:writer")
    return lab.token(arn)


def test_nobody_writes_a_role_with_more_than_he_holds(lab: KubernetesLab) -> None:
    token = role_writer(lab)
    answer = lab.ask(
        token, "POST", f"{RBAC}/clusterroles", {"metadata": {"name": "r"}, "rules": SECRETS}
    )
    assert answer.code == 403
    assert answer.message == (
        'clusterroles.rbac.authorization.k8s.io "r" is forbidden: user "writer" '
        '(groups=["writers" "system:authenticated"]) is attempting to grant RBAC permissions not '
        "currently held:\n"
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get", "list"]}'
    )
    mine = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["x"]}]
    assert (
        lab.ask(
            token, "POST", f"{RBAC}/clusterroles", {"metadata": {"name": "r"}, "rules": mine}
        ).code
        == 201
    )
    patch = {"rules": SECRETS}
    assert (
        lab.ask(
            token, "PATCH", f"{RBAC}/clusterroles/r", patch, "application/merge-patch+json"
        ).code
        == 403
    )


def test_nobody_binds_a_role_with_more_than_he_holds(lab: KubernetesLab) -> None:
    token = role_writer(lab)
    lab.load(
        "ClusterRole", "pods", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    )

    def bind(role: str) -> Answer:
        body = {
            "metadata": {"name": f"b-{role}"},
            "roleRef": reference(role),
            "subjects": [group("g")],
        }
        return lab.ask(token, "POST", f"{RBAC}/clusterrolebindings", body)

    assert bind("pods").code == 201
    assert (
        "attempting to grant RBAC permissions not currently held" in bind("cluster-admin").message
    )
    assert bind("nowhere").message == 'clusterroles.rbac.authorization.k8s.io "nowhere" not found'
    rules = [
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles"],
            "verbs": ["bind"],
        }
    ]
    lab.load("ClusterRole", "binder", rules=rules)
    lab.bind("binder", "User:writer")
    assert bind("cluster-admin").code == 201


def test_what_is_held_in_a_namespace_is_given_there_only(lab: KubernetesLab) -> None:
    token = role_writer(lab)
    lab.load("RoleBinding", "view", "team", roleRef=reference("view"), subjects=[group("writers")])
    body = {"metadata": {"name": "b"}, "roleRef": reference("view"), "subjects": [group("g")]}
    assert lab.ask(token, "POST", f"{RBAC}/namespaces/team/rolebindings", body).code == 201
    assert lab.ask(token, "POST", f"{RBAC}/namespaces/default/rolebindings", body).code == 403


def test_the_check_does_not_see_access_policies(lab: KubernetesLab) -> None:
    token = lab.token(holder(lab, "AmazonEKSAdminPolicy"))
    body = {
        "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }
    path = f"{RBAC}/namespaces/default/roles"
    assert lab.can(token, "get", "pods", "default")["allowed"]
    assert lab.can(token, "create", "roles", "default", "rbac.authorization.k8s.io")["allowed"]
    answer = lab.ask(token, "POST", path, body)
    assert (answer.code, "not currently held" in answer.message) == (403, True)
    lab.load(
        "RoleBinding", "admin", "default", roleRef=reference("admin"), subjects=[group("ops-group")]
    )
    assert lab.ask(token, "POST", path, body).code == 201


def test_a_policy_with_every_verb_passes_by_escalate_and_bind(lab: KubernetesLab) -> None:
    token = lab.token(holder(lab))
    assert (
        lab.ask(
            token, "POST", f"{RBAC}/clusterroles", {"metadata": {"name": "r"}, "rules": SECRETS}
        ).code
        == 201
    )
    body = {
        "metadata": {"name": "b"},
        "roleRef": reference("cluster-admin"),
        "subjects": [group("g")],
    }
    assert lab.ask(token, "POST", f"{RBAC}/clusterrolebindings", body).code == 201


def test_system_masters_is_exempt(lab: KubernetesLab) -> None:
    arn = lab.add_role("root")
    lab.set_aws_auth(mapRoles=f"- rolearn: {arn}\n  username: root\n  groups: [system:masters]\n")
    rbac = {
        "metadata": {"name": "r"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
    }
    assert lab.ask(lab.token(arn), "POST", f"{RBAC}/clusterroles", rbac).code == 201
    assert (
        "must have cluster-admin privileges"
        in lab.ask(
            role_writer(lab), "POST", f"{RBAC}/clusterroles", {**rbac, "metadata": {"name": "r2"}}
        ).message
    )


# nodes and anonymous callers


def test_a_node_has_its_own_lease_and_what_its_pods_name(lab: KubernetesLab) -> None:
    arn = lab.add_role("nodes")
    lab.set_aws_auth(
        mapRoles=f'- {{rolearn: "{arn}", username: "system:node:n1", groups: [system:nodes]}}'
    )
    token = lab.token(arn)
    leases = ("coordination.k8s.io", "leases", "kube-node-lease")

    def can(verb: str, resource: str, name: str, namespace: str = "", group: str = "") -> bool:
        return bool(lab.can(token, verb, resource, namespace, group, name)["allowed"])

    assert can("update", leases[1], "n1", leases[2], leases[0])
    assert not can("update", leases[1], "n2", leases[2], leases[0])
    assert can("get", "nodes", "n1")
    assert not can("get", "nodes", "n2")
    assert not can("get", "secrets", "s", "team")
    volume = {"name": "v", "secret": {"secretName": "s"}}
    lab.load("Pod", "p", "team", spec={"nodeName": "n1", "volumes": [volume], "containers": []})
    assert can("get", "secrets", "s", "team")
    assert not can("list", "secrets", "", "team")


@pytest.mark.parametrize(
    ("path", "code"),
    [("/readyz", 200), ("/livez", 200), ("/healthz", 200), ("/version", 401), ("/api", 401)],
)
def test_only_health_is_open_to_anonymous_callers(lab: KubernetesLab, path: str, code: int) -> None:
    assert lab.ask("", "GET", path, headers={"authorization": []}).code == code


def test_a_denied_request_says_who_what_and_where(lab: KubernetesLab) -> None:
    arn = lab.add_role("dev")
    lab.add_entry(arn, "dev")
    token = lab.token(arn)
    answer = lab.ask(token, "GET", "/api/v1/namespaces/team/pods/p/log")
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    assert answer.message == (
        'pods "p" is forbidden: User "dev" cannot get resource "pods/log" in API group "" in the '
        'namespace "team"'
    )
    assert answer.body["details"] == {"name": "p", "kind": "pods"}
    answer = lab.ask(token, "GET", "/metrics")
    assert answer.message == 'forbidden: User "dev" cannot get path "/metrics"'


def test_entries_of_another_account_do_not_matter(lab: KubernetesLab) -> None:
    arn = lab.add_role("agent", account="444455556666")
    assert ACCOUNT not in arn
    lab.add_entry(arn, "agent", [], [(VIEW_POLICY, EVERYWHERE)])
    assert lab.can(lab.token(arn), "get", "pods", "x")["allowed"]
