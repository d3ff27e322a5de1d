"""Server-side apply and field owners. What is owned, what conflicts and what is pruned follows the
documentation.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.lab.kubernetes.managed_fields import apply, owned_fields, read_owners, track_update
from migrator.lab.kubernetes.status import ApiError
from tests.support.kubernetes_lab import Answer, KubernetesLab, kubernetes_lab

AWS_AUTH = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
BINDING = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b"
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"


@pytest.fixture
def lab() -> KubernetesLab:
    return kubernetes_lab()


@pytest.fixture
def admin(lab: KubernetesLab) -> str:
    return lab.admin()


def apply_data(
    lab: KubernetesLab, token: str, manager: str, query: str = "", **data: str
) -> Answer:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
    return lab.ask(token, "PATCH", f"{AWS_AUTH}?fieldManager={manager}{query}", body, APPLY)


def owners(answer: Answer) -> dict[tuple[str, str], Any]:
    return {
        (entry["manager"], entry["operation"]): entry["fieldsV1"]
        for entry in answer.body["metadata"].get("managedFields", [])
    }


def test_apply_creates_and_owns_its_leaves(lab: KubernetesLab, admin: str) -> None:
    answer = apply_data(lab, admin, "one", mapRoles="a", mapUsers="b")
    assert answer.code == 201
    assert owners(answer) == {("one", "Apply"): {"f:data": {"f:mapRoles": {}, "f:mapUsers": {}}}}


def test_applying_the_same_again_changes_nothing(lab: KubernetesLab, admin: str) -> None:
    first = apply_data(lab, admin, "one", mapRoles="a")
    lab.world.clock.advance(timedelta(hours=1))
    again = apply_data(lab, admin, "one", mapRoles="a")
    assert (again.code, again.body) == (200, first.body)


def test_another_value_of_anothers_field_is_a_conflict_that_names_manager_and_field(
    lab: KubernetesLab, admin: str
) -> None:
    apply_data(lab, admin, "one", mapRoles="a")
    answer = apply_data(lab, admin, "two", mapRoles="b")
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .data.mapRoles'
    assert answer.body["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "one"',
            "field": ".data.mapRoles",
        }
    ]


def test_several_conflicts_are_listed_by_manager(lab: KubernetesLab, admin: str) -> None:
    apply_data(lab, admin, "one", mapRoles="a", mapUsers="a")
    patch = {"data": {"mapAccounts": "a"}}
    lab.ask(admin, "PATCH", f"{AWS_AUTH}?fieldManager=kubectl-edit", patch, MERGE)
    answer = apply_data(lab, admin, "two", mapRoles="b", mapUsers="b", mapAccounts="b")
    assert answer.message == (
        "Apply failed with 3 conflicts: "
        'conflicts with "kubectl-edit" using v1:\n- .data.mapAccounts\n'
        'conflicts with "one":\n- .data.mapRoles\n- .data.mapUsers'
    )


def test_the_same_value_is_shared(lab: KubernetesLab, admin: str) -> None:
    apply_data(lab, admin, "one", mapRoles="a")
    shared = apply_data(lab, admin, "two", mapRoles="a")
    assert shared.code == 200
    assert set(owners(shared)) == {("one", "Apply"), ("two", "Apply")}
    left = apply_data(lab, admin, "one")
    assert left.body["data"] == {"mapRoles": "a"}


def test_force_takes_the_field_over(lab: KubernetesLab, admin: str) -> None:
    apply_data(lab, admin, "one", mapRoles="a", mapUsers="u")
    answer = apply_data(lab, admin, "two", "&force=true", mapRoles="b")
    assert answer.body["data"] == {"mapRoles": "b", "mapUsers": "u"}
    assert owners(answer) == {
        ("one", "Apply"): {"f:data": {"f:mapUsers": {}}},
        ("two", "Apply"): {"f:data": {"f:mapRoles": {}}},
    }


def test_what_a_manager_no_longer_applies_goes(lab: KubernetesLab, admin: str) -> None:
    apply_data(lab, admin, "one", mapRoles="a", mapUsers="b")
    assert apply_data(lab, admin, "one", mapRoles="a").body["data"] == {"mapRoles": "a"}


def test_an_ordinary_write_takes_the_fields_it_changes(lab: KubernetesLab, admin: str) -> None:
    apply_data(lab, admin, "one", mapRoles="a", mapUsers="b")
    answer = lab.ask(
        admin, "PATCH", f"{AWS_AUTH}?fieldManager=edit", {"data": {"mapRoles": "c"}}, MERGE
    )
    assert owners(answer) == {
        ("one", "Apply"): {"f:data": {"f:mapUsers": {}}},
        ("edit", "Update"): {"f:data": {"f:mapRoles": {}}},
    }
    assert apply_data(lab, admin, "one", mapRoles="a", mapUsers="b").message == (
        'Apply failed with 1 conflict: conflict with "edit" using v1: .data.mapRoles'
    )


def test_the_manager_of_an_ordinary_write_is_the_user_agent(lab: KubernetesLab, admin: str) -> None:
    answer = lab.ask(
        admin,
        "POST",
        AWS_AUTH.removesuffix("/aws-auth"),
        {"metadata": {"name": "aws-auth", "labels": {"a": "b"}}, "data": {"x": "y"}},
        headers={"user-agent": ["Terraform/1.9 (+https://terraform.io)"]},
    )
    assert owners(answer) == {
        ("Terraform", "Update"): {
            "f:data": {".": {}, "f:x": {}},
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
        }
    }


def test_apply_without_a_manager_is_refused(lab: KubernetesLab, admin: str) -> None:
    answer = lab.ask(admin, "PATCH", AWS_AUTH, {"apiVersion": "v1", "kind": "ConfigMap"}, APPLY)
    assert answer.code == 422
    assert "fieldManager: Required value: is required for apply patch" in answer.message


def test_apply_needs_the_right_to_create_only_when_it_creates(
    lab: KubernetesLab, admin: str
) -> None:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}
    lab.load("ClusterRole", "patcher", rules=[rule])
    lab.load("ServiceAccount", "bot", "team")
    lab.bind("patcher", "ServiceAccount:team/bot")
    bot, _ = lab.api.service_accounts.make("team", "bot")
    refused = apply_data(lab, bot, "one", mapRoles="a")
    assert refused.code == 403
    assert 'cannot create resource "configmaps"' in refused.message
    apply_data(lab, admin, "other", mapUsers="u")
    assert apply_data(lab, bot, "one", mapRoles="a").code == 200


def test_apply_obeys_a_version_and_refuses_managed_fields(lab: KubernetesLab, admin: str) -> None:
    apply_data(lab, admin, "one", mapRoles="a")
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"resourceVersion": "1"},
        "data": {},
    }
    assert lab.ask(admin, "PATCH", f"{AWS_AUTH}?fieldManager=one", body, APPLY).code == 409
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"managedFields": [{"manager": "x"}]},
    }
    assert lab.ask(admin, "PATCH", f"{AWS_AUTH}?fieldManager=one", body, APPLY).code == 400


def test_subjects_of_a_binding_are_one_field(lab: KubernetesLab, admin: str) -> None:
    def apply_subjects(manager: str, *names: str) -> Answer:
        group = "rbac.authorization.k8s.io"
        body = {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "b"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": name} for name in names],
        }
        return lab.ask(admin, "PATCH", f"{BINDING}?fieldManager={manager}", body, APPLY)

    assert owners(apply_subjects("one", "a")) == {
        ("one", "Apply"): {"f:roleRef": {}, "f:subjects": {}}
    }
    answer = apply_subjects("two", "a", "b")
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .subjects'


def test_finalizers_are_a_set_that_managers_add_to(lab: KubernetesLab, admin: str) -> None:
    for manager, name in (("one", "a/x"), ("two", "b/y")):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"finalizers": [name]}}
        answer = lab.ask(admin, "PATCH", f"{AWS_AUTH}?fieldManager={manager}", body, APPLY)
    assert answer.body["metadata"]["finalizers"] == ["a/x", "b/y"]
    gone = lab.ask(
        admin,
        "PATCH",
        f"{AWS_AUTH}?fieldManager=one",
        {"apiVersion": "v1", "kind": "ConfigMap"},
        APPLY,
    )
    assert gone.body["metadata"]["finalizers"] == ["b/y"]


def test_an_empty_list_of_owners_resets_all_ownership(lab: KubernetesLab, admin: str) -> None:
    apply_data(lab, admin, "one", mapRoles="a")
    answer = lab.ask(
        admin, "PATCH", f"{AWS_AUTH}?fieldManager=x", {"metadata": {"managedFields": []}}, MERGE
    )
    assert owners(answer) == {}


# properties

VALUES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "2"]), max_size=4)
STAMP = "2026-01-01T00:00:00Z"


def document(data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data}


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), st.booleans(), VALUES), max_size=8))
def test_whoever_applied_last_has_what_it_applied(
    steps: list[tuple[str, bool, dict[str, str]]],
) -> None:
    live: dict[str, Any] | None = None
    for manager, force, data in steps:
        try:
            after = apply(live, document(data), manager, "v1", STAMP, force=force)
        except ApiError as refused:
            assert refused.code == 409
            assert not force
            assert live is not None
            continue
        assert data.items() <= (after.get("data") or {}).items()
        mine = [owner for owner in read_owners(after) if owner.manager == manager]
        assert [owner.fields for owner in mine] == [owned_fields(document(data))]
        everybody = frozenset[tuple[str, ...]]().union(
            *(owner.fields for owner in read_owners(after))
        )
        assert {("f:data", f"f:{key}") for key in after.get("data") or {}} <= everybody
        live = after


@given(VALUES, VALUES)
def test_an_update_owns_what_it_wrote_and_nobody_owns_what_is_gone(
    before: dict[str, str], after: dict[str, str]
) -> None:
    first = track_update(None, document(before), "one", "v1", STAMP)
    second = track_update(
        first, {**document(after), "metadata": dict(first["metadata"])}, "two", "v1", STAMP
    )
    fields = {
        owner.manager: {
            step[2:] for path in owner.fields if len(path) == 2 for step in path[1:] if step != "."
        }
        for owner in read_owners(second)
    }
    changed = {key for key, value in after.items() if before.get(key) != value}
    assert fields.get("two", set()) == changed
    assert fields.get("one", set()) == {key for key in before if after.get(key) == before[key]}
