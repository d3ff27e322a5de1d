"""One request for each row of a difference: inside the row, certain, and one that people
recognise.
"""

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import compare, compare_with_several
from migrator.decide.access.witnesses import with_witnesses, witness_of
from migrator.model.access_entry import Identity
from migrator.model.rbac import AccessRequest, PermissionRow, PolicyRule, RbacState, Witness
from tests.support.access import bind, group, policy, role, row_allows, rule, user

NAMESPACES = ("kube-system", "payments", "shop")


def _lost(
    *rules: PolicyRule, namespace: str | None = None, kept: PolicyRule | None = None
) -> tuple[Witness, ...]:
    """Witnesses of what is lost with a role of these rules; ``kept`` stays."""
    roles, bindings = (
        [role("gone", *rules)],
        [bind("gone", "gone", group("g"), namespace=namespace)],
    )
    if kept is not None:
        roles.append(role("kept", kept))
        bindings.append(bind("kept", "kept", user("u")))
    index = RbacIndex(RbacState(tuple(roles), tuple(bindings)))
    change = compare(
        Identity("u", ("g",), "config-map"),
        Identity("u", (), "access-entry"),
        index,
        namespaces=NAMESPACES,
    )
    assert all(
        row.witness is not None and row_allows(row, row.witness.request) for row in change.lost
    )
    return tuple(row.witness for row in change.lost if row.witness is not None)


@pytest.mark.parametrize(
    ("rules", "namespace", "expected"),
    [
        (rule("*", "*", "*"), None, Witness("get", resource="secrets")),
        (rule("get list", "pods"), "shop", Witness("list", resource="pods", namespace="shop")),
        (
            rule("get", "secrets", names="token"),
            "shop",
            Witness("get", "", "secrets", "", "token", "shop"),
        ),
        (
            rule("create get", "widgets", "example.com", names="w"),
            None,
            Witness("get", "example.com", "widgets", "", "w"),
        ),
        (rule("create", "pods", names="w"), None, Witness("create", resource="pods", name="w")),
        (rule("get", "*/scale", "apps"), None, Witness("get", "apps", "deployments", "scale")),
        (rule("sign", "*/odd", "x.io"), None, Witness("sign", "x.io", "migrator-probe", "odd")),
        (rule("watch", "deployments pods", "core apps"), None, Witness("watch", "", "pods")),
        (rule("get", "pods/"), None, Witness("get", "", "pods/")),
        (
            PolicyRule(("get",), non_resource_urls=("/api/*",)),
            None,
            Witness("get", non_resource_url="/api/migrator-probe"),
        ),
        (
            PolicyRule(("*",), non_resource_urls=("*",)),
            None,
            Witness("get", non_resource_url="/healthz"),
        ),
        (PolicyRule(("get",), non_resource_urls=("",)), None, Witness("get", non_resource_url="")),
    ],
)
def test_the_witness_of_a_row_is_a_request_that_people_know(
    rules: PolicyRule, namespace: str | None, expected: Witness
) -> None:
    assert _lost(rules, namespace=namespace) == (expected,)


def test_exclusions_of_a_row_are_never_asked() -> None:
    kept = rule("get", "*", names="a")
    assert {witness.name for witness in _lost(rule("get", "secrets"), kept=kept)} == {""}
    (witness,) = _lost(rule("get", "*", names=""), kept=rule("get", "secrets configmaps pods"))
    assert witness.resource not in ("secrets", "configmaps", "pods")
    (witness,) = _lost(
        PolicyRule(("get",), non_resource_urls=("/logs/*",)),
        kept=PolicyRule(("get",), non_resource_urls=("/logs/migrator-probe", "/logs/")),
    )
    assert witness.non_resource_url == "/logs/migrator-probe1"


def test_a_scope_of_a_policy_is_shown_in_a_namespace_that_exists() -> None:
    before = Identity("u", (), "access-entry", (policy("AmazonEKSAdminViewPolicy", "*"),))
    after = Identity("u", (), "access-entry", (policy("AmazonEKSAdminViewPolicy", "pay*"),))
    found = compare(before, after, RbacIndex(RbacState()), namespaces=NAMESPACES).lost
    assert {row.witness.namespace for row in found if row.witness} == {"shop"}
    (row, *_) = compare(after, Identity("", (), "none"), RbacIndex(RbacState()), namespaces=()).lost
    assert row.witness is not None
    assert row.witness.namespace == "pay"


def test_kinds_without_a_namespace_are_not_asked_about_in_one() -> None:
    (witness,) = _lost(rule("list delete", "nodes namespaces configmaps"), namespace="shop")
    assert witness.resource == "configmaps"


def test_nothing_uncertain_is_a_witness() -> None:
    opaque = policy("AmazonEKSNetworkingPolicy")
    before = Identity("u", ("g",), "config-map")
    state = RbacState((role("r", rule("get", "pods")),), (bind("b", "r", group("g")),))
    change = compare(
        before, Identity("u", (), "access-entry", (opaque,)), RbacIndex(state), namespaces=()
    )
    assert [(row.unknown, row.witness) for row in change.lost] == [(False, None), (True, None)]
    assert witness_of(PermissionRow("unknown RBAC"), lambda _: True) is None
    urls = PermissionRow("non-resource", verbs=("get",), non_resource_urls=("/api",))
    assert witness_of(urls, lambda _: False) is None


def test_a_comparison_that_needs_no_witness_has_none() -> None:
    state = RbacState((role("r", rule("get", "pods")),), (bind("b", "r", group("g")),))
    change = compare(
        Identity("u", ("g",), "config-map"), Identity("u", (), "access-entry"), RbacIndex(state)
    )
    assert [row.witness for row in change.lost] == [None]


def test_what_only_one_session_shows_names_its_login() -> None:
    state = RbacState((role("r", rule("get", "pods")),), (bind("b", "r", user("dev:alice")),))
    before = Identity("dev:{{SessionName}}", (), "config-map")
    change = compare(before, Identity("x", (), "access-entry"), RbacIndex(state), namespaces=())
    assert [row.witness.login for row in change.lost if row.witness] == [("SessionName=alice",)]


def test_one_of_several_identities_at_random_is_compared_with_witnesses() -> None:
    state = RbacState(
        (role("r", rule("get", "pods")), role("s", rule("get", "secrets"))),
        (bind("b", "r", group("g")), bind("c", "s", group("h"))),
    )
    befores = [Identity("u", ("g",), "config-map"), Identity("u", (), "config-map")]
    after, index = Identity("u", ("h",), "access-entry"), RbacIndex(state)
    change = compare_with_several(befores, after, index, index, namespaces=NAMESPACES)
    assert [row.witness for row in change.lost] == [Witness("get", resource="pods")]
    assert [row.witness for row in change.gained] == [Witness("get", resource="secrets")]
    without = compare_with_several(befores, after, index, index)
    assert [row.witness for row in (*without.lost, *without.gained)] == [None, None]


def test_a_joined_row_takes_the_witness_that_every_login_shows() -> None:
    pods, secrets = (
        PermissionRow("cluster", ("",), (kind,), ("get",)) for kind in ("pods", "secrets")
    )
    other = PermissionRow("cluster", ("apps",), ("pods",), ("get",))
    joined = PermissionRow("cluster", ("",), ("pods", "secrets"), ("get",))
    everybody, alice = (
        Witness("get", resource="pods"),
        Witness("get", resource="secrets", login=("SessionName=alice",)),
    )
    found = {pods: everybody, secrets: alice, other: Witness("get", "apps", "pods")}
    assert [row.witness for row in with_witnesses([joined, PermissionRow("cluster")], found)] == [
        everybody,
        None,
    ]


def test_a_witness_is_the_request_that_it_was_made_of() -> None:
    for request in (
        AccessRequest("get", "apps", "deployments", "scale", "shop", "web"),
        AccessRequest("get", path="/x"),
    ):
        assert Witness.of(request).request == request
