"""Objects over the API: conflicts, preconditions, validation, dry runs, pages, selectors, in
kube-apiserver's words.
"""

import json
from typing import Any

import pytest

from tests.support.kubernetes_lab import Answer, KubernetesLab, kubernetes_lab

CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
AWS_AUTH = f"{CONFIG_MAPS}/aws-auth"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
MODIFIED = (
    'Operation cannot be fulfilled on configmaps "aws-auth": the object has been modified; please '
    "apply your changes "
    "to the latest version and try again"
)


@pytest.fixture
def lab() -> KubernetesLab:
    lab = kubernetes_lab()
    lab.set_aws_auth(mapRoles="[]")
    return lab


@pytest.fixture
def admin(lab: KubernetesLab) -> str:
    return lab.admin()


def config_map(name: str, **fields: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **fields}


# create


def test_create_answers_201_with_uid_version_and_owner(lab: KubernetesLab, admin: str) -> None:
    answer = lab.ask(admin, "POST", CONFIG_MAPS, config_map("x", data={"a": "b"}))
    assert answer.code == 201
    metadata = answer.body["metadata"]
    assert metadata["namespace"] == "kube-system"
    assert len(metadata["uid"]) == 36
    assert int(metadata["resourceVersion"]) > 0
    (owner,) = metadata["managedFields"]
    assert (owner["manager"], owner["operation"]) == ("tests", "Update")
    assert owner["fieldsV1"] == {"f:data": {".": {}, "f:a": {}}}


def test_create_again_is_409_already_exists(lab: KubernetesLab, admin: str) -> None:
    answer = lab.ask(admin, "POST", CONFIG_MAPS, config_map("aws-auth"))
    assert (answer.code, answer.body["reason"]) == (409, "AlreadyExists")
    assert answer.message == 'configmaps "aws-auth" already exists'
    assert answer.body["details"] == {"name": "aws-auth", "kind": "configmaps"}


def test_generate_name_gives_a_fresh_name(lab: KubernetesLab, admin: str) -> None:
    body = {"metadata": {"generateName": "x-"}}
    names = {lab.ask(admin, "POST", CONFIG_MAPS, body).body["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("x-") and len(name) == 7 for name in names)


def test_create_in_a_namespace_that_is_not_there_is_404(lab: KubernetesLab, admin: str) -> None:
    answer = lab.ask(admin, "POST", "/api/v1/namespaces/nowhere/configmaps", config_map("x"))
    assert (answer.code, answer.message) == (404, 'namespaces "nowhere" not found')


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (config_map("Upper"), 422, "lowercase RFC 1123 subdomain"),
        (config_map(""), 422, "name or generateName is required"),
        (config_map("x", data={"a b": "c"}), 422, "a valid config key must consist of"),
        (
            config_map("x", data={"a": 1}),
            400,
            "json: cannot unmarshal number into Go struct field ConfigMap.data",
        ),
        (config_map("x", data=["a"]), 400, "json: cannot unmarshal array"),
        ({**config_map("x"), "kind": "Secret"}, 400, "cannot be handled as a ConfigMap"),
        (
            {"metadata": {"name": "x", "namespace": "default"}},
            400,
            "does not match the namespace sent on the request",
        ),
        (
            {"metadata": {"name": "x", "resourceVersion": "1"}},
            400,
            "resourceVersion should not be set",
        ),
        (["x"], 400, "cannot unmarshal array"),
        (config_map("x", data={"a": "x" * (1024 * 1024 + 1)}), 422, "Too long"),
    ],
)
def test_what_cannot_be_stored_is_refused(
    lab: KubernetesLab, admin: str, body: object, code: int, said: str
) -> None:
    answer = lab.ask(admin, "POST", CONFIG_MAPS, body)
    assert answer.code == code
    assert said in answer.message


def test_fields_that_a_kind_does_not_have_are_dropped_with_a_warning(
    lab: KubernetesLab, admin: str
) -> None:
    body = config_map("x", mapRoles="at the wrong place", data={"a": "b"})
    made = lab.ask(admin, "POST", CONFIG_MAPS, body)
    assert made.code == 201
    assert "mapRoles" not in made.body
    assert made.headers["Warning"] == '299 - "unknown field \\"mapRoles\\""'
    strict = lab.ask(admin, "PUT", f"{CONFIG_MAPS}/x?fieldValidation=Strict", body)
    assert (strict.code, strict.message) == (
        400,
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        'unknown field "mapRoles"',
    )
    ignored = lab.ask(admin, "PUT", f"{CONFIG_MAPS}/x?fieldValidation=Ignore", body)
    assert (ignored.code, dict(ignored.headers)) == (200, {})
    assert lab.ask(admin, "PUT", f"{CONFIG_MAPS}/x?fieldValidation=Perhaps", body).code == 422


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_400(lab: KubernetesLab, admin: str, raw: bytes) -> None:
    assert lab.ask(admin, "POST", CONFIG_MAPS, raw).code == 400


def test_a_body_of_an_unknown_format_is_415(lab: KubernetesLab, admin: str) -> None:
    answer = lab.ask(admin, "POST", CONFIG_MAPS, b"x", "text/plain")
    assert (answer.code, answer.body["reason"]) == (415, "UnsupportedMediaType")


def test_yaml_bodies_are_read(lab: KubernetesLab, admin: str) -> None:
    raw = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata:\n  a: |\n    text\n"
    assert lab.ask(admin, "POST", CONFIG_MAPS, raw, "application/yaml").body["data"] == {
        "a": "text\n"
    }


# update and patch


def test_an_update_with_an_old_version_is_a_conflict(lab: KubernetesLab, admin: str) -> None:
    read = lab.ask(admin, "GET", AWS_AUTH).body
    assert lab.ask(admin, "PUT", AWS_AUTH, {**read, "data": {"mapRoles": "1"}}).code == 200
    answer = lab.ask(admin, "PUT", AWS_AUTH, {**read, "data": {"mapRoles": "2"}})
    assert (answer.code, answer.body["reason"], answer.message) == (409, "Conflict", MODIFIED)
    assert lab.ask(admin, "GET", AWS_AUTH).body["data"] == {"mapRoles": "1"}


def test_an_update_without_a_version_wins(lab: KubernetesLab, admin: str) -> None:
    assert (
        lab.ask(admin, "PUT", AWS_AUTH, config_map("aws-auth", data={"mapRoles": "1"})).code == 200
    )


def test_an_update_with_another_uid_is_a_conflict(lab: KubernetesLab, admin: str) -> None:
    body = {"metadata": {"name": "aws-auth", "uid": "x"}, "data": {}}
    answer = lab.ask(admin, "PUT", AWS_AUTH, body)
    assert answer.code == 409
    assert "Precondition failed: UID in precondition: x, UID in object meta:" in answer.message


def test_an_update_of_nothing_is_404_and_of_a_role_creates(lab: KubernetesLab, admin: str) -> None:
    assert lab.ask(admin, "PUT", f"{CONFIG_MAPS}/none", config_map("none")).code == 404
    role = {"metadata": {"name": "r"}, "rules": []}
    assert lab.ask(admin, "PUT", f"{RBAC}/clusterroles/r", role).code == 201


def test_a_lease_is_updated_with_its_version_only(lab: KubernetesLab, admin: str) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    assert (
        lab.ask(
            admin, "POST", leases, {"metadata": {"name": "n"}, "spec": {"leaseDurationSeconds": 40}}
        ).code
        == 201
    )
    answer = lab.ask(admin, "PUT", f"{leases}/n", {"metadata": {"name": "n"}, "spec": {}})
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert answer.message.endswith(
        "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"
    )


def test_an_update_that_changes_nothing_keeps_the_version(lab: KubernetesLab, admin: str) -> None:
    read = lab.ask(admin, "GET", AWS_AUTH).body
    assert (
        lab.ask(admin, "PUT", AWS_AUTH, read).body["metadata"]["resourceVersion"]
        == (read["metadata"]["resourceVersion"])
    )


def test_a_merge_patch_obeys_the_version_in_it(lab: KubernetesLab, admin: str) -> None:
    version = lab.ask(admin, "GET", AWS_AUTH).body["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "data": {"mapUsers": "[]", "mapRoles": None}}
    answer = lab.ask(admin, "PATCH", AWS_AUTH, patch, MERGE)
    assert (answer.code, answer.body["data"]) == (200, {"mapUsers": "[]"})
    answer = lab.ask(admin, "PATCH", AWS_AUTH, patch, MERGE)
    assert (answer.code, answer.message) == (409, MODIFIED)


def test_a_json_patch_tests_before_it_writes(lab: KubernetesLab, admin: str) -> None:
    test = {"op": "test", "path": "/data/mapRoles", "value": "other"}
    write = {"op": "replace", "path": "/data/mapRoles", "value": "new"}
    answer = lab.ask(admin, "PATCH", AWS_AUTH, [test, write], JSON_PATCH)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert lab.ask(admin, "PATCH", AWS_AUTH, [{**test, "value": "[]"}, write], JSON_PATCH).body[
        "data"
    ] == {"mapRoles": "new"}


def test_a_patch_of_an_unknown_kind_is_415(lab: KubernetesLab, admin: str) -> None:
    assert lab.ask(admin, "PATCH", AWS_AUTH, {}, "application/json").code == 415


def test_an_immutable_config_map_keeps_its_data(lab: KubernetesLab, admin: str) -> None:
    lab.ask(admin, "POST", CONFIG_MAPS, config_map("x", data={"a": "b"}, immutable=True))
    answer = lab.ask(admin, "PATCH", f"{CONFIG_MAPS}/x", {"data": {"a": "c"}}, MERGE)
    assert answer.code == 422
    assert answer.message == (
        'ConfigMap "x" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    )


def test_a_dry_run_shows_the_result_and_stores_nothing(lab: KubernetesLab, admin: str) -> None:
    before = len(lab.world.effects)
    assert lab.ask(admin, "POST", f"{CONFIG_MAPS}?dryRun=All", config_map("x")).code == 201
    assert lab.ask(admin, "PATCH", f"{AWS_AUTH}?dryRun=All", {"data": None}, MERGE).code == 200
    assert lab.ask(admin, "DELETE", f"{AWS_AUTH}?dryRun=All").code == 200
    assert lab.ask(admin, "GET", f"{CONFIG_MAPS}/x").code == 404
    assert lab.ask(admin, "GET", AWS_AUTH).body["data"] == {"mapRoles": "[]"}
    assert len(lab.world.effects) == before


# delete


def test_delete_obeys_preconditions(lab: KubernetesLab, admin: str) -> None:
    for condition in ({"uid": "x"}, {"resourceVersion": "1"}):
        answer = lab.ask(admin, "DELETE", AWS_AUTH, {"preconditions": condition})
        assert answer.code == 409
        assert "Precondition failed" in answer.message
    uid = lab.ask(admin, "GET", AWS_AUTH).body["metadata"]["uid"]
    answer = lab.ask(admin, "DELETE", AWS_AUTH, {"preconditions": {"uid": uid}})
    assert answer.body["status"] == "Success"
    assert answer.body["details"] == {"name": "aws-auth", "kind": "configmaps", "uid": uid}
    assert lab.ask(admin, "DELETE", AWS_AUTH).message == 'configmaps "aws-auth" not found'


def test_an_object_with_finalizers_goes_when_the_last_one_is_taken_away(
    lab: KubernetesLab, admin: str
) -> None:
    lab.ask(admin, "POST", CONFIG_MAPS, {"metadata": {"name": "x", "finalizers": ["a/b"]}})
    marked = lab.ask(admin, "DELETE", f"{CONFIG_MAPS}/x")
    assert marked.body["metadata"]["deletionTimestamp"]
    assert lab.ask(admin, "GET", f"{CONFIG_MAPS}/x").code == 200
    lab.ask(admin, "PATCH", f"{CONFIG_MAPS}/x", {"metadata": {"finalizers": None}}, MERGE)
    assert lab.ask(admin, "GET", f"{CONFIG_MAPS}/x").code == 404


def test_a_namespace_takes_its_contents_with_it(lab: KubernetesLab, admin: str) -> None:
    lab.ask(admin, "POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    assert lab.ask(admin, "GET", "/api/v1/namespaces/team/serviceaccounts/default").code == 200
    lab.ask(admin, "POST", "/api/v1/namespaces/team/configmaps", config_map("x"))
    assert lab.ask(admin, "DELETE", "/api/v1/namespaces/team").code == 200
    assert lab.ask(admin, "GET", "/api/v1/namespaces/team").code == 404
    assert lab.ask(admin, "GET", "/api/v1/namespaces/team/configmaps/x").code == 404


def test_the_system_namespace_stays(lab: KubernetesLab, admin: str) -> None:
    answer = lab.ask(admin, "DELETE", "/api/v1/namespaces/kube-system")
    assert (answer.code, answer.message) == (
        403,
        'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    )


def test_what_an_object_owns_goes_with_it(lab: KubernetesLab, admin: str) -> None:
    owner = lab.ask(admin, "GET", AWS_AUTH).body["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "aws-auth", "uid": owner["uid"]}
    lab.ask(
        admin, "POST", CONFIG_MAPS, {"metadata": {"name": "owned", "ownerReferences": [reference]}}
    )
    lab.ask(admin, "DELETE", AWS_AUTH)
    assert lab.ask(admin, "GET", f"{CONFIG_MAPS}/owned").code == 404


def test_deletecollection_takes_what_the_selector_says(lab: KubernetesLab, admin: str) -> None:
    for name, mark in (("a", "yes"), ("b", "no"), ("c", "yes")):
        lab.ask(admin, "POST", CONFIG_MAPS, {"metadata": {"name": name, "labels": {"mine": mark}}})
    gone = lab.ask(admin, "DELETE", f"{CONFIG_MAPS}?labelSelector=mine%3Dyes")
    assert [item["metadata"]["name"] for item in gone.body["items"]] == ["a", "c"]
    left = lab.ask(admin, "GET", CONFIG_MAPS).body["items"]
    assert [item["metadata"]["name"] for item in left] == ["aws-auth", "b"]


# lists


def names(answer: Answer) -> list[str]:
    assert answer.code == 200, answer
    return [item["metadata"]["name"] for item in answer.body["items"]]


def test_a_list_comes_in_pages_that_belong_to_one_state(lab: KubernetesLab, admin: str) -> None:
    for number in range(5):
        lab.ask(admin, "POST", CONFIG_MAPS, config_map(f"m{number}"))
    first = lab.ask(admin, "GET", f"{CONFIG_MAPS}?limit=2")
    assert names(first) == ["aws-auth", "m0"]
    assert first.body["metadata"]["remainingItemCount"] == 4
    lab.ask(admin, "DELETE", f"{CONFIG_MAPS}/m1")
    lab.ask(admin, "POST", CONFIG_MAPS, config_map("m2b"))
    second = lab.ask(
        admin, "GET", f"{CONFIG_MAPS}?limit=3&continue={first.body['metadata']['continue']}"
    )
    assert names(second) == ["m1", "m2", "m3"]
    assert second.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
    third = lab.ask(
        admin, "GET", f"{CONFIG_MAPS}?limit=3&continue={second.body['metadata']['continue']}"
    )
    assert names(third) == ["m4"]
    assert "continue" not in third.body["metadata"]


def test_a_page_of_a_forgotten_state_is_410(lab: KubernetesLab, admin: str) -> None:
    lab.ask(admin, "POST", CONFIG_MAPS, config_map("x"))
    token = lab.ask(admin, "GET", f"{CONFIG_MAPS}?limit=1").body["metadata"]["continue"]
    lab.ask(admin, "POST", CONFIG_MAPS, config_map("y"))
    lab.api.registry.store.compact()
    answer = lab.ask(admin, "GET", f"{CONFIG_MAPS}?limit=1&continue={token}")
    assert (answer.code, answer.body["reason"]) == (410, "Expired")


def test_a_damaged_continue_token_is_400(lab: KubernetesLab, admin: str) -> None:
    assert lab.ask(admin, "GET", f"{CONFIG_MAPS}?continue=!!").code == 400


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("env=prod", ["a", "c"]),
        ("env==prod,tier=web", ["a"]),
        ("env!=prod", ["aws-auth", "b"]),
        ("env in (dev, prod)", ["a", "b", "c"]),
        ("env notin (dev)", ["a", "aws-auth", "c"]),
        ("tier", ["a"]),
        ("!tier", ["aws-auth", "b", "c"]),
    ],
)
def test_label_selectors(lab: KubernetesLab, admin: str, selector: str, found: list[str]) -> None:
    for name, labels in (
        ("a", {"env": "prod", "tier": "web"}),
        ("b", {"env": "dev"}),
        ("c", {"env": "prod"}),
    ):
        lab.ask(admin, "POST", CONFIG_MAPS, {"metadata": {"name": name, "labels": labels}})
    query = selector.replace(" ", "%20").replace("=", "%3D")
    assert names(lab.ask(admin, "GET", f"{CONFIG_MAPS}?labelSelector={query}")) == found


def test_field_selectors(lab: KubernetesLab, admin: str) -> None:
    lab.ask(admin, "POST", CONFIG_MAPS, config_map("x"))
    assert names(
        lab.ask(admin, "GET", f"{CONFIG_MAPS}?fieldSelector=metadata.name%3Daws-auth")
    ) == ["aws-auth"]
    assert names(
        lab.ask(admin, "GET", f"{CONFIG_MAPS}?fieldSelector=metadata.name!%3Daws-auth")
    ) == ["x"]
    assert lab.ask(admin, "GET", f"{CONFIG_MAPS}?labelSelector=a%20b").code == 400


def test_a_list_over_all_namespaces_knows_each_objects_place(
    lab: KubernetesLab, admin: str
) -> None:
    lab.load("ConfigMap", "z", "team")
    items = lab.ask(admin, "GET", "/api/v1/configmaps").body["items"]
    assert [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items] == [
        ("kube-system", "aws-auth"),
        ("team", "z"),
    ]


# RBAC objects


def test_a_binding_keeps_its_role(lab: KubernetesLab, admin: str) -> None:
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "g"}],
    }
    made = lab.ask(admin, "POST", f"{RBAC}/clusterrolebindings", binding)
    assert made.code == 201
    assert (
        made.body["roleRef"]["apiGroup"]
        == made.body["subjects"][0]["apiGroup"]
        == "rbac.authorization.k8s.io"
    )
    patch = {"roleRef": {"name": "edit"}}
    answer = lab.ask(admin, "PATCH", f"{RBAC}/clusterrolebindings/b", patch, MERGE)
    assert answer.code == 422
    assert "cannot change roleRef" in answer.message


@pytest.mark.parametrize(
    ("plural", "body", "said"),
    [
        (
            "clusterroles",
            {"rules": [{"apiGroups": [""], "resources": ["pods"]}]},
            "verbs must contain at least one",
        ),
        (
            "clusterroles",
            {"rules": [{"verbs": ["get"], "resources": ["pods"]}]},
            "at least one api group",
        ),
        (
            "clusterroles",
            {"rules": [{"verbs": ["get"], "apiGroups": [""]}]},
            "at least one resource",
        ),
        (
            "clusterroles",
            {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"]}]},
            "both regular resources and non-resource URLs",
        ),
        (
            "clusterrolebindings",
            {"roleRef": {"kind": "Role", "name": "x"}},
            'Unsupported value: "Role"',
        ),
        (
            "clusterrolebindings",
            {"roleRef": {"kind": "ClusterRole"}},
            "roleRef.name: Required value",
        ),
        (
            "clusterrolebindings",
            {
                "roleRef": {"kind": "ClusterRole", "name": "x"},
                "subjects": [{"kind": "ServiceAccount", "name": "x"}],
            },
            "subjects[0].namespace: Required value",
        ),
        (
            "clusterrolebindings",
            {
                "roleRef": {"kind": "ClusterRole", "name": "x"},
                "subjects": [{"kind": "Robot", "name": "x"}],
            },
            'Unsupported value: "Robot"',
        ),
    ],
)
def test_rbac_objects_are_validated(
    lab: KubernetesLab, admin: str, plural: str, body: dict[str, Any], said: str
) -> None:
    answer = lab.ask(admin, "POST", f"{RBAC}/{plural}", {"metadata": {"name": "x"}, **body})
    assert answer.code == 422
    assert said in answer.message


def test_a_role_with_urls_lives_in_no_namespace(lab: KubernetesLab, admin: str) -> None:
    body = {
        "metadata": {"name": "x"},
        "rules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}],
    }
    answer = lab.ask(admin, "POST", f"{RBAC}/namespaces/default/roles", body)
    assert "namespaced rules cannot apply to non-resource URLs" in answer.message


def test_aggregated_roles_follow_the_roles_they_select(lab: KubernetesLab, admin: str) -> None:
    rule = {"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}

    def has(role: str) -> bool:
        return rule in lab.ask(admin, "GET", f"{RBAC}/clusterroles/{role}").body["rules"]

    lab.ask(
        admin,
        "POST",
        f"{RBAC}/clusterroles",
        {"metadata": {"name": "w", "labels": labels}, "rules": [rule]},
    )
    assert has("view")
    assert has("edit")
    assert has("admin")
    lab.ask(admin, "DELETE", f"{RBAC}/clusterroles/w")
    assert not has("view")
    assert not has("admin")


def test_the_default_roles_of_kubernetes_are_there(lab: KubernetesLab, admin: str) -> None:
    found = names(lab.ask(admin, "GET", f"{RBAC}/clusterroles"))
    assert {
        "cluster-admin",
        "admin",
        "edit",
        "view",
        "system:basic-user",
        "system:discovery",
        "system:node",
    } <= set(found)
    assert len(found) > 60
    bound = names(lab.ask(admin, "GET", f"{RBAC}/clusterrolebindings"))
    assert {
        "cluster-admin",
        "system:basic-user",
        "eks:node-bootstrapper",
        "eks:kube-proxy-windows",
    } <= set(bound)


# custom resources


def definition(scope: str = "Namespaced") -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "policies.kyverno.io"},
        "spec": {
            "group": "kyverno.io",
            "scope": scope,
            "names": {
                "plural": "policies",
                "singular": "policy",
                "kind": "Policy",
                "shortNames": ["pol"],
            },
            "versions": [
                {"name": "v1", "served": True, "storage": True},
                {"name": "v2", "served": True},
            ],
        },
    }


def test_a_definition_serves_its_resource_until_it_goes(lab: KubernetesLab, admin: str) -> None:
    path = "/apis/kyverno.io/v1/namespaces/default/policies"
    assert lab.ask(admin, "GET", path).code == 404
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert lab.ask(admin, "POST", definitions, definition()).code == 201
    assert lab.ask(admin, "POST", path, {"metadata": {"name": "p"}, "spec": {"x": 1}}).code == 201
    assert (
        lab.ask(admin, "GET", f"/apis/kyverno.io/v2{path[19:]}/p").body["apiVersion"]
        == "kyverno.io/v2"
    )
    resources = lab.ask(admin, "GET", "/apis/kyverno.io/v1").body["resources"]
    assert [(r["name"], r["singularName"], r["shortNames"]) for r in resources] == [
        ("policies", "policy", ["pol"])
    ]
    assert lab.ask(admin, "DELETE", f"{definitions}/policies.kyverno.io").code == 200
    assert lab.ask(admin, "GET", path).code == 404


def test_a_world_may_bring_any_object_with_or_without_its_definition() -> None:
    objects = [
        {
            "apiVersion": "kyverno.io/v1",
            "kind": "Policy",
            "metadata": {"name": "p", "namespace": "team"},
        },
        definition(),
        {"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "b"}},
    ]
    lab = kubernetes_lab(objects=objects)
    admin = lab.admin()
    assert names(lab.ask(admin, "GET", "/apis/kyverno.io/v1/namespaces/team/policies")) == ["p"]
    assert names(lab.ask(admin, "GET", "/apis/example.com/v1/boxes")) == ["b"]
    assert lab.ask(admin, "GET", "/api/v1/namespaces/team").code == 200


def test_a_world_that_is_a_whole_cluster_gets_no_default_roles() -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "cluster-admin"},
    }
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    lab = kubernetes_lab(objects=[{**role, "rules": rules}])
    assert names(lab.ask(lab.admin(), "GET", f"{RBAC}/clusterroles")) == ["cluster-admin"]


# the rest


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/apis/none.example.com/v1/things", 404),
        ("GET", "/api/v1/namespaces/default/things", 404),
        ("GET", f"{AWS_AUTH}/status", 404),
        ("POST", AWS_AUTH, 405),
        ("POST", "/version", 405),
        ("PUT", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405),
        ("GET", "/apis/authorization.k8s.io/v1beta1/selfsubjectaccessreviews", 404),
        ("GET", "/api/v1/configmaps/aws-auth", 405),
    ],
)
def test_what_is_not_there_or_not_possible(
    lab: KubernetesLab, admin: str, method: str, path: str, code: int
) -> None:
    assert lab.ask(admin, method, path, {"metadata": {"name": "aws-auth"}}).code == code


def test_every_write_is_one_effect_with_its_writer(lab: KubernetesLab, admin: str) -> None:
    start = len(lab.world.effects)
    lab.ask(admin, "POST", CONFIG_MAPS, config_map("x"))
    lab.ask(admin, "PATCH", f"{CONFIG_MAPS}/x", {"data": {"a": "b"}}, MERGE)
    lab.ask(admin, "DELETE", f"{CONFIG_MAPS}/x")
    lab.ask(admin, "DELETE", f"{CONFIG_MAPS}/x")
    lab.ask(admin, "GET", CONFIG_MAPS)
    effects = lab.world.effects.all(start)
    assert [effect.operation for effect in effects] == [
        "kubernetes:create configmaps",
        "kubernetes:patch configmaps",
        "kubernetes:delete configmaps",
    ]
    assert {effect.who for effect in effects} == {"system:serviceaccount:kube-system:admin"}
    assert effects[0].detail == {"cluster": "demo", "namespace": "kube-system", "name": "x"}


def test_a_status_subresource_is_written_like_the_object(lab: KubernetesLab, admin: str) -> None:
    lab.load("Node", "n1")
    answer = lab.ask(admin, "PATCH", "/api/v1/nodes/n1/status", {"status": {"phase": "x"}}, MERGE)
    assert answer.body["status"] == {"phase": "x"}


def test_an_audit_event_tells_who_did_what_and_why_it_was_allowed(
    lab: KubernetesLab, admin: str
) -> None:
    lab.ask(admin, "PATCH", AWS_AUTH, {"data": {"mapRoles": "x"}}, MERGE)
    line = [
        line
        for line in lab.cluster.logs.between(None, None)
        if line.stream.startswith("kube-apiserver-audit")
    ][-1]
    event = json.loads(line.message)
    assert event["verb"] == "patch"
    assert event["objectRef"] == {
        "resource": "configmaps",
        "namespace": "kube-system",
        "name": "aws-auth",
        "apiVersion": "v1",
    }
    assert event["user"]["username"] == "system:serviceaccount:kube-system:admin"
    assert event["annotations"]["authorization.k8s.io/decision"] == "allow"
    assert event["annotations"]["authorization.k8s.io/reason"].startswith(
        "RBAC: allowed by ClusterRoleBinding"
    )
    assert event["level"] == "RequestResponse"
    assert event["requestObject"] == {"data": {"mapRoles": "x"}}
    assert event["responseObject"]["data"] == {"mapRoles": "x"}
