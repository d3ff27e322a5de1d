"""Access before and after, row by row, for the changes that a migration makes."""

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import (
    compare,
    compare_with_several,
    permissions_of,
    permissions_of_unnamed,
)
from migrator.decide.access.match_rules import Grant, RuleSet
from migrator.decide.access.permission_set import (
    EVERYTHING,
    NOTHING,
    PermissionSet,
    difference,
    is_subset,
)
from migrator.model.access_entry import NOBODY, AccessScope, AssociatedPolicy, Identity
from migrator.model.plan import AccessChange
from migrator.model.rbac import AccessRequest, Binding, PermissionRow, RbacState, Role, Subject
from tests.support.access import POLICY_ARN, bind, group, policy, role, rule, user

NODE_DNS, NODE_SESSION = "system:node:{{EC2PrivateDNSName}}", "system:node:{{SessionName}}"


def _index(*items: Role | Binding) -> RbacIndex:
    return RbacIndex(
        RbacState(
            tuple(item for item in items if isinstance(item, Role)),
            tuple(item for item in items if isinstance(item, Binding)),
        )
    )


def _login(
    username: str = "u", *groups: str, policies: tuple[AssociatedPolicy, ...] = ()
) -> Identity:
    return Identity(username, groups, "access-entry", policies)


READER = role("reader", rule("get list", "pods"))
EMPTY = _index()
CLUSTER_ADMIN = policy("AmazonEKSClusterAdminPolicy")


def test_masters_become_the_policy_without_any_difference() -> None:
    index = _index(READER, bind("b", "reader", group("system:masters"), namespace="dev"))
    before = Identity("admin", ("system:masters", "devs"), "config-map")
    assert (
        compare(before, _login("admin", "devs", policies=(CLUSTER_ADMIN,)), index) == AccessChange()
    )


def test_masters_without_the_policy_lose_everything() -> None:
    change = compare(Identity("admin", ("system:masters",), "config-map"), NOBODY, EMPTY)
    assert change.gained == ()
    assert change.lost == (
        PermissionRow("cluster", ("*",), ("*",), ("*",)),
        PermissionRow("non-resource", verbs=("*",), non_resource_urls=("*",)),
    )


def test_a_dropped_group_is_lost_where_it_is_bound_and_only_there() -> None:
    index = _index(READER, bind("b", "reader", group("devs"), namespace="dev"))
    change = compare(_login("u", "devs", "unbound"), _login("u"), index)
    assert change == AccessChange(
        lost=(PermissionRow("namespace dev", ("",), ("pods",), ("get", "list")),)
    )
    assert compare(_login("u", "devs", "unbound"), _login("u", "devs"), index) == AccessChange()


def test_a_changed_username_loses_what_names_it() -> None:
    index = _index(READER, bind("b", "reader", user("alice"), namespace="dev"))
    lost = PermissionRow("namespace dev", ("",), ("pods",), ("get", "list"))
    assert compare(_login("alice"), _login("arn:alice"), index) == AccessChange(lost=(lost,))
    assert compare(_login("arn:alice"), _login("alice"), index) == AccessChange(gained=(lost,))


def test_a_username_like_a_service_account_s_is_bound_like_it() -> None:
    index = _index(
        READER, bind("b", "reader", Subject("ServiceAccount", "sa", "ops"), namespace="dev")
    )
    assert compare(_login("system:serviceaccount:ops:sa"), _login("u"), index).lost


def test_who_cannot_log_in_has_not_even_what_everybody_has() -> None:
    index = _index(READER, bind("b", "reader", group("system:authenticated")))
    assert permissions_of(NOBODY, index) == NOTHING
    assert permissions_of_unnamed(NOBODY, index) == NOTHING
    assert compare(NOBODY, _login(), index).gained == (
        PermissionRow("cluster", ("",), ("pods",), ("get", "list")),
    )
    assert compare(NOBODY, Identity("x", ("system:masters",), "none"), index) == AccessChange()
    assert compare(Identity("u", (), "none"), _login("u"), index).gained
    assert compare(_login("u"), Identity("u", (), "none"), index).lost


def test_the_same_right_in_another_namespace_is_both_lost_and_gained() -> None:
    index = _index(
        READER,
        bind("a", "reader", group("a"), namespace="dev"),
        bind("b", "reader", group("b"), namespace="prod"),
    )
    change = compare(_login("u", "a"), _login("u", "b"), index)
    assert [row.scope for row in change.lost] == ["namespace dev"]
    assert [row.scope for row in change.gained] == ["namespace prod"]


def test_a_cluster_wide_right_reaches_namespaces_that_do_not_exist_yet() -> None:
    index = _index(
        READER, bind("a", "reader", group("a")), bind("b", "reader", group("b"), namespace="dev")
    )
    change = compare(_login("u", "a"), _login("u", "b"), index)
    assert change == AccessChange(
        lost=(PermissionRow("cluster except namespace dev", ("",), ("pods",), ("get", "list")),)
    )


def test_a_policy_in_all_namespaces_loses_requests_outside_of_them() -> None:
    before, after = (
        _login(policies=(policy("AmazonEKSSecretReaderPolicy", *where),)) for where in ((), ("*",))
    )
    change = compare(before, after, EMPTY)
    assert change.gained == ()
    assert {row.scope for row in change.lost} == {"cluster outside namespaces"}


def test_prefixes_of_scopes_are_subtracted_exactly() -> None:
    before = _login(policies=(policy("AmazonEKSSecretReaderPolicy", "dev-*", "prod"),))
    after = _login(policies=(policy("AmazonEKSSecretReaderPolicy", "dev-a*", "dev-b", "*x"),))
    scopes = {row.scope for row in compare(before, after, EMPTY).lost}
    assert scopes == {
        "namespace dev-* except dev-a*, dev-b",
        "namespace prod",
        f"unknown access policy {POLICY_ARN}AmazonEKSSecretReaderPolicy in namespace *x",
    }


def test_what_is_in_again_inside_an_exclusion_is_a_row_of_its_own() -> None:
    get, listing = RuleSet((rule("get"),)), RuleSet((rule("list"),))
    a = PermissionSet(frozenset({Grant("*", get), Grant("dev-*", listing)}))
    b = PermissionSet(frozenset({Grant("dev-a", listing)}))
    assert [(row.scope, row.verbs) for row in difference(a, b)] == [
        ("namespace * except dev-*", ("get",)),
        ("namespace dev-* except dev-a", ("get", "list")),
        ("namespace dev-a", ("get",)),
    ]


def test_excluded_names_are_marked_and_a_star_is_a_name_like_any_other() -> None:
    index = _index(
        role("all", rule("get", "secrets")),
        role("some", rule("get", "secrets", names="a * !b")),
        bind("x", "all", group("all"), namespace="dev"),
        bind("y", "some", group("some"), namespace="dev"),
    )
    change = compare(_login("u", "all"), _login("u", "some"), index)
    assert [row.resource_names for row in change.lost] == [("*", "!!b", "!*", "!a")]
    only = compare(_login("u", "some"), _login("u"), index)
    assert [row.resource_names for row in only.lost] == [("!b", "*", "a")]


def test_subresources_survive_a_wildcard_s_exclusion() -> None:
    index = _index(
        role("all", rule("get", "*")),
        role("scale", rule("get", "*/scale pods")),
        bind("x", "all", group("all"), namespace="dev"),
        bind("y", "scale", group("scale"), namespace="dev"),
        role("one", rule("get", "*/scale")),
        role("two", rule("get", "deployments/scale")),
        bind("z", "one", group("one"), namespace="dev"),
        bind("q", "two", group("two"), namespace="dev"),
    )
    assert [r.resources for r in compare(_login("u", "all"), _login("u", "scale"), index).lost] == [
        ("*", "!*/scale", "!pods")
    ]
    assert [r.resources for r in compare(_login("u", "one"), _login("u", "two"), index).lost] == [
        ("*/scale", "!deployments/scale")
    ]


def test_rows_of_several_groups_are_joined() -> None:
    index = _index(
        role("r", rule("get list", "events", "core events.k8s.io"), rule("get", "pods")),
        bind("b", "r", group("g"), namespace="dev"),
    )
    assert compare(_login("u", "g"), _login("u"), index).lost == (
        PermissionRow("namespace dev", ("",), ("pods",), ("get",)),
        PermissionRow("namespace dev", ("", "events.k8s.io"), ("events",), ("get", "list")),
    )


def test_urls_are_compared_by_prefix() -> None:
    index = _index(
        role("a", rule("get", "", urls="/healthz /healthz/* /version")),
        role("b", rule("get", "", urls="/healthz/x*")),
        bind("a", "a", group("a")),
        bind("b", "b", group("b")),
    )
    assert compare(_login("u", "a"), _login("u", "b"), index).lost == (
        PermissionRow(
            "non-resource",
            verbs=("get",),
            non_resource_urls=("/healthz", "/healthz/*", "/version", "!/healthz/x*"),
        ),
    )


def test_groups_and_policies_are_sets() -> None:
    before = Identity("u", ("a", "b", "a"), "config-map", (policy("X"), policy("Y")))
    after = Identity("u", ("b", "a"), "access-entry", (policy("Y"), policy("X")))
    assert compare(before, after, None) == AccessChange()


# what cannot be known

OPAQUE = policy("AmazonEKSNetworkingPolicy")
UNKNOWN = PermissionRow(f"unknown access policy {POLICY_ARN}AmazonEKSNetworkingPolicy")


def test_an_opaque_policy_gained_or_lost_is_marked_and_never_empty() -> None:
    assert compare(_login(), _login(policies=(OPAQUE,)), EMPTY) == AccessChange(gained=(UNKNOWN,))
    assert compare(_login(policies=(OPAQUE,)), _login(), EMPTY) == AccessChange(lost=(UNKNOWN,))


BOUND = policy("AmazonEKSKROPolicy")


def test_an_upper_bound_may_overstate_a_gain_and_says_so() -> None:
    change = compare(_login(), _login(policies=(BOUND,)), EMPTY, namespaces=("dev",))
    *known, doubt = change.gained
    assert {group for row in known for group in row.api_groups} == {
        "",
        "apiextensions.k8s.io",
        "coordination.k8s.io",
        "kro.run",
    }
    assert doubt.unknown and "upper bound" in doubt.scope and "may give less" in doubt.scope
    # No request is certain to be allowed.
    assert all(row.witness is None for row in change.gained)
    assert change.lost == ()


def test_no_loss_is_claimed_from_an_upper_bound() -> None:
    change = compare(_login(policies=(BOUND,)), _login(), EMPTY)
    assert change.gained == ()
    assert [row.unknown for row in change.lost] == [True]
    # What holds the whole bound loses nothing, whatever the policy gives.
    admin = _login(policies=(CLUSTER_ADMIN,))
    assert compare(_login(policies=(BOUND,)), admin, EMPTY).lost == ()
    # A grant inside the bound is no proof that the policy gives it too.
    index = _index(
        role("kro", rule("get", "leases", "coordination.k8s.io")), bind("b", "kro", group("g"))
    )
    kept = compare(_login("u", "g"), _login(policies=(BOUND,)), index)
    assert [row.unknown for row in kept.lost] == [False, True]


def test_the_same_upper_bound_on_both_sides_is_no_difference() -> None:
    index = _index(READER, bind("b", "reader", group("g"), namespace="dev"))
    change = compare(_login("u", policies=(BOUND,)), _login("u", "g", policies=(BOUND,)), index)
    assert change.lost == ()
    assert change.gained[0].scope == "namespace dev"
    assert all(row.unknown for row in change.gained[1:])


def test_one_of_several_identities_has_the_upper_bound_counted_as_a_gain() -> None:
    change = compare_with_several(
        (_login("u"), _login("v")), _login(policies=(BOUND,)), EMPTY, EMPTY, namespaces=()
    )
    assert [row.unknown for row in change.gained][-2:] == [False, True]
    assert change.lost == ()


def test_two_opaque_policies_are_not_equal() -> None:
    other = policy("AmazonEKSNetworkingClusterPolicy")
    change = compare(_login(policies=(OPAQUE,)), _login(policies=(other,)), EMPTY)
    assert [row.unknown for row in change.gained] == [True]
    assert [row.unknown for row in change.lost] == [True]


def test_an_opaque_policy_on_both_sides_hides_nothing() -> None:
    index = _index(READER, bind("b", "reader", group("g"), namespace="dev"))
    same = compare(
        _login("u", "x", policies=(OPAQUE,)), _login("u", "y", policies=(OPAQUE,)), index
    )
    assert same == AccessChange()
    fewer = compare(_login("u", "g", policies=(OPAQUE,)), _login("u", policies=(OPAQUE,)), index)
    assert fewer.gained == () and [row.unknown for row in fewer.lost] == [False, True]


def test_an_opaque_policy_in_fewer_namespaces_is_lost_but_not_gained() -> None:
    narrow = policy("AmazonEKSNetworkingPolicy", "dev", "")
    change = compare(_login(policies=(OPAQUE,)), _login(policies=(narrow,)), EMPTY)
    assert change == AccessChange(lost=(UNKNOWN,))
    prefix = policy("AmazonEKSNetworkingPolicy", "dev*")
    assert compare(_login(policies=(prefix,)), _login(policies=(narrow,)), EMPTY).gained == ()
    beside = policy("AmazonEKSNetworkingPolicy", "de")
    assert compare(_login(policies=(prefix,)), _login(policies=(beside,)), EMPTY).gained
    other = policy("AmazonEKSNetworkingPolicy", "prod")
    assert [
        row.scope
        for row in compare(_login(policies=(prefix,)), _login(policies=(other,)), EMPTY).gained
    ] == [f"{UNKNOWN.scope} in namespace prod"]


def test_whoever_may_do_everything_loses_nothing_unknown() -> None:
    admin = _login(policies=(CLUSTER_ADMIN,))
    assert compare(_login(policies=(OPAQUE,)), admin, EMPTY).lost == ()
    assert compare(Identity("u", ("system:masters",), "config-map"), admin, None).lost == ()
    in_dev = _login(policies=(policy("AmazonEKSClusterAdminPolicy", "dev*"),))
    assert (
        compare(_login(policies=(policy("AmazonEKSNetworkingPolicy", "dev"),)), in_dev, EMPTY).lost
        == ()
    )
    assert compare(_login(policies=(OPAQUE,)), in_dev, EMPTY).lost == (UNKNOWN,)


def test_a_scope_of_undocumented_meaning_is_bounded_by_its_policy() -> None:
    odd = _login(
        policies=(
            AssociatedPolicy(CLUSTER_ADMIN.policy_arn, AccessScope("namespace", ("dev-*-x",))),
        )
    )
    assert [row.unknown for row in compare(odd, _login(), EMPTY).lost] == [True]
    assert (
        compare(odd, _login(policies=(policy("AmazonEKSClusterAdminPolicy", "dev-*"),)), EMPTY).lost
        == ()
    )
    permissions = permissions_of(odd, EMPTY)
    assert permissions.allows(AccessRequest("get", "", "pods", namespace="dev-a-x")) is None
    assert permissions.allows(AccessRequest("get", "", "pods", namespace="dev-a")) is False
    assert permissions.allows(AccessRequest("get", "", "pods")) is False


def test_rbac_that_was_not_read_is_unknown_name_by_name() -> None:
    lost = compare(_login("u", "a", "b"), _login("v", "a"), None).lost
    assert [row.scope for row in lost] == ["unknown RBAC of group b", "unknown RBAC of user u"]
    assert compare(_login("u", "a", "b"), _login("u", "a"), None).gained == ()


def test_templates_are_compared_by_their_text_where_rbac_was_not_read() -> None:
    lost = compare(_login("a:{{SessionName}}"), _login("b:{{SessionName}}"), None).lost
    assert [row.scope for row in lost] == ["unknown RBAC of user a:{{SessionName}}"]
    assert compare(_login("a:{{SessionName}}", "g"), _login("a:{{SessionName}}"), None).gained == ()


def test_the_node_authorizer_goes_by_username_and_group() -> None:
    dns, session = (
        Identity(name, ("system:nodes",), "config-map") for name in (NODE_DNS, NODE_SESSION)
    )
    assert compare(dns, Identity(NODE_DNS, ("system:nodes",), "automatic"), EMPTY) == AccessChange()
    change = compare(dns, session, EMPTY)
    assert [row.scope for row in change.lost] == [f"unknown node authorizer for {NODE_DNS}"]
    assert [row.scope for row in change.gained] == [f"unknown node authorizer for {NODE_SESSION}"]
    assert compare(dns, Identity(NODE_DNS, (), "automatic"), EMPTY).lost == change.lost
    assert (
        compare(Identity("u", ("system:nodes",), "config-map"), _login(), EMPTY) == AccessChange()
    )


# templates


def test_a_template_is_matched_against_the_names_it_can_become() -> None:
    index = _index(
        READER,
        bind("b", "reader", user("dev:alice"), user("dev:a:b"), user("dev:"), namespace="dev"),
    )
    permissions = permissions_of(_login("dev:{{SessionName}}"), index)
    assert permissions.allows(AccessRequest("get", "", "pods", namespace="dev")) is True
    unnamed = permissions_of_unnamed(_login("dev:{{SessionName}}"), index)
    assert unnamed.allows(AccessRequest("get", "", "pods", namespace="dev")) is False
    other = permissions_of(_login("ops:{{SessionName}}"), index)
    assert other.allows(AccessRequest("get", "", "pods", namespace="dev")) is False


def test_a_right_that_moves_to_another_session_is_lost_and_gained() -> None:
    index = _index(READER, bind("b", "reader", user("old:alice"), user("new:bob"), namespace="dev"))
    change = compare(_login("old:{{SessionName}}"), _login("new:{{SessionName}}"), index)
    assert (
        [row.scope for row in change.lost]
        == [row.scope for row in change.gained]
        == ["namespace dev"]
    )
    together = _index(
        READER, bind("b", "reader", user("old:alice"), user("new:alice"), namespace="dev")
    )
    assert (
        compare(_login("old:{{SessionName}}"), _login("new:{{SessionName}}"), together)
        == AccessChange()
    )


def test_what_several_sessions_lose_is_joined() -> None:
    index = _index(
        role("pods", rule("get", "pods")),
        role("secrets", rule("get", "secrets")),
        bind("a", "pods", user("dev:alice"), namespace="dev"),
        bind("b", "secrets", user("dev:bob"), namespace="dev"),
    )
    change = compare(_login("dev:{{SessionName}}"), _login("x"), index)
    assert change == AccessChange(
        lost=(PermissionRow("namespace dev", ("",), ("pods", "secrets"), ("get",)),)
    )


def test_both_spellings_of_a_session_are_one_session() -> None:
    index = _index(READER, bind("b", "reader", user("n:a-b"), user("r:a@b"), namespace="dev"))
    change = compare(_login("n:{{SessionName}}"), _login("r:{{SessionNameRaw}}"), index)
    # a@b keeps its right; a-b, who is n:a-b as well, loses it
    assert [row.scope for row in change.lost] == ["namespace dev"] and change.gained == ()
    both = _index(
        READER, bind("b", "reader", user("n:a-b"), user("r:a@b"), user("r:a-b"), namespace="dev")
    )
    assert (
        compare(_login("n:{{SessionName}}"), _login("r:{{SessionNameRaw}}"), both) == AccessChange()
    )


def test_names_with_many_dashes_have_a_spelling_that_nobody_names() -> None:
    name = "a-b-c-d-e-f-g"
    index = _index(
        READER, bind("b", "reader", user(f"n:{name}"), user(f"r:{name}"), namespace="dev")
    )
    assert compare(_login("n:{{SessionName}}"), _login("r:{{SessionNameRaw}}"), index).lost


def test_a_group_template_that_can_become_masters_counts_as_masters() -> None:
    index = _index()
    everything = permissions_of(_login("u", "system:{{SessionName}}"), index)
    assert is_subset(EVERYTHING, everything)


def test_several_variables_are_combined() -> None:
    name = "{{AccountID}}:{{SessionName}}"
    index = _index(READER, bind("b", "reader", user("111122223333:alice"), namespace="dev"))
    assert (
        permissions_of(_login(name), index).allows(
            AccessRequest("get", "", "pods", namespace="dev")
        )
        is True
    )
    assert compare(_login(name), _login("{{AccountID}}.{{SessionName}}"), index).lost


def test_a_subject_that_spells_the_template_out_is_nobody() -> None:
    index = _index(READER, bind("b", "reader", user("dev:{{SessionName}}"), namespace="dev"))
    assert compare(_login("dev:{{SessionName}}"), _login("x"), index) == AccessChange()


@pytest.mark.parametrize("subjects", [1, 5000])
def test_too_many_named_sessions_are_said_to_be_unknown(subjects: int) -> None:
    names = [user(f"dev:user{n}") for n in range(subjects)]
    index = _index(READER, bind("b", "reader", *names, namespace="dev"))
    change = compare(_login("dev:{{SessionName}}"), _login("x"), index)
    assert any(row.unknown for row in change.lost) is (subjects > 4096)
    assert not any(row.unknown for row in change.gained)
    permissions = permissions_of(_login("dev:{{SessionName}}"), index)
    assert bool(permissions.unknown) is (subjects > 4096)


def test_a_template_of_too_many_variables_is_said_to_be_unknown() -> None:
    index = _index(READER, bind("b", "reader", user("a" * 200), namespace="dev"))
    change = compare(_login("{{SessionName}}" * 60), _login("x"), index)
    assert [row.unknown for row in change.lost] == [True]
    ambiguous = "{{EC2PrivateDNSName}}{{AccessKeyID}}{{SessionName}}{{AccountID}}"
    index = _index(READER, bind("b", "reader", user("A1" * 120), namespace="dev"))
    assert any(row.unknown for row in compare(_login(ambiguous), _login("x"), index).lost)


def test_bindings_of_our_own_count_after_they_are_made() -> None:
    index = _index(READER, bind("b", "reader", group("system:old"), namespace="dev"))
    later = _index(
        READER,
        bind("b", "reader", group("system:old"), namespace="dev"),
        bind("t", "reader", group("new"), namespace="dev"),
    )
    before, after = _login("u", "system:old"), _login("u", "new")
    assert compare(before, after, index).lost
    assert compare(before, after, index, index_after=later) == AccessChange()
    assert compare(_login("u", "new"), _login("u", "new"), index, index_after=later).gained


def test_a_binding_in_an_impossible_namespace_is_no_prefix() -> None:
    index = _index(
        READER,
        bind("b", "reader", user("u"), namespace="*"),
        bind("c", "reader", user("u"), namespace="dev-*"),
    )
    assert permissions_of(_login("u"), index) == NOTHING


def test_all_rows_of_a_login_are_its_permissions() -> None:
    index = _index(READER, bind("b", "reader", user("u")))
    assert permissions_of(_login("u"), index).rows() == (
        PermissionRow("cluster", ("",), ("pods",), ("get", "list")),
    )


def test_somebody_at_random_loses_what_either_has_and_gains_what_neither_has() -> None:
    index = _index(
        READER,
        role("keeper", rule("get", "secrets")),
        role("maker", rule("create", "configmaps")),
        bind("a", "reader", group("readers"), namespace="dev"),
        bind("b", "keeper", group("keepers"), namespace="dev"),
        bind("c", "maker", group("makers"), namespace="dev"),
    )
    pods = PermissionRow("namespace dev", ("",), ("pods",), ("get", "list"))
    secrets = PermissionRow("namespace dev", ("",), ("secrets",), ("get",))
    maps = PermissionRow("namespace dev", ("",), ("configmaps",), ("create",))
    either = (_login("u", "readers"), _login("u", "keepers"))
    assert compare_with_several(either, NOBODY, index, index) == AccessChange(lost=(pods, secrets))
    assert compare_with_several(either, _login("u", "readers"), index, index) == AccessChange(
        lost=(secrets,)
    )
    assert compare_with_several(either, _login("u", "makers"), index, index) == AccessChange(
        (maps,), (pods, secrets)
    )
    assert (
        compare_with_several(either, _login("u", "readers", "keepers"), index, index)
        == AccessChange()
    )


def test_somebody_at_random_is_judged_by_the_bindings_that_there_will_be() -> None:
    index = _index(READER, bind("b", "reader", group("system:old"), namespace="dev"))
    later = _index(
        READER,
        bind("b", "reader", group("system:old"), namespace="dev"),
        bind("t", "reader", group("new"), namespace="dev"),
    )
    either = (_login("u", "system:old"), _login("v", "system:old"))
    assert compare_with_several(either, _login("u", "new"), index, later) == AccessChange()
    assert compare_with_several((_login("u"), _login("v")), _login("u", "new"), index, later).gained
    assert compare_with_several(either, _login("u", "new"), index, index).lost


def test_what_is_unknown_of_too_many_logins_says_which_name_it_is_about() -> None:
    index = _index(READER, bind("b", "reader", user("a" * 200), namespace="dev"))
    lost = compare(_login("{{SessionName}}" * 60), _login("x"), index).lost
    told = f"logins of {'{{SessionName}}' * 60}: RBAC names too many of them"
    assert [(row.unknown, told in row.scope) for row in lost] == [(True, True)]


def test_a_group_of_the_raw_session_name_is_told_apart_by_its_at_sign() -> None:
    """`a@b` and `a-b` share a session name; only one of them is in the group that is bound."""
    index = _index(READER, bind("b", "reader", group("team:a@b"), namespace="dev"))
    raw = Identity("u", ("team:{{SessionNameRaw}}",), "config-map")
    pods = PermissionRow("namespace dev", ("",), ("pods",), ("get", "list"))
    assert compare(raw, _login("u"), index) == AccessChange(lost=(pods,))
    assert compare(_login("u"), raw, index) == AccessChange(gained=(pods,))
    assert compare(raw, raw, index) == AccessChange()
    assert compare(
        raw, Identity("u", ("team:{{SessionName}}",), "config-map"), index
    ) == AccessChange(lost=(pods,))


def test_row_that_two_sessions_lose_has_one_witness() -> None:
    index = _index(
        role("pods", rule("get", "pods")),
        bind("a", "pods", user("dev:alice"), user("dev:bob"), namespace="dev"),
    )
    change = compare(_login("dev:{{SessionName}}"), _login("x"), index, namespaces=("dev",))
    (lost,) = change.lost
    assert lost.witness is not None
    assert (lost.witness.resource, lost.witness.namespace) == ("pods", "dev")
