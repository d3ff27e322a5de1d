"""kube-apiserver's RBAC decisions and EKS's access policies, rule by rule."""

import pytest

from migrator.decide.access.authorize import RbacIndex, authorize, groups_of_login
from migrator.decide.access.match_rules import RuleSet
from migrator.model.rbac import AccessRequest, Binding, PolicyRule, RbacState, Role, Subject
from tests.support import rbac_vectors
from tests.support.access import bind, group, policy, role, rule, user

GET_PODS = AccessRequest("get", "", "pods", namespace="dev")


def _index(*items: Role | Binding) -> RbacIndex:
    return RbacIndex(
        RbacState(
            tuple(item for item in items if isinstance(item, Role)),
            tuple(item for item in items if isinstance(item, Binding)),
        )
    )


def test_every_recorded_review_is_answered_as_the_api_server_did() -> None:
    index, questions = RbacIndex(rbac_vectors.state()), rbac_vectors.questions()
    wrong = [q for q in questions if index.allows(q[0], q[1], q[2])[0] is not q[3]]
    assert (len(questions), wrong) == (1000, [])


def test_recorded_reviews_are_answered_alike_where_no_controller_has_filled_aggregated_roles() -> (
    None
):
    state = rbac_vectors.state()
    emptied = tuple(
        Role(
            r.name,
            r.namespace,
            () if r.aggregation is not None else r.rules,
            r.labels,
            r.aggregation,
        )
        for r in state.roles
    )
    assert emptied != state.roles
    index = RbacIndex(RbacState(emptied, state.bindings))
    assert all(index.allows(*q[:3])[0] is q[3] for q in rbac_vectors.questions())


@pytest.mark.parametrize(
    ("binding", "username", "reason"),
    [
        (
            bind("x", "y", group("z"), namespace="dev"),
            "u",
            'RoleBinding "x/dev" of ClusterRole "y" to Group "z"',
        ),
        (bind("x", "y", user("u")), "u", 'ClusterRoleBinding "x" of ClusterRole "y" to User "u"'),
        (
            bind("x", "y", Subject("ServiceAccount", "sa"), namespace="dev"),
            "system:serviceaccount:dev:sa",
            'RoleBinding "x/dev" of ClusterRole "y" to ServiceAccount "sa/dev"',
        ),
        (
            bind("x", "y", Subject("ServiceAccount", "sa", "ops")),
            "system:serviceaccount:ops:sa",
            'ClusterRoleBinding "x" of ClusterRole "y" to ServiceAccount "sa/ops"',
        ),
    ],
)
def test_the_reason_names_binding_role_and_subject(
    binding: Binding, username: str, reason: str
) -> None:
    index = _index(role("y", rule("get", "pods")), binding)
    assert index.allows(username, ("z",), GET_PODS) == (True, f"RBAC: allowed by {reason}")


def test_the_first_subject_that_applies_is_named() -> None:
    index = _index(
        role("y", rule("get", "pods")), bind("x", "y", user("other"), group("z"), user("u"))
    )
    assert index.allows("u", ("z",), GET_PODS)[1].endswith('to Group "z"')


def test_a_service_account_without_namespace_in_a_cluster_role_binding_is_nobody() -> None:
    index = _index(role("y", rule("get", "pods")), bind("x", "y", Subject("ServiceAccount", "sa")))
    assert not index.allows("system:serviceaccount:None:sa", (), GET_PODS)[0]
    assert not index.allows("system:serviceaccount::sa", (), GET_PODS)[0]


def test_a_missing_role_is_said_and_grants_nothing() -> None:
    index = _index(
        bind("x", "gone", user("u")), bind("z", "r", user("u"), namespace="dev", kind="Role")
    )
    cluster_wide = AccessRequest("get", "", "pods")
    assert index.allows("u", (), cluster_wide) == (
        False,
        'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    )
    assert index.allows("u", (), GET_PODS) == (
        False,
        'RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, '
        'role.rbac.authorization.k8s.io "r" not found]',
    )


def test_a_cluster_role_binding_cannot_reach_a_role_of_a_namespace() -> None:
    index = _index(
        role("r", rule("get", "pods"), namespace="dev"), bind("x", "r", user("u"), kind="Role")
    )
    assert not index.allows("u", (), GET_PODS)[0]


def test_a_role_binding_holds_in_its_namespace_only() -> None:
    index = _index(
        role("y", rule("get", "pods", urls="/healthz")), bind("x", "y", user("u"), namespace="dev")
    )
    assert index.allows("u", (), GET_PODS)[0]
    assert not index.allows("u", (), AccessRequest("get", "", "pods", namespace="prod"))[0]
    assert not index.allows("u", (), AccessRequest("get", "", "pods"))[0]
    assert not index.allows("u", (), AccessRequest("get", path="/healthz"))[0]


@pytest.mark.parametrize(
    ("resources", "resource", "subresource", "allowed"),
    [
        ("pods", "pods", "log", False),
        ("pods/log", "pods", "log", True),
        ("pods/log", "pods", "", False),
        ("*", "pods", "log", True),
        ("*/log", "pods", "log", True),
        ("*/log", "pods", "", False),
        ("*/log", "pods", "blog", False),
        ("pods/*", "pods", "log", False),
    ],
)
def test_subresources_are_resources_of_their_own(
    resources: str, resource: str, subresource: str, allowed: bool
) -> None:
    index = _index(role("y", rule("get", resources)), bind("x", "y", user("u")))
    assert index.allows("u", (), AccessRequest("get", "", resource, subresource))[0] is allowed


def test_resource_names_limit_a_rule_to_requests_with_these_names() -> None:
    index = _index(role("y", rule("get", "pods", names="a b")), bind("x", "y", user("u")))
    for name, allowed in (("a", True), ("c", False), ("", False)):
        assert index.allows("u", (), AccessRequest("get", "", "pods", name=name))[0] is allowed


@pytest.mark.parametrize(
    ("url", "path", "allowed"),
    [
        ("/healthz", "/healthz", True),
        ("/healthz", "/healthz/x", False),
        ("/healthz/*", "/healthz/", True),
        ("/healthz/**", "/healthz/x", True),
        ("/health*z", "/healthyz", False),
        ("*", "/anything", True),
    ],
)
def test_urls_match_whole_or_by_a_trailing_star(url: str, path: str, allowed: bool) -> None:
    index = _index(
        role("y", PolicyRule(("get",), non_resource_urls=(url,))), bind("x", "y", user("u"))
    )
    assert index.allows("u", (), AccessRequest("get", path=path))[0] is allowed
    assert not index.allows("u", (), AccessRequest("post", path=path))[0]


def test_masters_come_before_rbac_and_are_unknown_to_it() -> None:
    index = _index()
    assert not index.allows("u", ("system:masters",), GET_PODS)[0]
    assert authorize(index, "u", ("system:masters",), (), GET_PODS) == (True, "")


def test_everybody_who_logs_in_is_authenticated() -> None:
    index = _index(role("y", rule("get", "pods")), bind("x", "y", group("system:authenticated")))
    assert not index.allows("u", (), GET_PODS)[0]
    assert authorize(index, "u", (), (), GET_PODS)[0] is True


@pytest.mark.parametrize(
    ("username", "groups", "added"),
    [
        ("dev", (), True),
        ("dev", ("devs",), True),
        ("", ("devs",), True),
        ("dev", ("system:authenticated", "devs"), False),
        ("dev", ("devs", "system:unauthenticated"), False),
        ("dev", ("system:Unauthenticated",), True),
        ("system:anonymous", ("devs",), False),
        ("system:anonymous ", ("devs",), True),
    ],
)
def test_api_server_adds_the_group_of_every_login(
    username: str, groups: tuple[str, ...], added: bool
) -> None:
    """Source: apiserver ``pkg/authentication/group/authenticated_group_adder.go``."""
    expected = (*groups, "system:authenticated") if added else groups
    assert groups_of_login(username, groups) == expected


def test_login_that_says_it_is_unauthenticated_lacks_the_basic_roles() -> None:
    index = _index(
        role("basic", rule("create", "selfsubjectreviews", "authentication.k8s.io")),
        bind("b", "basic", group("system:authenticated")),
    )
    asked = AccessRequest("create", "authentication.k8s.io", "selfsubjectreviews")
    assert authorize(index, "dev", ("devs",), (), asked)[0] is True
    assert authorize(index, "dev", ("system:unauthenticated",), (), asked)[0] is False
    assert authorize(index, "system:anonymous", ("devs",), (), asked)[0] is False


def test_policies_are_asked_after_rbac() -> None:
    view = policy("AmazonEKSViewPolicy", "dev")
    allowed, reason = authorize(_index(), "u", (), (view,), GET_PODS)
    assert allowed is True and reason.startswith("EKS Access Policy: ")
    index = _index(role("y", rule("get", "pods")), bind("x", "y", user("u")))
    assert authorize(index, "u", (), (view,), GET_PODS)[1].startswith("RBAC: ")
    assert authorize(
        _index(bind("x", "gone", user("u"))), "u", (), (view,), AccessRequest("get", "", "nodes")
    ) == (
        False,
        'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    )


def test_remembered_identities_are_bounded() -> None:
    index = _index(role("y", rule("get", "pods")), bind("x", "y", user("u-4999")))
    answers = [index.allows(f"u-{n}", (), GET_PODS)[0] for n in range(5000)]
    assert answers.index(True) == 4999 and not index.allows("u-0", (), GET_PODS)[0]


def test_rule_sets_with_the_same_rules_are_equal() -> None:
    one, same, other = (RuleSet((rule(verbs, "pods"),)) for verbs in ("get", "get", "list"))
    assert one == same and hash(one) == hash(same) and one not in (other, "rules")
    assert repr(one) == f"RuleSet({one.rules!r})"


def test_names_are_found_by_prefix() -> None:
    index = _index(
        bind(
            "x",
            "y",
            user("dev:b"),
            group("dev:a"),
            user("ops"),
            Subject("ServiceAccount", "s", "dev"),
        )
    )
    assert list(index.names_with_prefix("users", "dev:")) == ["dev:b"]
    assert list(index.names_with_prefix("groups", "dev:")) == ["dev:a"]
    assert list(index.names_with_prefix("users", "system:")) == ["system:serviceaccount:dev:s"]
    assert len(index.names_with_prefix("users", "")) == 3
