"""Everything that names a group or a username."""

from migrator.decide.access.name_references import NameIndex, binding_place, is_ours
from migrator.model.rbac import PolicyRule, Role, Subject
from migrator.model.snapshot import GroupReference
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from tests.support.worlds import bind, group, named, rbac, reference, service_account


def impersonate(
    resource: str, *names: str, verb: str = "impersonate", namespace: str | None = None
) -> Role:
    return Role("sudo", namespace, (PolicyRule((verb,), ("",), (resource,), names),), {})


def test_groups_are_found_in_bindings_once_per_binding() -> None:
    index = NameIndex(rbac(bind(group("a"), group("a"), named("a"))), ())
    assert [b.name for b in index.bindings_of_group("a")] == ["view-binding"]
    assert index.bindings_of_group("b") == ()


def test_impersonation_names_groups_and_users() -> None:
    index = NameIndex(
        rbac(roles=[impersonate("groups", "g"), impersonate("users", "u", namespace="shop")]), ()
    )
    assert index.of_group("g") == ("impersonate rule of ClusterRole sudo",)
    assert index.of_username("u") == ("impersonate rule of Role shop/sudo",)
    assert index.of_group("u") == ()


def test_wildcards_in_impersonation_rules_count() -> None:
    index = NameIndex(rbac(roles=[impersonate("*", "x", verb="*")]), ())
    assert index.of_group("x")
    assert index.of_username("x")


def test_other_verbs_name_nobody() -> None:
    index = NameIndex(rbac(roles=[impersonate("users", "x", verb="get")]), ())
    assert index.of_username("x") == ()


def test_service_accounts_are_usernames_of_their_namespace() -> None:
    bare = Subject("ServiceAccount", "robot")
    index = NameIndex(
        rbac(
            bind(service_account("shop", "robot")),
            bind(bare, namespace="blog"),
            bind(bare, name="nowhere"),
        ),
        (),
    )
    assert index.of_username("system:serviceaccount:shop:robot")
    assert index.of_username("system:serviceaccount:{{SessionName}}:robot")
    assert index.of_username("system:serviceaccount:blog:robot") == (
        "RoleBinding blog/view-binding",
    )


def test_templates_find_every_name_they_can_become() -> None:
    index = NameIndex(
        rbac(bind(named("dev:a"), named("dev:b"), named("ops:c"), named("dev:x y"))), ()
    )
    assert len(index.of_username("dev:{{SessionName}}")) == 2
    assert index.of_username("dev:{{SessionName}}") is index.of_username("dev:{{SessionName}}")
    assert len(index.of_username("{{SessionName}}")) == 0


def test_references_name_groups_and_users_alike() -> None:
    index = NameIndex(rbac(), (reference("x"), reference("team-*", "ClusterPolicy")))
    assert index.of_group("x") == index.of_username("x") == ("FlowSchema rule (spec.subjects[0])",)
    assert index.of_group("team-a") == ("ClusterPolicy rule (spec.subjects[0])",)
    assert index.of_username("team-{{SessionName}}") == ("ClusterPolicy rule (spec.subjects[0])",)


def test_rbac_among_the_references_counts_once() -> None:
    again = GroupReference(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        None,
        "view-binding",
        "subjects[0]",
        "a",
    )
    assert len(NameIndex(rbac(bind(group("a"))), (again,)).of_group("a")) == 1
    assert len(NameIndex(None, (again,)).of_group("a")) == 1


def test_absence_means_something_only_where_everything_was_read() -> None:
    assert NameIndex(rbac(), ()).complete
    assert not NameIndex(rbac(), None).complete
    assert not NameIndex(None, ()).complete
    assert not NameIndex(rbac(), (), complete=False).rbac_known


def test_bindings_are_named_with_their_namespace_and_known_as_ours() -> None:
    assert binding_place(bind(group("a"))) == "ClusterRoleBinding view-binding"
    assert binding_place(bind(group("a"), namespace="shop")) == "RoleBinding shop/view-binding"
    assert is_ours(bind(labels={MANAGED_BY_LABEL: MANAGED_BY}))
    assert not is_ours(bind(labels={MANAGED_BY_LABEL: "Helm"}))
