"""EKS's access policies: published tables, scopes, and what is left open."""

import pytest

from migrator.decide.access.access_policies import namespace_matches, policy_allows, policy_rules
from migrator.model.access_entry import AccessScope, AssociatedPolicy
from migrator.model.rbac import AccessRequest
from tests.support.access import POLICY_ARN, policy

GET_PODS = AccessRequest("get", "", "pods", namespace="dev")


def test_a_policy_s_reason_names_principal_policy_and_principal_id() -> None:
    arn = "arn:aws:iam::111122223333:role/dev"
    view = POLICY_ARN + "AmazonEKSViewPolicy"
    assert policy_allows(
        [policy("AmazonEKSViewPolicy")], GET_PODS, principal_arn=arn, principal_id="AROAEX"
    ) == (
        True,
        f'EKS Access Policy: allowed by ClusterRoleBinding "{arn}+{view}" of ClusterRole "{view}" '
        f'to User "AROAEX"',
    )


def test_a_namespace_scope_holds_inside_its_namespaces_only() -> None:
    admin = [policy("AmazonEKSClusterAdminPolicy", "dev", "team-*")]
    for request, allowed in (
        (GET_PODS, True),
        (AccessRequest("delete", "x.io", "things", "status", "team-a"), True),
        (AccessRequest("get", "", "pods", namespace="prod"), False),
        (AccessRequest("get", "", "pods"), False),
        (AccessRequest("get", "", "nodes"), False),
        (AccessRequest("get", path="/healthz"), False),
    ):
        assert policy_allows(admin, request)[0] is allowed, request


def test_several_policies_add_up() -> None:
    both = [policy("AmazonEKSViewPolicy", "dev"), policy("AmazonEKSEditPolicy", "prod")]
    assert policy_allows(both, GET_PODS)[0] is True
    assert policy_allows(both, AccessRequest("create", "", "pods", namespace="prod"))[0] is True
    assert policy_allows(both, AccessRequest("create", "", "pods", namespace="dev"))[0] is False


def test_an_opaque_policy_leaves_the_answer_open_unless_another_allows() -> None:
    opaque = policy("AmazonEKSNetworkingPolicy")
    answer, reason = policy_allows(
        [opaque, policy("AmazonEKSViewPolicy")], AccessRequest("delete", "", "pods")
    )
    assert answer is None and "AmazonEKSNetworkingPolicy" in reason
    assert policy_allows([opaque, policy("AmazonEKSViewPolicy")], GET_PODS)[0] is True
    assert (
        policy_allows(
            [policy("AmazonEKSNetworkingPolicy", "dev")], AccessRequest("get", "", "nodes")
        )[0]
        is False
    )


def test_an_upper_bound_denies_outside_and_leaves_the_answer_open_inside() -> None:
    kro = [policy("AmazonEKSKROPolicy", "dev")]
    assert policy_allows(kro, GET_PODS) == (False, "")
    lease = AccessRequest("delete", "coordination.k8s.io", "leases", namespace="dev")
    answer, reason = policy_allows(kro, lease)
    assert answer is None and "AmazonEKSKROPolicy" in reason


def test_tables_hold_in_every_partition_and_for_no_other_arn() -> None:
    assert policy_rules("arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSViewPolicy").exact
    for arn in (
        "arn:aws:eks::aws:cluster-access-policy/SomethingNew",
        "arn:aws:iam::aws:policy/AmazonEKSViewPolicy",
        "AmazonEKSViewPolicy",
        ":eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
    ):
        assert policy_rules(arn) == (None, False)
        assert policy_allows([AssociatedPolicy(arn)], GET_PODS)[0] is None


@pytest.mark.parametrize(
    ("pattern", "namespace", "answer"),
    [
        ("dev", "dev", True),
        ("dev", "dev-a", False),
        ("", "dev", False),
        ("dev-*", "dev-", True),
        ("dev-*", "dev", False),
        ("*", "anything", True),
        ("*-dev", "a-dev", None),
        ("*-dev", "dev-a", False),
        ("a*b*c", "a-b-c", None),
        ("a*b*c", "abc", None),
        ("a*b*c", "acb", False),
        ("a*a", "a", False),
        ("a*x*a", "a-a", False),
        ("dev**", "dev", None),
    ],
)
def test_only_a_trailing_star_of_a_scope_is_documented(
    pattern: str, namespace: str, answer: bool | None
) -> None:
    assert namespace_matches(pattern, namespace) is answer


def test_a_scope_of_undocumented_meaning_leaves_the_answer_open() -> None:
    odd = [
        AssociatedPolicy(
            POLICY_ARN + "AmazonEKSViewPolicy", AccessScope("namespace", ("d*v", "prod"))
        )
    ]
    assert policy_allows(odd, GET_PODS)[0] is None
    assert policy_allows(odd, AccessRequest("get", "", "pods", namespace="prod"))[0] is True
    assert policy_allows(odd, AccessRequest("delete", "", "pods", namespace="dev"))[0] is False
