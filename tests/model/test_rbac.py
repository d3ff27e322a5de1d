"""Raw Kubernetes objects become RBAC values; what the API server could not hold grants nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migrator.model.rbac import (
    Binding,
    LabelSelector,
    PermissionRow,
    PolicyRule,
    RbacState,
    Role,
    Subject,
)

_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}


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
