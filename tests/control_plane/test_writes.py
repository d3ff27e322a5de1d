"""What the API server answers to a write that is odd: the same questions to both clusters.

Recorded once from kube-apiserver 1.36 where the answer is surprising: an apply with a misspelled
field is HTTP 500, a bad option 422, and a JSON patch may replace a key that is not there.
"""

from typing import NamedTuple

import pytest

from tests.support.control_plane.bed import Bed
from tests.support.kubernetes_lab import Answer, Json

RBAC = "rbac.authorization.k8s.io"
MAPS = "/api/v1/namespaces/default/configmaps"
APPLY, JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"
MERGE = "application/merge-patch+json"


def config_map(name: str, **fields: object) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **fields}


def role(name: str, **fields: object) -> Json:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        **fields,
    }


def binding(name: str, subject: Json, namespace: str = "", **reference: str) -> Json:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"kind": "ClusterRole", "name": "view", **reference},
        "subjects": [subject],
    }


def create(bed: Bed, place: str, body: Json) -> Answer:
    return bed.ask(bed.admin(), "POST", place, body)


def apply(bed: Bed, name: str, body: Json, query: str = "") -> Answer:
    target = f"{MAPS}/{name}?fieldManager=tests{query}"
    return bed.ask(bed.admin(), "PATCH", target, body, APPLY)


class Typo(NamedTuple):
    """A body with fields that its kind does not have, and their paths."""

    target: str
    body: Json
    paths: tuple[str, ...]


TYPOS = {
    "one": Typo(f"{MAPS}/typo", config_map("typo", dato={"a": "b"}), (".dato",)),
    "two": Typo(f"{MAPS}/typo", config_map("typo", dato={}, binary={}), (".binary", ".dato")),
    "metadata": Typo(
        f"{MAPS}/typo",
        {**config_map("typo"), "metadata": {"name": "typo", "label": {"a": "b"}}},
        (".metadata.label",),
    ),
    "spec": Typo(
        "/apis/coordination.k8s.io/v1/namespaces/default/leases/typo",
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "typo"},
            "spec": {"holder": "me"},
        },
        (".spec.holder",),
    ),
}


@pytest.mark.parametrize("name", TYPOS)
@pytest.mark.parametrize("strictness", ["Ignore", "Strict"])
def test_apply_with_an_unknown_field_is_an_error_of_the_server(
    bed: Bed, name: str, strictness: str
) -> None:
    typo = TYPOS[name]
    target = f"{typo.target}?fieldManager=tests&fieldValidation={strictness}"
    answer = bed.ask(bed.admin(), "PATCH", target, typo.body, APPLY)
    assert answer.code == 500, answer
    assert "failed to create typed patch object" in answer.message
    for path in typo.paths:
        assert f"{path}: field not declared in schema" in answer.message
    assert bed.ask(bed.admin(), "GET", typo.target).code == 404


def test_apply_with_a_resource_version_makes_a_missing_object(bed: Bed) -> None:
    body = config_map("by-version", data={"a": "b"})
    body["metadata"]["resourceVersion"] = "1"
    assert apply(bed, "by-version", body).code == 201


def test_other_writes_drop_unknown_fields_at_any_depth(bed: Bed) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "pruned", "label": {}},
        "spec": {"holderIdentity": "me", "holder": "you"},
        "more": 1,
    }
    place = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    answer = create(bed, place, lease)
    assert answer.code == 201
    assert answer.body["spec"] == {"holderIdentity": "me"}
    assert "more" not in answer.body
    assert "label" not in answer.body["metadata"]
    refused = create(bed, f"{place}?fieldValidation=Strict", lease)
    assert refused.code == 400
    for path in ("metadata.label", "more", "spec.holder"):
        assert f'unknown field "{path}"' in refused.message


def test_json_patch_replaces_a_key_that_is_not_there(bed: Bed) -> None:
    assert create(bed, MAPS, config_map("patched", data={"a": "b"})).code == 201
    steps = [{"op": "replace", "path": "/data/c", "value": "d"}]
    answer = bed.ask(bed.admin(), "PATCH", f"{MAPS}/patched", steps, JSON_PATCH)
    assert (answer.code, answer.body["data"]) == (200, {"a": "b", "c": "d"})
    steps = [{"op": "remove", "path": "/data/none"}]
    assert bed.ask(bed.admin(), "PATCH", f"{MAPS}/patched", steps, JSON_PATCH).code == 422


def test_binding_gets_its_api_groups_and_a_service_account_its_namespace(bed: Bed) -> None:
    account = {"kind": "ServiceAccount", "name": "robot"}
    inside = f"/apis/{RBAC}/v1/namespaces/default/rolebindings"
    answer = create(bed, inside, binding("robot", account, "default", apiGroup=""))
    assert (answer.code, answer.body["roleRef"]["apiGroup"]) == (201, RBAC)
    assert answer.body["subjects"] == [account]
    outside = f"/apis/{RBAC}/v1/clusterrolebindings"
    refused = create(bed, outside, binding("robot", account))
    assert refused.code == 422
    assert "subjects[0].namespace: Required value" in refused.message
    user = create(bed, outside, binding("person", {"kind": "User", "name": "x", "apiGroup": ""}))
    assert user.body["subjects"] == [{"kind": "User", "name": "x", "apiGroup": RBAC}]


def test_what_is_empty_is_left_out(bed: Bed) -> None:
    body = config_map("empty", data={}, binaryData={})
    body["metadata"] |= {"labels": {}, "annotations": {}, "finalizers": []}
    found = create(bed, MAPS, body).body
    assert not {"data", "binaryData"} & found.keys()
    assert not {"labels", "annotations", "finalizers"} & found["metadata"].keys()
    assert create(bed, MAPS, config_map("empty-text", data={"a": ""})).body["data"] == {"a": ""}
    roles = f"/apis/{RBAC}/v1/clusterroles"
    assert create(bed, roles, role("empty", rules=[])).code == 201
    assert bed.ask(bed.admin(), "GET", f"{roles}/empty").body["rules"] is None
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
    answer = create(bed, roles, role("full", rules=[{**rule, "resourceNames": []}]))
    assert answer.body["rules"] == [rule]
    nobody = {**binding("nobody", {}), "subjects": []}
    answer = create(bed, f"/apis/{RBAC}/v1/clusterrolebindings", nobody)
    assert (answer.code, "subjects" in answer.body) == (201, False)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("dryRun=Some", 'dryRun: Unsupported value: []string{"Some"}: supported values: "All"'),
        (
            "fieldValidation=Perhaps",
            'fieldValidation: Unsupported value: "Perhaps": supported values: "Ignore", "Strict", '
            '"Warn"',
        ),
        ("force=true", "force: Forbidden: may not be specified for non-apply patch"),
        ("fieldManager=" + "x" * 129, "fieldManager: Too long: may not be more than 128 bytes"),
    ],
)
def test_bad_options_are_unprocessable(bed: Bed, query: str, said: str) -> None:
    bed.put(config_map("options") | {"metadata": {"name": "options", "namespace": "default"}})
    answer = bed.ask(bed.admin(), "PATCH", f"{MAPS}/options?{query}", {"data": None}, MERGE)
    assert answer.code == 422, answer
    assert answer.message == f'PatchOptions.meta.k8s.io "" is invalid: {said}'


def test_resource_version_that_is_no_number_is_an_error_of_the_server(bed: Bed) -> None:
    bed.put(config_map("version") | {"metadata": {"name": "version", "namespace": "default"}})
    body = config_map("version")
    body["metadata"]["resourceVersion"] = "abc"
    answer = bed.ask(bed.admin(), "PUT", f"{MAPS}/version", body)
    assert (answer.code, answer.message) == (
        500,
        'strconv.ParseUint: parsing "abc": invalid syntax',
    )


def test_namespace_is_completed(bed: Bed) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}}
    answer = create(bed, "/api/v1/namespaces", body)
    for found in (answer.body, bed.ask(bed.admin(), "GET", "/api/v1/namespaces/kube-system").body):
        name = found["metadata"]["name"]
        assert found["metadata"]["labels"]["kubernetes.io/metadata.name"] == name
        assert found["spec"] == {"finalizers": ["kubernetes"]}
        assert found["status"] == {"phase": "Active"}
