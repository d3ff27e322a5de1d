"""Raw Kubernetes objects become RBAC values; what the API server could not hold grants nothing."""

import json
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migrator.model import rbac
from migrator.model.rbac import (
    Binding,
    LabelSelector,
    PermissionRow,
    PolicyRule,
    RbacState,
    Role,
    Subject,
)

_REF: dict[str, str] = {
    "apiGroup": "rbac.authorization.k8s.io",
    "kind": "ClusterRole",
    "name": "view",
}


def _binding(**changes: object) -> dict[str, Any]:
    return {
        "metadata": {"name": "b", "namespace": "dev"},
        "roleRef": _REF,
        "subjects": [],
        **changes,
    }


def test_objects_of_all_four_lists_are_read() -> None:
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]}
    state = RbacState.from_raw(
        {
            "roles": [{"metadata": {"name": "r", "namespace": "dev"}, "rules": [rule]}],
            "clusterRoles": [
                {
                    "metadata": {"name": "c", "labels": {"team": "a"}},
                    "rules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}],
                    "aggregationRule": {
                        "clusterRoleSelectors": [
                            {
                                "matchLabels": {"b": "2", "a": "1"},
                                "matchExpressions": [
                                    {"key": "k", "operator": "In", "values": ["v"]}
                                ],
                            }
                        ]
                    },
                }
            ],
            "roleBindings": [
                _binding(subjects=[{"kind": "ServiceAccount", "name": "sa", "namespace": "ops"}])
            ],
            "clusterRoleBindings": [
                _binding(
                    metadata={"name": "cb", "labels": {"x": "y"}},
                    subjects=[{"kind": "Group", "name": "g"}],
                )
            ],
        }
    )
    selector = LabelSelector((("a", "1"), ("b", "2")), (("k", "In", ("v",)),))
    assert state.roles == (
        Role(
            "c",
            None,
            (PolicyRule(("get",), non_resource_urls=("/healthz",)),),
            {"team": "a"},
            (selector,),
        ),
        Role("r", "dev", (PolicyRule(("get",), ("",), ("pods",), ("a",)),), {}),
    )
    assert state.bindings == (
        Binding("cb", None, "ClusterRole", "view", (Subject("Group", "g"),), {"x": "y"}),
        Binding("b", "dev", "ClusterRole", "view", (Subject("ServiceAccount", "sa", "ops"),), {}),
    )


def test_a_kubernetes_list_object_is_read_like_an_array() -> None:
    assert (
        len(RbacState.from_raw({"roleBindings": {"kind": "List", "items": [_binding()]}}).bindings)
        == 1
    )


def test_missing_lists_are_empty() -> None:
    assert RbacState.from_raw({}) == RbacState()


def test_a_role_binding_without_namespace_is_not_read_as_cluster_wide() -> None:
    for metadata in (
        {"name": "b"},
        {"name": "b", "namespace": ""},
        {"name": "b", "namespace": 7},
        {},
        None,
    ):
        raw = {"roleBindings": [_binding(metadata=metadata)], "roles": [{"metadata": metadata}]}
        assert RbacState.from_raw(raw) == RbacState()


def test_a_cluster_role_binding_stays_cluster_wide_whatever_its_metadata_says() -> None:
    assert RbacState.from_raw({"clusterRoleBindings": [_binding()]}).bindings[0].namespace is None


def test_a_binding_of_an_unknown_role_kind_grants_nothing() -> None:
    for ref in ({**_REF, "kind": "Clusterrole"}, {"kind": "Role"}, None, "view"):
        assert RbacState.from_raw({"roleBindings": [_binding(roleRef=ref)]}).bindings == ()


def test_malformed_subjects_and_rules_are_left_out_alone() -> None:
    subjects = [
        {"kind": "Robot", "name": "x"},
        {"kind": "User"},
        "User",
        {"kind": "User", "name": "u", "namespace": ""},
    ]
    state = RbacState.from_raw(
        {
            "roleBindings": [_binding(subjects=subjects)],
            "roles": [
                {
                    "metadata": {"name": "r", "namespace": "dev"},
                    "rules": [None, {"verbs": ["get", 1], "resources": "x"}],
                }
            ],
        }
    )
    assert state.bindings[0].subjects == (Subject("User", "u"),)
    assert state.roles[0].rules == (PolicyRule(("get",)),)


def test_an_aggregation_rule_of_a_namespaced_role_means_nothing() -> None:
    raw = {
        "metadata": {"name": "r", "namespace": "dev"},
        "aggregationRule": {"clusterRoleSelectors": [{}]},
    }
    role = Role.from_raw(raw, namespaced=True)
    assert role is not None and role.aggregation is None


def test_rows_say_when_they_stand_for_something_unknown() -> None:
    assert PermissionRow("unknown access policy X").unknown
    assert not PermissionRow("namespace unknown").unknown


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "metadata",
                    "name",
                    "namespace",
                    "rules",
                    "roleRef",
                    "kind",
                    "subjects",
                    "items",
                    "labels",
                    "verbs",
                ]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(["roles", "roleBindings", "clusterRoles", "clusterRoleBindings"]), _json
    )
)
def test_any_json_is_read_without_an_error(raw: dict[str, Any]) -> None:
    state = RbacState.from_raw(raw)
    assert all(role.name for role in state.roles)
    assert all(binding.role_kind in ("Role", "ClusterRole") for binding in state.bindings)


_TEXTS = st.sampled_from(["get", "pods", "*", "", "a", 1, True, None])
_LISTS = st.none() | st.lists(_TEXTS, max_size=3) | _TEXTS
_NOTHING: dict[str, st.SearchStrategy[Any]] = {}
_METADATA = st.fixed_dictionaries(
    _NOTHING,
    optional={
        "name": _TEXTS,
        "namespace": _TEXTS,
        "labels": st.none() | st.dictionaries(st.sampled_from("ab"), _TEXTS, max_size=2),
        "uid": st.uuids().map(str),
    },
)
_RULES = st.lists(st.fixed_dictionaries({"verbs": _LISTS, "resources": _LISTS}), max_size=2)
_SUBJECTS = st.lists(
    st.fixed_dictionaries({"kind": st.sampled_from(["Group", "User"]), "name": _TEXTS}), max_size=2
)
_OBJECTS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries(
        {"metadata": _METADATA},
        optional={
            "rules": _RULES,
            "roleRef": st.sampled_from([_REF, {"kind": "Role", "name": "view"}]),
            "subjects": _SUBJECTS,
            "aggregationRule": st.just({"clusterRoleSelectors": [{"matchLabels": {"a": "get"}}]}),
        },
    ),
    max_size=4,
)
_STATES = st.fixed_dictionaries(
    {
        "roles": _OBJECTS,
        "roleBindings": _OBJECTS,
        "clusterRoles": _OBJECTS,
        "clusterRoleBindings": _OBJECTS,
    }
)


@given(st.lists(_STATES, min_size=1, max_size=4))
def test_a_cluster_is_read_alike_whichever_clusters_were_read_before(
    states: list[dict[str, Any]],
) -> None:
    rbac._read_known.cache_clear()
    together = [RbacState.from_raw(state) for state in states]
    alone = []
    for state in states:
        rbac._read_known.cache_clear()
        alone.append(RbacState.from_raw(state))
    assert together == alone


def test_what_is_kept_of_other_clusters_is_bounded() -> None:
    rbac._read_known.cache_clear()
    long = {"verbs": ["get"], "resourceNames": [f"name-{number}" for number in range(2000)]}
    for number in range(3 * rbac._MOST_KNOWN):
        role = {"metadata": {"name": f"r{number}"}, "rules": [{"verbs": ["get"]}]}
        read = RbacState.from_raw({"clusterRoles": [role, {**role, "rules": [long]}]})
        assert len(read.roles[1].rules[0].resource_names) == 2000
    found = rbac._read_known.cache_info()
    assert found.currsize <= rbac._MOST_KNOWN
    # The long ones were never asked for there.
    assert found.hits + found.misses == 3 * rbac._MOST_KNOWN


def test_what_another_cluster_has_too_is_read_once() -> None:
    rbac._read_known.cache_clear()
    role = {"metadata": {"name": "r", "uid": "1"}, "rules": [{"verbs": ["get"]}]}
    for number in range(3):
        other = {**role, "metadata": {"name": "r", "uid": str(number)}}
        RbacState.from_raw(json.loads(json.dumps({"clusterRoles": [other]})))
    assert rbac._read_known.cache_info().misses == 1


def test_an_object_with_values_that_json_has_not_is_read() -> None:
    role = {"metadata": {"name": "r", "labels": {"since": date(2026, 1, 1), "team": "a"}}}
    read = RbacState.from_raw({"clusterRoles": [role]})
    assert [dict(each.labels) for each in read.roles] == [{"team": "a"}]
